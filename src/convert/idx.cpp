// IDX files, the format of MNIST (LeCun, http://yann.lecun.com/exdb/mnist) and its successors, plain or gzipped:
// two zero bytes, element type, number of dimensions, the extents as 32-bit big-endian numbers, big-endian elements.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "convert/elements.hpp"
#include "convert/gzip_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;
using storage::ElementType;

constexpr std::size_t most_dimensions = 8;

std::optional<ElementType> type_of(unsigned char code) {
    switch (code) {
    case 0x08:
        return ElementType::u8;
    case 0x09:
        return ElementType::i8;
    case 0x0b:
        return ElementType::i16;
    case 0x0c:
        return ElementType::i32;
    case 0x0d:
        return ElementType::f32;
    case 0x0e:
        return ElementType::f64;
    default:
        return {};
    }
}

/// Whether these can be the first bytes of an IDX file.
bool is_magic(std::span<const unsigned char, 4> bytes) {
    return bytes[0] == 0 && bytes[1] == 0 && type_of(bytes[2]) && bytes[3] >= 1 && bytes[3] <= most_dimensions;
}

/// One IDX file. Every refusal names the file, what was found and what was expected.
class IdxFile {
public:
    explicit IdxFile(const fs::path& path);

    const fs::path& path() const { return file_.path(); }
    const Shape& shape() const { return shape_; }
    Shape row_shape() const { return {shape_.begin() + 1, shape_.end()}; }
    ElementType type() const { return type_; }
    bool compressed() const { return file_.compressed(); }
    /// The elements from row `begin` on, in native byte order. Of a compressed file they must be the next ones.
    void read(std::size_t begin, std::span<std::byte> out);

private:
    void read_header(std::span<unsigned char> out);
    void check_size();
    void expect_end();

    GzipFile file_;
    Shape shape_;
    ElementType type_ = ElementType::u8;
    std::uint64_t header_bytes_ = 0;
    std::uint64_t promised_ = 0, place_ = 0; ///< bytes of all elements, and up to the one to be read next
};

IdxFile::IdxFile(const fs::path& path) : file_(path) {
    std::array<unsigned char, 4> magic{};
    read_header(magic);
    const auto [first, second, code, dimensions] = magic;
    if (first != 0 || second != 0) {
        reject("{}: begins with bytes {:02x} {:02x} {:02x} {:02x}, expected an IDX file's 00 00, type and dimensions "
               "(00 00 08 03 for MNIST's images)",
               path.string(), first, second, code, dimensions);
    }
    const std::optional<ElementType> type = type_of(code);
    if (!type) reject("{}: has element type {:02x}, expected 08, 09, 0b, 0c, 0d or 0e", path.string(), code);
    type_ = *type;
    if (dimensions == 0 || dimensions > most_dimensions) {
        reject("{}: has {} dimensions, expected 1 to {}", path.string(), dimensions, most_dimensions);
    }
    for (unsigned d = 0; d < dimensions; ++d) {
        std::array<unsigned char, 4> extent{};
        read_header(extent);
        shape_.push_back(std::size_t{extent[0]} << 24 | std::size_t{extent[1]} << 16 | std::size_t{extent[2]} << 8 |
                         std::size_t{extent[3]});
    }
    check_size();
}

/// Compares what the header promises with what the file can hold, before anybody takes memory or disk for it.
void IdxFile::check_size() {
    promised_ = bytes_of(type_);
    for (const std::size_t extent : shape_) {
        if (extent == 0) reject("{}: is empty ({} elements)", path().string(), describe(shape_));
        if (__builtin_mul_overflow(promised_, extent, &promised_) || promised_ > std::uint64_t{1} << 62) {
            reject("{}: its header claims {} elements, more than any file holds", path().string(), describe(shape_));
        }
    }
    const std::uint64_t expected = header_bytes_ + promised_, found = file_.size();
    if (!compressed()) {
        if (found == expected) return;
        reject("{}: has {} bytes, expected {} for {} elements{}", path().string(), found, expected, describe(shape_),
               found < expected ? "; is it cut short?" : "");
    }
    if (GzipFile::cannot_hold(found, expected)) {
        reject("{}: its header claims {} elements, more than {} gzipped bytes can hold", path().string(),
               describe(shape_), found);
    }
}

void IdxFile::read_header(std::span<unsigned char> out) {
    if (file_.read(std::as_writable_bytes(out)) != out.size()) {
        reject("{}: ends within its header, expected an IDX file", path().string());
    }
    header_bytes_ += out.size();
}

void IdxFile::read(std::size_t begin, std::span<std::byte> out) {
    const std::uint64_t place = promised_ / shape_[0] * begin;
    if (place != place_) file_.seek(header_bytes_ + place);
    const std::size_t got = file_.read(out);
    place_ = place + got;
    if (got != out.size()) {
        reject("{}: holds {} bytes of elements, expected {} for {}; is it cut short?", path().string(), place_,
               promised_, describe(shape_));
    }
    if (place_ == promised_) expect_end();
    if constexpr (std::endian::native == std::endian::little) swap_bytes(bytes_of(type_), out);
}

