#include "storage/npy_writer.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/posix.hpp"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <fcntl.h>

namespace elbo::storage {
namespace {

/// "<f4".
std::string code_of(ElementType type) {
    const std::size_t bytes = bytes_of(type);
    const char order = std::endian::native == std::endian::little ? '<' : '>';
    const char kind = !is_integer(type) ? 'f' : name_of(type).starts_with("uint") ? 'u' : 'i';
    return fmt::format("{}{}{}", bytes == 1 ? '|' : order, kind, bytes);
}

/// So that a full disk shows before rows are computed; the file is made by it.
void take_room(const std::filesystem::path& temporary, const std::string& destination, std::size_t bytes) {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    const int code = file ? reserve_space(file.get(), bytes) : errno;
    if (code != 0)
        fail("{}: needs {} of disk: {}", destination, human_bytes(static_cast<double>(bytes)), write_message(code));
}

} // namespace

std::string npy_header(const Shape& shape, ElementType type) {
    std::string extents;
    for (const std::size_t extent : shape) extents += fmt::format("{}, ", extent);
    std::string text =
        fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", code_of(type), extents);
    constexpr std::size_t before = 10;
    while ((before + text.size() + 1) % 64 != 0) text += ' ';
    text += '\n';
    std::string header = "\x93NUMPY";
    header += {'\x01', '\x00', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
    return header + text;
}

NpyWriter::NpyWriter(const std::filesystem::path& file, const Shape& shape, ElementType type)
    : name_(file.string()), pending_(file), left_(elements(shape) * bytes_of(type)) {
    const std::string header = npy_header(shape, type);
    take_room(pending_.path(), name_, header.size() + left_);
    // Truncated, it would give back the place that was taken for it.
    out_.open(pending_.path(), std::ios::binary | std::ios::in | std::ios::out);
    out_.write(header.data(), static_cast<std::streamsize>(header.size()));
    require_written();
}

void NpyWriter::write(std::span<const std::byte> rows) {
    if (rows.size() > left_) fail("{}: {} bytes for the {} that are left of its shape", name_, rows.size(), left_);
    left_ -= rows.size();
    out_.write(reinterpret_cast<const char*>(rows.data()), static_cast<std::streamsize>(rows.size()));
    require_written();
}

void NpyWriter::commit() {
    if (left_ != 0) fail("{}: {} bytes of its shape were not written", name_, left_);
    out_.close();
    require_written();
    pending_.commit();
}

void NpyWriter::require_written() const {
    if (!out_) fail("{}: cannot be written; is the disk full?", name_);
}

} // namespace elbo::storage
