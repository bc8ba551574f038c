// The table of source formats: which one a source is, and what may be asked of it.
#include "convert/convert.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "convert/formats.hpp"
#include "convert/pipeline.hpp"
#include "storage/files.hpp"
#include "storage/posix.hpp"

#include <algorithm>
#include <array>

namespace elbo::convert {

namespace fs = std::filesystem;

std::span<const Format> formats() {
    static const std::array table = {idx_format(),
                                     npy_format(),
                                     npz_format(),
                                     csv_format(),
                                     cifar_format(),
                                     hdf5_format(),
                                     images_format(),
                                     archive_format(),
                                     raw_format(),
                                     sprites_format(),
                                     gaussian_mixture_format(),
                                     ppca_format()};
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

const Format* find_format(std::string_view name) {
    const auto table = formats();
    const auto found = std::find_if(table.begin(), table.end(), [&](const Format& one) { return one.name == name; });
    return found == table.end() ? nullptr : &*found;
}

[[noreturn]] void reject_source(const std::string& source) {
    const std::string known = fmt::format("known: {}; elbo convert --help says what each is", joined(format_names()));
    if (storage::is_there(source)) reject("{}: is in no format known to elbo ({}); --from names one", source, known);
    if (find_format(source) != nullptr)
        reject("{}: no such file or folder; a format is recognised, or named by --from {}", source, source);
    reject("{}: no such file, folder or generator{} ({})", source, suggestion(source), known);
}

const Format& recognised_format(const std::string& source) {
    const auto table = formats();
    auto found =
        std::find_if(table.begin(), table.end(), [&](const Format& format) { return format.recognises(source); });
    if (found == table.end()) {
        found = std::find_if(table.begin(), table.end(),
                             [&](const Format& format) { return format.claims != nullptr && format.claims(source); });
    }
    if (found == table.end()) reject_source(source);
    return *found;
}

const Format& format_of(const Request& request) {
    if (request.sources.empty()) reject("nothing to convert: expected SOURCE... OUT.h5");
    if (!request.format.empty()) {
        const Format* const named = find_format(request.format);
        if (named == nullptr) {
            reject("--from {}: no such format{} (known: {})", request.format, suggestion(request.format),
                   joined(format_names()));
        }
        return *named;
    }
    const Format& first = recognised_format(request.sources.front());
    for (const std::string& source : request.sources)
        if (const Format& other = recognised_format(source); other.name != first.name) {
            reject("{} is of the format {}, {} of {}: convert them one by one, or name the format of all by --from",
                   request.sources.front(), first.name, source, other.name);
        }
    return first;
}

/// Throws InputError where an option was given that means nothing to the format.
void check_options(const Request& request, const Format& format) {
    const std::pair<std::string_view, bool> given[] = {
        {"--train", request.train.has_value()},
        {"--test", request.test.has_value()},
        {"--size", request.size.has_value()},
        {"--colour", request.colour},
        {"--gray", request.gray},
        {"--resize", request.resize.has_value()},
        {"--label-pattern", !request.label_pattern.empty()},
        {"--dimensions", request.dimensions.has_value()},
        {"--components", request.components.has_value()},
        {"--label-column", request.label_column.has_value()},
        {"--columns", request.columns.has_value()},
        {"--header", request.header.has_value()},
        {"--missing", request.missing != Missing::error},
        {"--shape", request.shape.has_value()},
        {"--big-endian", request.big_endian},
    };
    const auto knows = [](const Format& one, std::string_view option) {
        return std::find(one.options.begin(), one.options.end(), option) != one.options.end();
    };
    for (const auto& [option, is_given] : given) {
        if (!is_given || knows(format, option)) continue;
        std::vector<std::string_view> others;
        for (const Format& other : formats())
            if (knows(other, option)) others.push_back(other.name);
        reject("{}: means nothing to the format {}, it is for {}", option, format.name, joined(others));
    }
}

void check_output(const Request& request) {
    const fs::path& output = request.output;
    std::error_code error;
    if (output.empty() || !output.has_filename()) reject("\"{}\": expected an output file", output.string());
    if (fs::is_directory(output, error)) reject("{}: is a folder, expected an output file", output.string());
    for (const std::string& source : request.sources)
        if (fs::equivalent(source.substr(0, source.rfind(":/")), output, error))
            reject("{}: is source and output at once", output.string());
    if (!request.overwrite && storage::is_there(output)) reject("{}: exists; --force replaces it", output.string());
}

} // namespace

std::vector<storage::DatasetInfo> convert(const Request& request, const Progress& progress, const Skipped& skipped,
                                          const comm::Communicator& world) {
    const Progress tell = progress ? progress : [](std::size_t, std::size_t) {};
    const Skipped tell_skipped = skipped ? skipped : [](const std::string&) {};
    const Format* format = nullptr;
    std::unique_ptr<Source> source;
    world.on_first([&] {
        format = &format_of(request);
        check_options(request, *format);
        check_output(request);
    });
    format = find_format(world.broadcast(world.first() ? std::string(format->name) : ""));
    world.together([&] { source = format->open(request); });
    world.on_first([&] { storage::make_folders(storage::folder_of(request.output)); });
    write_items(request, *format, std::move(source), tell, tell_skipped, world);
    return world.first() ? storage::list_datasets(request.output) : std::vector<storage::DatasetInfo>{};
}

} // namespace elbo::convert
