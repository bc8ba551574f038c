// IDX files, the format of MNIST (LeCun, http://yann.lecun.com/exdb/mnist) and its successors, plain or gzipped:
// two zero bytes, element type, number of dimensions, the extents as 32-bit big-endian numbers, big-endian elements.
#include "base/error.hpp"
#include "convert/convert.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;
using storage::ElementType;

constexpr std::size_t most_dimensions = 8;
/// No gzip stream grows by more than this (deflate's limit is 1032).
constexpr std::uint64_t largest_growth = 1040;

std::optional<ElementType> element_type(unsigned char code) {
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
    return bytes[0] == 0 && bytes[1] == 0 && element_type(bytes[2]) && bytes[3] >= 1 && bytes[3] <= most_dimensions;
}

struct CloseStream {
    void operator()(gzFile stream) const { gzclose(stream); }
};
using Stream = std::unique_ptr<gzFile_s, CloseStream>;

/// One IDX file, read from front to back. Every refusal names the file, what was found and what was expected.
class IdxFile {
public:
    explicit IdxFile(const fs::path& path);

    const fs::path& path() const { return path_; }
    const Shape& shape() const { return shape_; }
    ElementType type() const { return type_; }
    /// The next elements, in native byte order.
    void read(std::span<std::byte> out);
    /// Throws InputError where anything follows the last element, or gzip's checksum is wrong.
    void expect_end();

private:
    std::size_t read_some(void* out, std::size_t size);
    void read_header(std::span<unsigned char> out);
    void check_size(std::uint64_t header_bytes);

    fs::path path_;
    Stream stream_;
    Shape shape_;
    ElementType type_ = ElementType::u8;
    std::uint64_t promised_ = 0, taken_ = 0; ///< bytes of all elements, and of those read
};

IdxFile::IdxFile(const fs::path& path) : path_(path) {
    if (!fs::is_regular_file(path)) reject("{}: no such file", path.string());
    stream_.reset(gzopen(path.c_str(), "rb"));
    if (!stream_) reject("{}: cannot be opened: {}", path.string(), std::strerror(errno));
    gzbuffer(stream_.get(), 1 << 17);

    std::array<unsigned char, 4> magic{};
    read_header(magic);
    const auto [first, second, code, dimensions] = magic;
    if (first != 0 || second != 0) {
        reject("{}: begins with bytes {:02x} {:02x} {:02x} {:02x}, expected an IDX file's 00 00, type and dimensions "
               "(00 00 08 03 for MNIST's images)",
               path.string(), first, second, code, dimensions);
    }
    const std::optional<ElementType> type = element_type(code);
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
    check_size(4 + 4u * dimensions);
}

/// Compares what the header promises with what the file can hold, before anybody takes memory or disk for it.
void IdxFile::check_size(std::uint64_t header_bytes) {
    promised_ = bytes_of(type_);
    for (const std::size_t extent : shape_) {
        if (extent == 0) reject("{}: is empty ({} elements)", path_.string(), describe(shape_));
        if (__builtin_mul_overflow(promised_, extent, &promised_) || promised_ > std::uint64_t{1} << 62) {
            reject("{}: its header claims {} elements, more than any file holds", path_.string(), describe(shape_));
        }
    }
    const std::uint64_t expected = header_bytes + promised_, found = fs::file_size(path_);
    if (gzdirect(stream_.get())) {
        if (found == expected) return;
        reject("{}: has {} bytes, expected {} for {} elements{}", path_.string(), found, expected, describe(shape_),
               found < expected ? "; is it cut short?" : "");
    }
    if (expected / largest_growth > found) {
        reject("{}: its header claims {} elements, more than {} gzipped bytes can hold", path_.string(),
               describe(shape_), found);
    }
}

/// Up to size bytes; fewer only at the end of the file.
std::size_t IdxFile::read_some(void* out, std::size_t size) {
    constexpr std::size_t most = 1 << 20;
    std::size_t taken = 0;
    while (taken < size) {
        const auto wanted = static_cast<unsigned>(std::min(size - taken, most));
        const int got = gzread(stream_.get(), static_cast<unsigned char*>(out) + taken, wanted);
        int code = Z_OK;
        const char* message = gzerror(stream_.get(), &code);
        if (code == Z_ERRNO) reject("{}: cannot be read: {}", path_.string(), std::strerror(errno));
        if (got < 0 || code != Z_OK) {
            reject("{}: its gzip stream is damaged or cut short ({})", path_.string(),
                   *message ? message : "unexpected end");
        }
        if (got == 0) break;
        taken += static_cast<std::size_t>(got);
    }
    return taken;
}

void IdxFile::read_header(std::span<unsigned char> out) {
    if (read_some(out.data(), out.size()) != out.size()) {
        reject("{}: ends within its header, expected an IDX file", path_.string());
    }
}

