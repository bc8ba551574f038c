#include "convert/xz_file.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace elbo::convert {

namespace {

constexpr std::size_t block = 1 << 17;

} // namespace

XzFile::XzFile(std::filesystem::path path)
    : path_(std::move(path)), file_(path_, std::ios::binary), packed_(block), unpacked_(block) {
    if (!file_) reject("{}: cannot be opened: {}", path_.string(), std::strerror(errno));
    const lzma_ret code = lzma_stream_decoder(&stream_, most_xz_memory, LZMA_CONCATENATED);
    if (code != LZMA_OK) fail("no memory to unpack {}", path_.string());
}

XzFile::~XzFile() { lzma_end(&stream_); }

void XzFile::refill() {
    if (stream_.avail_in > 0 || file_.eof()) return;
    file_.read(reinterpret_cast<char*>(packed_.data()), static_cast<std::streamsize>(packed_.size()));
    if (file_.bad()) reject("{}: cannot be read: {}", path_.string(), std::strerror(errno));
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(packed_.data());
    stream_.avail_in = static_cast<std::size_t>(file_.gcount());
}

std::span<const std::byte> XzFile::next() {
    stream_.next_out = reinterpret_cast<std::uint8_t*>(unpacked_.data());
    stream_.avail_out = unpacked_.size();
    while (!ended_ && stream_.avail_out > 0) {
        refill();
        const lzma_ret code = lzma_code(&stream_, file_.eof() ? LZMA_FINISH : LZMA_RUN);
        ended_ = code == LZMA_STREAM_END;
        if (code != LZMA_OK && !ended_) reject_code(code);
    }
    return std::span<const std::byte>(unpacked_).first(unpacked_.size() - stream_.avail_out);
}

void XzFile::reject_code(int code) const {
    if (code == LZMA_MEMLIMIT_ERROR) {
        reject(
            "{}: unpacking it takes {} of memory, expected at most {}; pack it again with a smaller dictionary (xz -9)",
            path_.string(), human_bytes(static_cast<double>(lzma_memusage(&stream_))),
            human_bytes(static_cast<double>(most_xz_memory)));
    }
    if (code == LZMA_MEM_ERROR) fail("no memory to unpack {}", path_.string());
    reject("{}: cannot be read as xz ({}); is it damaged or cut short?", path_.string(),
           code == LZMA_BUF_ERROR ? "it ends early" : "its bytes do not fit their checksums or form");
}

bool is_xz(const std::filesystem::path& path) {
    constexpr std::array<char, 6> magic = {'\xFD', '7', 'z', 'X', 'Z', '\0'};
    std::array<char, magic.size()> first{};
    std::ifstream file(path, std::ios::binary);
    return file.read(first.data(), first.size()) && first == magic;
}

} // namespace elbo::convert
