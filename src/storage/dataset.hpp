// Datasets in HDF5 files: what is there, reading rows in their own type, writing chunked by whole rows.
#pragma once

#include "numerics/view.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::storage {

/// Element types as they are kept in memory, native byte order.
enum class ElementType { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64 };

std::size_t bytes_of(ElementType type);
std::string_view name_of(ElementType type); ///< "uint8", "float32" ...
bool is_integer(ElementType type);

/// What files refer to outside their own folder: external links, virtual datasets' sources, raw data, filters' plugins.
enum class Outside { refused, allowed };

/// A dataset of a file: rows of numbers, or a field of records by name, "/table.image".
struct Location {
    std::filesystem::path file;
    std::string dataset;
};

struct DatasetInfo {
    std::string file, name; ///< "data/mnist.h5", "/train/x"
    Shape shape;            ///< (N, ...)
    ElementType type;       ///< in memory; half floats read as f32
    std::string stored;     ///< as stored, "uint8", "float64, big-endian"
    Shape chunk;            ///< empty: not chunked
    std::size_t stored_bytes = 0;
    std::string layout;               ///< "chunked", "contiguous", "compact", "external", "virtual"
    std::vector<std::string> filters; ///< of chunks, in the order of writing: "shuffle", "gzip 4"
    std::vector<std::size_t> ends;    ///< of several files' rows joined: the row behind each file's last
    std::vector<Location> locations;  ///< of each of these files; none of one file
    /// Files besides that the rows lie in: of a virtual dataset (but for numbered ones), of raw data, behind an
    /// external link.
    std::vector<std::filesystem::path> others;
    std::size_t rows() const { return shape.at(0); }
    Shape sample_shape() const { return {shape.begin() + 1, shape.end()}; }
    std::size_t row_bytes() const;                    ///< in memory
    std::vector<std::filesystem::path> files() const; ///< all that are read
    /// "b.h5:/x: row 17", as the file counts that holds it.
    std::string where(std::size_t row) const;
};

/// "FILE" or "FILE:/dataset" in two. Without a dataset: the file's only numeric dataset of rank 2 or more, or
/// `preferred` (such as "/train/x") where it exists. Throws InputError naming the file and what it holds.
Location locate(const std::string& text, std::string_view preferred, Outside outside = Outside::refused);

/// The same of several texts. A file's name may be a pattern (*, ?, [...]): all files that match it, in natural order.
/// Throws InputError also where none matches and where a dataset comes twice.
std::vector<Location> locate(std::span<const std::string> texts, std::string_view preferred,
                             Outside outside = Outside::refused);

/// The files that texts of locate() name, where they exist; nothing is read.
std::vector<std::filesystem::path> files_of(std::span<const std::string> texts);

/// A dataset, and why DatasetReader cannot read it ("holds text"); empty where it can.
struct Examined {
    DatasetInfo info;
    std::string problem;
};

/// Every dataset of a file, fields of records one by one, depth first by name. Throws as list_datasets.
std::vector<Examined> examine_datasets(const std::filesystem::path& file, Outside outside = Outside::refused);

/// Every dataset of a file that DatasetReader can read, fields of records one by one, depth first by name. Throws
/// InputError where it is missing, truncated or no HDF5 file.
std::vector<DatasetInfo> list_datasets(const std::filesystem::path& file, Outside outside = Outside::refused);

/// True where the file begins like an HDF5 file (a user block before it counts).
bool is_hdf5(const std::filesystem::path& file);

/// Reads rows of one dataset, or of several files' datasets as one. Throws InputError naming file and dataset where it
/// is missing, not numeric, a scalar or empty, refers to what may not be followed, or does not fit the first.
/// One-dimensional (N) datasets are labels; a sample of theirs has one element.
class DatasetReader {
public:
    DatasetReader(const std::filesystem::path& file, const std::string& dataset, Outside outside = Outside::refused);
    explicit DatasetReader(std::vector<Location> locations, Outside outside = Outside::refused);
    ~DatasetReader();
    DatasetReader(DatasetReader&&) noexcept;
    const DatasetInfo& info() const;
    /// Rows [begin, begin + count) in memory type into out (count * row_bytes bytes).
    void read_rows(std::size_t begin, std::size_t count, std::span<std::byte> out) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Rows of a chunk in files that DatasetFileWriter makes: about 1 MiB. Writing that many at a time is fastest.
std::size_t chunk_rows(const Shape& shape, ElementType type);

/// Filters that every HDF5 reads: gzip of level 4, behind a shuffle of the elements' bytes.
enum class Compression { none, gzip };

/// Writes a dataset file that appears whole at commit() or not at all. Datasets are chunked by whole rows to about 1
/// MiB.
class DatasetFileWriter {
public:
    explicit DatasetFileWriter(const std::filesystem::path& file, Compression compression = Compression::none);
    ~DatasetFileWriter();
    DatasetFileWriter(const DatasetFileWriter&) = delete;
    DatasetFileWriter& operator=(const DatasetFileWriter&) = delete;

    void create(const std::string& dataset, const Shape& shape, ElementType type);
    /// Rows [begin, begin + count) of a created dataset.
    void write_rows(const std::string& dataset, std::size_t begin, std::size_t count, std::span<const std::byte> rows);
    /// A text attribute of a dataset, or of the file where dataset is "/".
    void attribute(const std::string& dataset, const std::string& name, const std::string& value);
    void commit();

private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string hdf5_version(); ///< "HDF5 1.10.8"

} // namespace elbo::storage
