// An xz file, unpacked from front to back with bounded memory (liblzma): a stream says how large a dictionary it wants,
// up to 4 GiB, and libarchive would grant up to 1 GiB of that.
#pragma once

#include <lzma.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <vector>

namespace elbo::convert {

/// What unpacking an xz stream may take; `xz -9` wants 65 MiB.
constexpr std::uint64_t most_xz_memory = std::uint64_t{128} << 20;

class XzFile {
public:
    /// Throws InputError where it cannot be opened.
    explicit XzFile(std::filesystem::path path);
    ~XzFile();
    XzFile(const XzFile&) = delete;
    XzFile& operator=(const XzFile&) = delete;

    /// The next unpacked bytes, valid until the next call; none at the end. Throws InputError where the file is
    /// damaged, cut short, or wants more than most_xz_memory.
    std::span<const std::byte> next();

private:
    void refill();
    [[noreturn]] void reject_code(int code) const;

    std::filesystem::path path_;
    std::ifstream file_;
    std::vector<std::byte> packed_, unpacked_;
    lzma_stream stream_ = LZMA_STREAM_INIT;
    bool ended_ = false;
};

/// True where a file's first bytes are those of an xz file.
bool is_xz(const std::filesystem::path& path);

} // namespace elbo::convert
