// `elbo convert`: sources to an HDF5 dataset file.
#include "convert/convert.hpp"

#include "base/text.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/output_file.hpp"
#include "convert/division.hpp"
#include "convert/elements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>

namespace elbo::commands {

namespace {

template <class Value>
struct Word {
    std::string_view word;
    Value value;
};

/// The value of one of a few words. Throws InputError naming the option and the words.
template <class Value>
Value value_of(std::string_view option, const std::string& word, std::initializer_list<Word<Value>> words) {
    std::vector<std::string_view> known;
    for (const Word<Value>& one : words) {
        if (one.word == word) return one.value;
        known.push_back(one.word);
    }
    reject("{} {}: expected one of {}", option, word, joined(known));
}

/// "28x28x1". Throws InputError naming the option, and what it expects, where these are no extents.
Shape parse_extents(const char* option, const std::string& text, std::size_t most, const char* expected) {
    Shape shape;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('x', begin), text.size());
        std::size_t extent = 0;
        const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, extent);
        const bool number = error == std::errc() && stop == text.data() + end && extent > 0 && extent <= 1u << 30;
        if (!number || shape.size() == most) reject("{} {}: expected {}", option, text, expected);
        shape.push_back(extent);
        begin = end + 1;
    }
    return shape;
}

/// The words of the command line as what they ask for.
convert::Request request_of(const ConvertOptions& options) {
    convert::Request request = options.request;
    if (options.words.size() < 2) reject("{}: expected SOURCE... OUT.h5", options.words.front());
    request.sources.assign(options.words.begin(), options.words.end() - 1);
    request.output = options.words.back();
    if (!options.split.empty()) request.shares = convert::parse_shares(options.split);
    if (!options.type.empty()) request.type = convert::element_type("--type", options.type);
    if (!options.shape.empty()) {
        constexpr std::size_t any = SIZE_MAX;
        request.shape =
            parse_extents("--shape", options.shape, any, "extents of a row joined by x, as in 28x28 or 32x32x3");
    }
    if (!options.resize.empty()) {
        request.resize = parse_extents("--resize", options.resize, 2, "HEIGHTxWIDTH in pixels, as in 64x64 or 64");
    }
    using storage::Compression;
    request.compression = value_of<Compression>("--compress", options.compress,
                                                {{"none", Compression::none}, {"gzip", Compression::gzip}});
    using convert::Missing;
    request.missing = value_of<Missing>("--missing", options.missing,
                                        {{"error", Missing::error}, {"zero", Missing::zero}, {"mean", Missing::mean}});
    if (!options.header.empty())
        request.header = value_of<bool>("--header", options.header, {{"yes", true}, {"no", false}});
    return request;
}

/// Items left out that are named one by one on the terminal.
constexpr std::size_t most_named = 20;

Exit convert_on(const ConvertOptions& options, const comm::Communicator& world) {
    using Clock = std::chrono::steady_clock;
    report::Terminal terminal(world.first(), options.quiet ? report::Verbosity::quiet : report::Verbosity::normal);
    const Clock::time_point start = Clock::now();
    const auto seconds = [&] { return std::max(std::chrono::duration<double>(Clock::now() - start).count(), 1e-9); };
    const auto progress = [&](std::size_t done, std::size_t total) {
        if (!terminal.wants_live() || done == 0) return;
        const double rate = static_cast<double>(done) / seconds();
        terminal.live({"converting", static_cast<double>(done) / static_cast<double>(total),
                       fmt::format("{} items", with_commas(done)), rate, static_cast<double>(total - done) / rate});
    };
    std::size_t skipped = 0;
    const auto tell_skipped = [&](const std::string& reason) {
        if (++skipped <= most_named) terminal.warning("left out: " + reason);
    };
    convert::Request request;
    world.together([&] { request = request_of(options); });
    world.on_first([&] { require_ordinary("output", request.output); });
    const auto written = convert::convert(request, progress, tell_skipped, world);
    if (skipped > 0) terminal.warning(fmt::format("left out {} damaged items", with_commas(skipped)));
    for (const storage::DatasetInfo& info : written)
        terminal.line(fmt::format("{:<16} {} {}", info.name, describe(info.shape), storage::name_of(info.type)));
    terminal.line(fmt::format("wrote {} in {}", options.words.back(), human_duration(seconds())));
    return Exit::done;
}

} // namespace

Exit convert(const ConvertOptions& options) {
    if (!comm::launched()) return convert_on(options, {});
    return on_ranks([&](const comm::Communicator& world) { return convert_on(options, world); });
}

std::string source_formats() {
    constexpr std::size_t column = 19;
    std::string text = "Formats:";
    for (const convert::Format& format : convert::formats()) {
        const std::string meaning = wrapped(format.meaning, column);
        text += fmt::format("\n  {:<{}}{}", format.name, column - 2, meaning.substr(column));
    }
    return text;
}

} // namespace elbo::commands
