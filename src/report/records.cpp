#include "report/records.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>

namespace elbo::report {
namespace {

using Json = nlohmann::ordered_json;

/// Invalid UTF-8 in a user's path or message is replaced: a log line must not end a training.
std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// json["a"]["b"] of "a.b".
Json& place(Json& json, std::string_view name) {
    const std::size_t dot = name.find('.');
    Json& item = json[std::string(name.substr(0, dot))];
    return dot == std::string_view::npos ? item : place(item, name.substr(dot + 1));
}

void add(Json& json, const Fields& fields) {
    for (const auto& field : fields)
        std::visit([&](const auto& value) { place(json, field.first) = value; }, field.second);
}

} // namespace

std::string metrics_line(const Metrics& metrics) {
    Json json;
    json["kind"] = metrics.kind;
    if (!metrics.over.empty()) json["over"] = metrics.over;
    json["epoch"] = metrics.epoch;
    json["step"] = metrics.step;
    json["samples"] = metrics.samples;
    json["elbo"] = metrics.elbo();
    json["reconstruction"] = metrics.reconstruction;
    json["kl"] = metrics.kl;
    if (metrics.weighted) json[fmt::format("bound_{}", metrics.weighted->first)] = metrics.weighted->second;
    if (metrics.active_units) json["active_units"] = *metrics.active_units;
    if (metrics.rate) json["rate"] = *metrics.rate;
    if (metrics.kl_weight) json["kl_weight"] = *metrics.kl_weight;
    if (metrics.gradient_norm) json["gradient_norm"] = *metrics.gradient_norm;
    json["seconds"] = metrics.seconds;
    json["samples_per_second"] = metrics.samples_per_second;
    return line_of(json);
}

std::string event_line(std::string_view event, const Fields& fields) {
    Json json;
    json["time"] = utc_now();
    json["event"] = event;
    add(json, fields);
    return line_of(json);
}

std::string status_text(std::string_view state, std::optional<Exit> exit, const Fields& fields) {
    Json json;
    json["state"] = state;
    json["exit"] = exit ? Json(static_cast<int>(*exit)) : Json(nullptr);
    json["time"] = utc_now();
    add(json, fields);
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string object_text(const Fields& fields) {
    Json json = Json::object();
    add(json, fields);
    return line_of(json) + "\n";
}

std::string utc_now() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

} // namespace elbo::report
