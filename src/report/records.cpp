#include "report/records.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
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

void set(Json& json, std::monostate) { json = nullptr; }
template <class T>
void set(Json& json, const T& value) {
    json = value;
}

void add(Json& json, const Fields& fields) {
    for (const auto& field : fields)
        std::visit([&](const auto& value) { set(place(json, field.first), value); }, field.second);
}

/// The member of an object, where it is one of that name and kind.
const Json* member(const Json& json, const char* name, bool (Json::*is)() const noexcept) {
    if (!json.is_object()) return nullptr;
    const auto found = json.find(name);
    return found != json.end() && ((*found).*is)() ? &*found : nullptr;
}

std::optional<std::string> text_in(const Json& json, const char* name) {
    const Json* const found = member(json, name, &Json::is_string);
    return found ? std::optional(found->get<std::string>()) : std::nullopt;
}

std::optional<std::uint64_t> count_in(const Json& json, const char* name) {
    const Json* const found = member(json, name, &Json::is_number_unsigned);
    return found ? std::optional(found->get<std::uint64_t>()) : std::nullopt;
}

std::optional<double> number_in(const Json& json, const char* name) {
    const Json* const found = member(json, name, &Json::is_number);
    return found ? std::optional(found->get<double>()) : std::nullopt;
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

std::optional<double> LoggedLine::figure(std::string_view name) const {
    const auto found = std::ranges::find(figures, name, &std::pair<std::string, double>::first);
    return found == figures.end() ? std::nullopt : std::optional(found->second);
}

std::optional<LoggedLine> parse_metrics_line(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    const auto kind = text_in(json, "kind");
    const auto epoch = count_in(json, "epoch"), step = count_in(json, "step");
    if (!kind || !epoch || !step) return {};
    LoggedLine line{*kind, text_in(json, "over").value_or(""), *epoch, *step, {}};
    for (const auto& [name, value] : json.items())
        if (value.is_number() && name != "epoch" && name != "step" && name != "samples")
            line.figures.emplace_back(name, value.get<double>());
    return line;
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

std::optional<LoggedStatus> parse_status(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    const auto state = text_in(json, "state");
    if (!state) return {};
    return LoggedStatus{*state,
                        text_in(json, "message").value_or(""),
                        count_in(json, "epoch"),
                        count_in(json, "epochs"),
                        count_in(json, "best_epoch"),
                        number_in(json, "best_validation_elbo")};
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
