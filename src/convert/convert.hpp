// Converting datasets to HDF5: one table of source formats.
#pragma once

#include "storage/dataset.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::convert {

/// What the user asked for.
struct Request {
    std::string source; ///< a path, or a generator's name
    std::filesystem::path output;
    std::string format;                     ///< --from; empty: recognised
    std::size_t train = 20000, test = 2000; ///< samples a generator makes
    std::size_t size = 64;                  ///< height and width of generated images
    bool colour = false;                    ///< generated images have three channels
    std::uint32_t seed = 1;
    bool overwrite = false;
};

/// Told how far a conversion is: rows done, rows in all.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

/// A source format: how it is recognised, and how it is written.
struct Format {
    std::string_view name;
    std::string_view meaning;
    bool (*recognises)(const std::string& source);
    void (*convert)(const Request& request, storage::DatasetFileWriter& out, const Progress& progress);
};

std::span<const Format> formats();

/// Converts request.source to request.output; returns what was written. Throws InputError naming file, found and
/// expected where the source is missing, unknown, damaged or the output exists; no output file is left then.
std::vector<storage::DatasetInfo> convert(const Request& request, const Progress& progress);

} // namespace elbo::convert
