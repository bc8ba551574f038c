// The table of source formats, and what every conversion has in common.
#include "convert/convert.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/version.hpp"

#include <algorithm>
#include <array>

namespace elbo::convert {

namespace fs = std::filesystem;

Format idx_format();     // idx.cpp
Format sprites_format(); // sprites.cpp

std::span<const Format> formats() {
    static const std::array table = {idx_format(), sprites_format()};
    return table;
}

namespace {

std::vector<std::string_view> format_names() {
    std::vector<std::string_view> names;
    for (const Format& format : formats()) names.push_back(format.name);
    return names;
}

/// "; did you mean sprites?", or nothing.
std::string suggestion(std::string_view word) {
    const std::string_view close = nearest(word, format_names());
    return close.empty() ? "" : fmt::format("; did you mean {}?", close);
}

[[noreturn]] void reject_source(const std::string& source) {
    std::string known;
    for (const Format& format : formats())
        known += fmt::format("{}{}: {}", known.empty() ? "" : "; ", format.name, format.meaning);
    std::error_code ignored;
    if (!fs::exists(source, ignored)) {
        reject("{}: no such file, folder or generator{} (known: {})", source, suggestion(source), known);
    }
    if (fs::is_regular_file(source, ignored) && storage::is_hdf5(source)) {
        reject("{}: is an HDF5 file already: name it under data.train as it is", source);
    }
    reject("{}: is in no format known to elbo (known: {}); --from names one", source, known);
}

const Format& format_of(const Request& request) {
    const auto table = formats();
    if (!request.format.empty()) {
        const auto named = std::find_if(table.begin(), table.end(),
                                        [&](const Format& format) { return format.name == request.format; });
        if (named == table.end()) {
            reject("--from {}: no such format{} (known: {})", request.format, suggestion(request.format),
                   joined(format_names()));
        }
        return *named;
    }
    const auto recognised = std::find_if(table.begin(), table.end(),
                                         [&](const Format& format) { return format.recognises(request.source); });
    if (recognised == table.end()) reject_source(request.source);
    return *recognised;
}

void check_output(const Request& request) {
    const fs::path& output = request.output;
    std::error_code ignored;
    if (output.empty() || !output.has_filename()) reject("\"{}\": expected an output file", output.string());
    if (fs::is_directory(output, ignored)) reject("{}: is a folder, expected an output file", output.string());
    if (fs::equivalent(request.source, output, ignored)) reject("{}: is source and output at once", output.string());
    if (!request.overwrite && fs::exists(output, ignored)) {
        reject("{}: exists; --force replaces it", output.string());
    }
}

} // namespace

std::vector<storage::DatasetInfo> convert(const Request& request, const Progress& progress) {
    const Format& format = format_of(request);
    check_output(request);
    if (request.output.has_parent_path()) {
        std::error_code error;
        fs::create_directories(request.output.parent_path(), error);
        if (error) reject("{}: cannot be made: {}", request.output.parent_path().string(), error.message());
    }
    storage::DatasetFileWriter out(request.output);
    format.convert(
        request, out, progress ? progress : [](std::size_t, std::size_t) {});
    out.attribute("/", "source", request.source);
    out.attribute("/", "format", std::string(format.name));
    out.attribute("/", "elbo", version);
    out.commit();
    return storage::list_datasets(request.output);
}

} // namespace elbo::convert
