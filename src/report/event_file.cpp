#include "report/event_file.hpp"

#include "base/error.hpp"

#include <fmt/format.h>
#include <isa-l/crc.h>
#include <tensorboard.pb.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

namespace elbo::report {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "events.out.tfevents.";

/// The lowest `bytes` bytes of a number, lowest first.
std::string little_endian(std::uint64_t number, std::size_t bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i) & 0xff);
    return text;
}

/// CRC-32C (RFC 3720, appendix B.4), turned and shifted: a checksum of bytes that hold checksums says little.
std::string masked_checksum(std::string bytes) {
    auto* const begin = reinterpret_cast<unsigned char*>(bytes.data());
    const std::uint32_t crc = ~crc32_iscsi(begin, static_cast<int>(bytes.size()), ~0U);
    return little_endian((crc >> 15 | crc << 17) + 0xa282ead8U, 4);
}

/// The seconds that a name of an event file begins with; nothing for other files.
std::optional<std::uint64_t> seconds_of(const fs::path& path) {
    const std::string name = path.filename().string();
    if (!name.starts_with(prefix)) return std::nullopt;
    std::uint64_t seconds = 0;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), seconds);
    return seconds;
}

std::optional<std::uint64_t> newest_seconds(const fs::path& folder) {
    std::optional<std::uint64_t> newest;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none))
        if (const auto seconds = seconds_of(entry.path())) newest = std::max(newest.value_or(0), *seconds);
    return newest;
}

/// TensorBoard reads files in the order of their names, and never goes back to one: names must not come out of order
/// where two starts fall into a second, or a clock was set back.
fs::path next_file(const fs::path& folder) {
    auto seconds = static_cast<std::uint64_t>(wall_time());
    if (const auto newest = newest_seconds(folder)) seconds = std::max(seconds, *newest + 1);
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return folder / fmt::format("{}{:010}.{}.{}.elbo", prefix, seconds, host.data(), ::getpid());
}

tensorboard::Event event_at(std::uint64_t step, double time) {
    tensorboard::Event event;
    event.set_wall_time(time);
    event.set_step(static_cast<std::int64_t>(step));
    return event;
}

void append(storage::AppendLog& log, const tensorboard::Event& event) { log.append(framed(event.SerializeAsString())); }

void append(storage::AppendLog& log, const char* tag, const tensorboard::HParamsPluginData& data) {
    tensorboard::Event event = event_at(0, wall_time());
    tensorboard::Summary::Value& value = *event.mutable_summary()->add_value();
    value.set_tag(tag);
    tensorboard::SummaryMetadata::PluginData& plugin = *value.mutable_metadata()->mutable_plugin_data();
    plugin.set_plugin_name("hparams");
    plugin.set_content(data.SerializeAsString());
    append(log, event);
}

/// Without the empty bins at both ends. Sums take a bin's values to lie in its middle.
void fill(tensorboard::Histogram& proto, const Histogram& histogram) {
    const auto full = [&](std::size_t bin) { return histogram.counts[bin] > 0; };
    std::size_t begin = 0, end = histogram.counts.size();
    while (begin < end && !full(begin)) ++begin;
    while (end > begin && !full(end - 1)) --end;
    proto.set_min(histogram.edges[begin]);
    proto.set_max(histogram.edges[end]);
    double number = 0, sum = 0, squares = 0;
    for (std::size_t bin = begin; bin < end; ++bin) {
        const double count = histogram.counts[bin];
        const double middle = (histogram.edges[bin] + histogram.edges[bin + 1]) / 2;
        number += count;
        sum += count * middle;
        squares += count * middle * middle;
        proto.add_bucket_limit(histogram.edges[bin + 1]);
        proto.add_bucket(count);
    }
    proto.set_num(number);
    proto.set_sum(sum);
    proto.set_sum_squares(squares);
}

tensorboard::Value value_of(const std::string& text) {
    tensorboard::Value value;
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text == "true" || text == "false")
        value.set_bool_value(text == "true");
    else if (error == std::errc() && end == text.data() + text.size())
        value.set_number_value(number);
    else
        value.set_string_value(text);
    return value;
}

