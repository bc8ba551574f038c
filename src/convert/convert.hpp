// Converting datasets to HDF5: one table of source formats, and what the user may ask of each.
#pragma once

#include "comm/communicator.hpp"
#include "convert/source.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::convert {

/// A part of the items that becomes a split of the output: "train", 0.9.
struct Share {
    std::string name;
    double fraction = 0;
};

/// What becomes of a CSV file's missing values: the row is bad, or they are filled.
enum class Missing { error, zero, mean };

/// What the user asked for.
struct Request {
    std::vector<std::string> sources; ///< paths, or a generator's name
    std::filesystem::path output;
    std::string format;        ///< --from; empty: recognised
    std::string options;       ///< as given on the command line; kept in the output
    std::uint32_t seed = 1;    ///< of generators, and of splits unless shuffle_seed is given
    bool overwrite = false;    ///< --force
    bool skip_bad = false;     ///< leave damaged items out
    bool stats = false;        ///< mean, variance, min and max of x, /stats/<split>/x/mean ...
    std::vector<Share> shares; ///< --split; empty: the source's own
    std::optional<std::uint32_t> shuffle_seed;
    std::optional<std::size_t> limit;         ///< items of a part, the first ones
    std::optional<storage::ElementType> type; ///< of x
    storage::Compression compression = storage::Compression::none;

    // Of some formats alone (Format::options).
    std::optional<std::size_t> train, test;            ///< samples a generator makes
    std::optional<std::size_t> size;                   ///< height and width of generated images
    bool colour = false;                               ///< images have three channels
    bool gray = false;                                 ///< images have one
    std::optional<Shape> resize;                       ///< images to this height and width
    std::string label_pattern;                         ///< of image files' names; empty: folders are classes
    std::optional<std::size_t> dimensions, components; ///< of generated vectors
    std::optional<std::string> label_column, columns;  ///< of CSV: by name or number from 1 on
    std::optional<bool> header;                        ///< of CSV: whether its first line names columns
    Missing missing = Missing::error;                  ///< of CSV
    std::optional<Shape> shape;                        ///< of a row: raw, CSV
    bool big_endian = false;                           ///< of raw
};

/// A folder on the output's disk that exists, for temporary files.
std::filesystem::path scratch_folder(const Request& request);

/// Told how far a conversion is: items done, items in all.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

/// Told of each item that was left out.
using Skipped = std::function<void(const std::string& reason)>;

/// A source format: how it is recognised and opened. Several sources are one dataset to it.
struct Format {
    std::string_view name;
    std::string_view meaning;
    bool (*recognises)(const std::string& source); ///< by what is in it
    std::unique_ptr<Source> (*open)(const Request& request);
    std::vector<std::string_view> options; ///< that mean something to it, of those that not all formats know
    /// By its name alone, where no format recognises what is in it: opening it then says what is wrong.
    bool (*claims)(const std::string& source) = nullptr;
};

std::span<const Format> formats();

/// Converts request.sources to request.output; returns what was written, on rank 0. Throws InputError naming file,
/// found and expected where a source is missing, unknown, damaged or the output exists; no output file is left then.
/// Collective where the world is more than this process; the output is the same on any number of ranks.
std::vector<storage::DatasetInfo> convert(const Request& request, const Progress& progress, const Skipped& skipped = {},
                                          const comm::Communicator& world = {});

} // namespace elbo::convert