void IdxFile::read(std::span<std::byte> out) {
    const std::size_t got = read_some(out.data(), out.size());
    taken_ += got;
    if (got != out.size()) {
        reject("{}: holds {} bytes of elements, expected {} for {}; is it cut short?", path_.string(), taken_,
               promised_, describe(shape_));
    }
    const std::size_t size = bytes_of(type_);
    if (std::endian::native == std::endian::big || size == 1) return;
    for (std::size_t i = 0; i < out.size(); i += size) std::reverse(out.data() + i, out.data() + i + size);
}

void IdxFile::expect_end() {
    char extra = 0;
    if (read_some(&extra, 1) != 0) {
        reject("{}: more bytes follow the {} elements that its header promises", path_.string(), describe(shape_));
    }
}

/// A file and the dataset that it becomes.
struct Part {
    std::string dataset;
    IdxFile file;
};

/// A file of the folder, by what its name holds; the unpacked one where it is there packed as well.
std::optional<fs::path> find_file(const fs::path& folder, std::initializer_list<std::string_view> words) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        const auto holds = [&](std::string_view word) { return name.find(word) != std::string::npos; };
        if (entry.is_regular_file() && !name.starts_with('.') && std::any_of(words.begin(), words.end(), holds)) {
            found.push_back(entry.path());
        }
    }
    if (found.empty()) return {};
    std::sort(found.begin(), found.end());
    const bool packed_twin = found.size() == 2 && found[1] == found[0].string() + ".gz";
    if (found.size() > 1 && !packed_twin) {
        reject("{}: which file to take is not clear: {} or {}", folder.string(), found[0].filename().string(),
               found[1].filename().string());
    }
    return found.front();
}

struct PartNames {
    const char* dataset;
    std::initializer_list<std::string_view> words;
};
const PartNames folder_parts[] = {
    {"/train/x", {"train-images"}},
    {"/train/y", {"train-labels"}},
    {"/test/x", {"t10k-images", "test-images"}},
    {"/test/y", {"t10k-labels", "test-labels"}},
};

std::vector<Part> open_folder(const fs::path& folder) {
    std::vector<Part> parts;
    for (const PartNames& names : folder_parts) {
        if (const auto path = find_file(folder, names.words)) parts.push_back({names.dataset, IdxFile(*path)});
    }
    if (parts.empty() || parts.front().dataset != "/train/x") {
        reject("{}: holds no file named like train-images-idx3-ubyte or train-images-idx3-ubyte.gz", folder.string());
    }
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const Part &images = parts[i - 1], &labels = parts[i];
        const bool pair = images.dataset.ends_with("/x") &&
                          labels.dataset == images.dataset.substr(0, images.dataset.size() - 1) + "y";
        if (pair && images.file.shape()[0] != labels.file.shape()[0]) {
            reject("{}: holds {} labels, expected {} as {} has images", labels.file.path().string(),
                   labels.file.shape()[0], images.file.shape()[0], images.file.path().filename().string());
        }
    }
    return parts;
}

std::vector<Part> open_source(const std::string& source) {
    if (fs::is_directory(source)) return open_folder(source);
    std::vector<Part> parts;
    IdxFile file(source);
    const char* dataset = file.shape().size() == 1 ? "/train/y" : "/train/x";
    parts.push_back({dataset, std::move(file)});
    return parts;
}

void convert_idx(const Request& request, storage::DatasetFileWriter& out, const Progress& progress) {
    std::vector<Part> parts = open_source(request.source);
    std::size_t total = 0, done = 0;
    for (const Part& part : parts) total += part.file.shape()[0];
    std::vector<std::byte> buffer;
    for (Part& part : parts) {
        const Shape& shape = part.file.shape();
        const ElementType type = part.file.type();
        const std::size_t rows = shape[0], row_bytes = elements(shape) / rows * bytes_of(type);
        const std::size_t piece = storage::chunk_rows(shape, type);
        out.create(part.dataset, shape, type);
        for (std::size_t begin = 0; begin < rows; begin += piece) {
            const std::size_t count = std::min(piece, rows - begin);
            buffer.resize(count * row_bytes);
            part.file.read(buffer);
            out.write_rows(part.dataset, begin, count, buffer);
            progress(done += count, total);
        }
        part.file.expect_end();
    }
}

/// By a folder's file names, or by a file's first bytes or name: what is named like IDX is refused as such.
bool recognises_idx(const std::string& source) {
    std::error_code ignored;
    if (fs::is_directory(source, ignored)) {
        return std::any_of(std::begin(folder_parts), std::end(folder_parts),
                           [&](const PartNames& names) { return find_file(source, names.words).has_value(); });
    }
    if (!fs::is_regular_file(source, ignored)) return false;
    const std::string name = fs::path(source).filename().string();
    if (name.find("idx") != std::string::npos || name.find("-ubyte") != std::string::npos) return true;
    const Stream stream(gzopen(source.c_str(), "rb"));
    std::array<unsigned char, 4> magic{};
    return stream && gzread(stream.get(), magic.data(), magic.size()) == 4 && is_magic(magic);
}

} // namespace

Format idx_format() {
    return {"idx", "an IDX file or a folder of them (MNIST and its successors), .gz too", recognises_idx, convert_idx};
}

} // namespace elbo::convert