/// A number of a PNG's header, highest byte first.
std::int32_t header_number(const std::string& png, std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(png[at + i]);
    return static_cast<std::int32_t>(number);
}

} // namespace

std::string framed(const std::string& bytes) {
    const std::string length = little_endian(bytes.size(), 8);
    return length + masked_checksum(length) + bytes + masked_checksum(bytes);
}

double wall_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

EventFile::EventFile(const fs::path& folder, std::uint64_t first_step) : log_(next_file(folder)) {
    tensorboard::Event version = event_at(0, wall_time());
    version.set_file_version("brain.Event:2");
    append(log_, version);
    tensorboard::Event start = event_at(first_step, wall_time());
    start.mutable_session_log()->set_status(tensorboard::SessionLog::START);
    append(log_, start);
}

void EventFile::scalars(std::uint64_t step, double time, const std::vector<std::pair<std::string, double>>& values) {
    tensorboard::Event event = event_at(step, time);
    for (const auto& [tag, number] : values) {
        tensorboard::Summary::Value& value = *event.mutable_summary()->add_value();
        value.set_tag(tag);
        value.set_simple_value(static_cast<float>(number));
    }
    append(log_, event);
}

void EventFile::image(std::uint64_t step, const std::string& tag, const std::string& png) {
    // Signature and IHDR: width at 16, height at 20, bit depth, colour type at 25 (0: grey, 2: RGB).
    constexpr std::size_t width_at = 16, height_at = 20, colours_at = 25, least = 33;
    if (png.size() < least || png.compare(1, 3, "PNG") != 0) fail("{}: a picture for TensorBoard is no PNG", tag);
    tensorboard::Event event = event_at(step, wall_time());
    tensorboard::Summary::Value& value = *event.mutable_summary()->add_value();
    value.set_tag(tag);
    tensorboard::Summary::Image& image = *value.mutable_image();
    image.set_width(header_number(png, width_at));
    image.set_height(header_number(png, height_at));
    image.set_colorspace(png[colours_at] == 0 ? 1 : 3);
    image.set_encoded_image_string(png);
    append(log_, event);
}

void EventFile::histograms(std::uint64_t step, const std::vector<std::pair<std::string, Histogram>>& values) {
    tensorboard::Event event = event_at(step, wall_time());
    for (const auto& [tag, histogram] : values) {
        tensorboard::Summary::Value& value = *event.mutable_summary()->add_value();
        value.set_tag(tag);
        fill(*value.mutable_histo(), histogram);
    }
    append(log_, event);
}

void EventFile::text(std::uint64_t step, const std::string& tag, const std::string& markdown) {
    tensorboard::Event event = event_at(step, wall_time());
    tensorboard::Summary::Value& value = *event.mutable_summary()->add_value();
    value.set_tag(tag);
    value.mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
    value.mutable_tensor()->set_dtype(tensorboard::Tensor::STRING);
    value.mutable_tensor()->add_string_val(markdown);
    append(log_, event);
}

void EventFile::hyperparameters(const std::vector<std::pair<std::string, std::string>>& values) {
    tensorboard::HParamsPluginData data;
    tensorboard::SessionStartInfo& info = *data.mutable_session_start_info();
    for (const auto& [name, text] : values) (*info.mutable_hparams())[name] = value_of(text);
    info.set_start_time_secs(wall_time());
    append(log_, "_hparams_/session_start_info", data);
}

void EventFile::end(bool success) {
    tensorboard::HParamsPluginData data;
    tensorboard::SessionEndInfo& info = *data.mutable_session_end_info();
    info.set_status(success ? tensorboard::SessionEndInfo::SUCCESS : tensorboard::SessionEndInfo::FAILURE);
    info.set_end_time_secs(wall_time());
    append(log_, "_hparams_/session_end_info", data);
}

bool has_event_files(const fs::path& folder) { return newest_seconds(folder).has_value(); }

} // namespace elbo::report
