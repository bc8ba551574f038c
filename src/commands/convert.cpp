// `elbo convert`: a source to an HDF5 dataset file.
#include "convert/convert.hpp"

#include "base/text.hpp"
#include "commands/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace elbo::commands {

Exit convert(const ConvertOptions& options) {
    using Clock = std::chrono::steady_clock;
    report::Terminal terminal(true, options.quiet ? report::Verbosity::quiet : report::Verbosity::normal);
    convert::Request request;
    request.source = options.source;
    request.output = options.output;
    request.format = options.format;
    request.train = options.train;
    request.test = options.test;
    request.size = options.size;
    request.seed = options.seed;
    request.colour = options.colour;
    request.overwrite = options.overwrite;

    const Clock::time_point start = Clock::now();
    const auto seconds = [&] { return std::max(std::chrono::duration<double>(Clock::now() - start).count(), 1e-9); };
    const std::vector<storage::DatasetInfo> written =
        convert::convert(request, [&](std::size_t done, std::size_t total) {
            if (!terminal.wants_live() || done == 0) return;
            const double rate = static_cast<double>(done) / seconds();
            terminal.live({"converting", static_cast<double>(done) / static_cast<double>(total),
                           fmt::format("{} rows", with_commas(done)), rate, static_cast<double>(total - done) / rate});
        });
    for (const storage::DatasetInfo& info : written)
        terminal.line(fmt::format("{:<16} {} {}", info.name, describe(info.shape), storage::name_of(info.type)));
    terminal.line(fmt::format("wrote {} in {}", options.output, human_duration(seconds())));
    return Exit::done;
}

std::string source_formats() {
    std::vector<std::string_view> names;
    for (const convert::Format& format : convert::formats()) names.push_back(format.name);
    return joined(names);
}

} // namespace elbo::commands
