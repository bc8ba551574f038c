#include "report/page.hpp"

#include "base/error.hpp"
#include "report/records.hpp"
#include "storage/files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <utility>

namespace elbo::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_picture_bytes = std::size_t{4} << 20, most_events = 300;

/// Eight digits are more than a chart or a table shows; null where the number is not finite.
Json number(double value) {
    if (!std::isfinite(value)) return nullptr;
    return std::stod(fmt::format("{:.8g}", value));
}

Json numbers(std::span<const double> values) {
    Json list = Json::array();
    for (const double value : values) list.push_back(number(value));
    return list;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k) text += k <= count ? digits[group >> (18 - 6 * k) & 63U] : '=';
    }
    return text;
}

std::string data_uri(std::string_view png) { return "data:image/png;base64," + base64(png); }

Json json_of(const Lines& lines) {
    Json figures = Json::object();
    for (const auto& [name, column] : lines.figures) figures[name] = numbers(column);
    return {{"count", lines.count}, {"each", lines.each}, {"figures", figures}};
}

Json json_of(const Illustration& picture) {
    return {{"uri", picture.png.empty() ? Json() : Json(data_uri(picture.png))}, {"text", picture.text}};
}

Json json_of(const Latents& latents) {
    if (latents.kl.empty()) return nullptr;
    Json columns = Json::array();
    for (std::size_t c = 0; c < latents.columns.size(); ++c)
        columns.push_back({{"name", latents.columns[c]}, {"values", numbers(latents.labels[c])}});
    return {{"epoch", latents.epoch},
            {"step", latents.step},
            {"samples", latents.samples},
            {"kl", numbers(latents.kl)},
            {"variance", numbers(latents.variance)},
            {"across", numbers(latents.across)},
            {"up", numbers(latents.up)},
            {"explained", numbers(latents.explained)},
            {"labels", columns},
            {"meaning", latents.meaning}};
}

/// Pictures of the epochs; those that cannot be read, or are no pictures of elbo's making, are left out.
Json epochs_of(const RunRecord& run, Json& notes) {
    Json list = Json::array();
    std::size_t left_out = 0;
    for (const EpochPicture& picture : run.pictures) {
        std::error_code error;
        const auto bytes = std::filesystem::file_size(picture.file, error);
        std::string png;
        if (!error && bytes <= most_picture_bytes) png = storage::read_text(picture.file);
        if (png.starts_with("\x89PNG"))
            list.push_back({{"epoch", picture.epoch}, {"uri", data_uri(png)}});
        else
            ++left_out;
    }
    if (left_out > 0)
        notes.push_back(fmt::format("{} of samples/ are no PNG pictures of up to 4 MiB, and left out", left_out));
    return list;
}

/// Saves are many, and alike: the newest is as good as all.
Json events_of(const RunRecord& run) {
    Json list = Json::array();
    for (const std::string& line : run.events) {
        Json event = Json::parse(line, nullptr, false);
        if (event.is_object() && event.value("event", Json()) != "save") list.push_back(std::move(event));
    }
    if (list.size() > most_events) list.erase(list.begin(), list.end() - most_events);
    return list;
}

Json json_of(const RunRecord& run) {
    Json notes = run.notes, keys = Json::array();
    for (const auto& [key, value] : run.keys) keys.push_back(Json::array({key, value}));
    Json json;
    json["name"] = run.name;
    json["folder"] = run.folder.string();
    json["state"] = run.state;
    json["status"] = run.status.empty() ? Json() : Json::parse(run.status, nullptr, false);
    json["lines"] = {
        {"steps", json_of(run.steps)}, {"epochs", json_of(run.epochs)}, {"validation", json_of(run.validation)}};
    json["events"] = events_of(run);
    json["configuration"] = run.configuration;
    json["keys"] = keys;
    json["latents"] = json_of(run.latents);
    json["pictures"] = epochs_of(run, notes);
    json["all_pictures"] = run.all_pictures;
    json["checkpoint"] = run.shown.checkpoint;
    json["parameters"] = run.shown.parameters;
    json["prior"] = json_of(run.shown.prior);
    json["traversal"] = json_of(run.shown.traversal);
    json["notes"] = std::move(notes);
    return json;
}

/// JSON that cannot end the script element that it stands in, nor begin a comment there: "<" and its kind occur only
/// within JSON's texts, where they may be written as escapes.
std::string harmless(const Json& json) {
    std::string text;
    for (const char c : json.dump(-1, ' ', true, Json::error_handler_t::replace)) {
        if (c == '<' || c == '>' || c == '&')
            text += fmt::format("\\u{:04x}", static_cast<int>(c));
        else
            text += c;
    }
    return text;
}

} // namespace

std::string page_text(std::span<const RunRecord> runs, std::string_view version) {
    Json data;
    data["version"] = version;
    data["made"] = utc_now();
    data["runs"] = Json::array();
    for (const RunRecord& run : runs) data["runs"].push_back(json_of(run));
    const std::string block = harmless(data);
    const std::pair<std::string_view, std::string_view> parts[] = {{"{{style}}", page_style()},
                                                                   {"{{licence}}", chart_licence()},
                                                                   {"{{data}}", block},
                                                                   {"{{chart}}", chart_library()},
                                                                   {"{{script}}", page_script()}};
    std::string_view left = page_template();
    std::string text;
    for (const auto& [place, part] : parts) { // in the template's order, so that no part is looked through
        const std::size_t at = left.find(place);
        if (at == std::string_view::npos) throw std::logic_error(fmt::format("the page has no {}", place));
        text += left.substr(0, at);
        text += part;
        left.remove_prefix(at + place.size());
    }
    return text.append(left);
}

} // namespace elbo::report