/// Nothing follows the last element, and gzip's checksum is right.
void IdxFile::expect_end() {
    std::byte extra{};
    if (file_.read(std::span(&extra, 1)) != 0) {
        reject("{}: more bytes follow the {} elements that its header promises", path().string(), describe(shape_));
    }
}

/// A file by what its name holds; the unpacked one where it is there packed as well.
std::optional<fs::path> find_file(const std::string& where, const std::vector<fs::path>& files,
                                  std::initializer_list<std::string_view> words) {
    std::vector<fs::path> found;
    for (const fs::path& file : files) {
        const std::string name = file.filename().string();
        const auto holds = [&](std::string_view word) { return name.find(word) != std::string::npos; };
        if (!name.starts_with('.') && std::any_of(words.begin(), words.end(), holds)) found.push_back(file);
    }
    if (found.empty()) return {};
    std::sort(found.begin(), found.end());
    const bool packed_twin = found.size() == 2 && found[1] == found[0].string() + ".gz";
    if (found.size() > 1 && !packed_twin) {
        reject("{}: which file to take is not clear: {} or {}", where, found[0].filename().string(),
               found[1].filename().string());
    }
    return found.front();
}

std::vector<fs::path> files_of(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_regular_file()) files.push_back(entry.path());
    return files;
}

struct PartNames {
    const char* part;
    std::initializer_list<std::string_view> images, labels;
};
const PartNames known_parts[] = {
    {"train", {"train-images"}, {"train-labels"}},
    {"test", {"t10k-images", "test-images"}, {"t10k-labels", "test-labels"}},
};

/// One file, images or labels; or several of a folder or given, by their names.
class IdxSource : public Source {
public:
    explicit IdxSource(const std::vector<std::string>& sources) {
        const std::string& first = sources.front();
        if (sources.size() > 1) {
            open_named("the files", {sources.begin(), sources.end()});
        } else if (fs::is_directory(first)) {
            open_named(first, files_of(first));
        } else {
            parts_.push_back({});
            files_.emplace_back();
            IdxFile file(first);
            const char* field = file.shape().size() == 1 ? "y" : "x";
            add(field, std::move(file));
        }
    }

    const std::vector<Part>& parts() const override { return parts_; }

    bool divisible() const override {
        for (const std::vector<IdxFile>& files : files_)
            for (const IdxFile& file : files)
                if (file.compressed()) return false;
        return true;
    }

    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t,
                          std::span<const std::span<std::byte>> rows) override {
        for (std::size_t f = 0; f < rows.size(); ++f) files_[part][f].read(begin, rows[f]);
        return {};
    }

private:
    /// Adds a field to the last part.
    void add(const char* field, IdxFile file) {
        Part& part = parts_.back();
        if (!files_.back().empty() && part.items != file.shape()[0]) {
            reject("{}: holds {} labels, expected {} as {} has images", file.path().string(), file.shape()[0],
                   part.items, files_.back().front().path().filename().string());
        }
        part.items = file.shape()[0];
        part.fields.push_back({field, file.row_shape(), file.type(), {}});
        files_.back().push_back(std::move(file));
    }

    void open_named(const std::string& where, const std::vector<fs::path>& files) {
        for (const PartNames& names : known_parts) {
            const auto images = find_file(where, files, names.images), labels = find_file(where, files, names.labels);
            if (!images && parts_.empty())
                reject("{}: holds no file named like train-images-idx3-ubyte or train-images-idx3-ubyte.gz", where);
            if (!images && !labels) continue;
            parts_.push_back({names.part, 0, {}});
            files_.emplace_back();
            if (images) add("x", IdxFile(*images));
            if (labels) add("y", IdxFile(*labels));
        }
    }

    std::vector<Part> parts_;
    std::vector<std::vector<IdxFile>> files_; ///< of each part, its fields
};

std::unique_ptr<Source> open_idx(const Request& request) { return std::make_unique<IdxSource>(request.sources); }

/// By a folder's file names, or by a file's first bytes.
bool recognises_idx(const std::string& source) {
    std::error_code ignored;
    if (fs::is_directory(source, ignored)) {
        const std::vector<fs::path> files = files_of(source);
        return std::any_of(std::begin(known_parts), std::end(known_parts), [&](const PartNames& names) {
            return find_file(source, files, names.images) || find_file(source, files, names.labels);
        });
    }
    if (!fs::is_regular_file(source, ignored)) return false;
    std::array<unsigned char, 4> magic{};
    return first_bytes(source, std::as_writable_bytes(std::span(magic))) && is_magic(magic);
}

bool claims_idx(const std::string& source) {
    std::error_code ignored;
    const std::string name = fs::path(source).filename().string();
    return fs::is_regular_file(source, ignored) &&
           (name.find("idx") != std::string::npos || name.find("-ubyte") != std::string::npos);
}

} // namespace

Format idx_format() {
    return {
        "idx",      "an IDX file or a folder of them (MNIST and its successors), .gz too", recognises_idx, open_idx, {},
        claims_idx,
    };
}

} // namespace elbo::convert
