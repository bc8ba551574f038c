// Other HDF5 files: chosen datasets, or all there are, in elbo's chunks.
#include "base/error.hpp"
#include "convert/arrays.hpp"
#include "convert/convert.hpp"
#include "storage/attributes.hpp"
#include "storage/posix.hpp"

#include <algorithm>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;

/// Pieces of a chunk larger than this would cost a decompression of the whole chunk on every rank.
constexpr std::size_t shared_chunk_bytes = 4 << 20;

class Hdf5Array : public Array {
public:
    explicit Hdf5Array(storage::DatasetReader reader)
        : Array(reader.info().file + ": " + reader.info().name, reader.info().shape, reader.info().type),
          reader_(std::move(reader)) {}

    bool divisible() const override { return chunk_bytes() <= shared_chunk_bytes; }
    std::size_t piece_bytes() const override { return std::clamp<std::size_t>(chunk_bytes(), 1 << 20, 32 << 20); }
    void read(std::size_t begin, std::span<std::byte> rows) override {
        reader_.read_rows(begin, rows.size() / reader_.info().row_bytes(), rows);
    }

private:
    /// A chunk's rows, of which those of one element may be fewer bytes than the chunk; 0 where there are no chunks.
    std::size_t chunk_bytes() const {
        const storage::DatasetInfo& info = reader_.info();
        return info.chunk.empty() ? 0 : std::min(info.chunk[0], info.rows()) * info.row_bytes();
    }

    storage::DatasetReader reader_;
};

/// Where a chosen dataset's name begins in FILE.h5:/name; npos where none is chosen.
std::size_t choice_of(const std::string& source) {
    return storage::is_there(source) ? std::string::npos : source.rfind(":/");
}

/// Every dataset but those that a conversion computed.
std::vector<std::string> all_datasets(const std::string& file) {
    std::vector<std::string> names;
    for (const storage::DatasetInfo& info : storage::list_datasets(file))
        if (!info.name.starts_with("/stats/") && !info.name.starts_with("/truth/")) names.push_back(info.name);
    if (names.empty()) reject("{}: holds no dataset of numbers in rows (N, ...)", file);
    return names;
}

/// Arrays, and the attributes that say what their numbers mean.
class Hdf5Source : public ArraySource {
public:
    Hdf5Source(std::vector<Named> arrays, std::vector<Note> notes)
        : ArraySource(std::move(arrays)), notes_(std::move(notes)) {}
    std::vector<Note> notes() const override { return notes_; }

private:
    std::vector<Note> notes_;
};

std::unique_ptr<Source> open_hdf5(const Request& request) {
    std::vector<ArraySource::Named> arrays;
    std::vector<Note> notes;
    for (const std::string& source : request.sources) {
        const std::size_t colon = choice_of(source);
        const std::string file = source.substr(0, colon);
        const std::vector<std::string> datasets =
            colon == std::string::npos ? all_datasets(file) : std::vector{source.substr(colon + 1)};
        for (const std::string& dataset : datasets) {
            const ArrayName name = array_name(dataset);
            arrays.push_back({name, std::make_unique<Hdf5Array>(storage::DatasetReader(file, dataset))});
            for (const char* kept : {"names", "columns"}) {
                const bool known = std::any_of(notes.begin(), notes.end(), [&](const Note& note) {
                    return note.field == name.field && note.name == kept;
                });
                const auto text = known ? std::nullopt : storage::text_attribute(file, dataset, kept);
                if (text) notes.push_back({name.field, kept, *text});
            }
        }
    }
    return std::make_unique<Hdf5Source>(std::move(arrays), std::move(notes));
}

bool recognises_hdf5(const std::string& source) {
    const fs::path file = source.substr(0, choice_of(source));
    std::error_code ignored;
    return fs::is_regular_file(file, ignored) && storage::is_hdf5(file);
}

} // namespace

Format hdf5_format() {
    return {"hdf5", "another HDF5 file, or a dataset of it: FILE.h5:/x", recognises_hdf5, open_hdf5, {}};
}

} // namespace elbo::convert
