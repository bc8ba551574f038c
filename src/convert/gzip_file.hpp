// A file that may be gzipped, read from front to back (zlib).
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace elbo::convert {

/// Throws InputError naming the file where it is missing, cannot be read, or its gzip stream is damaged.
class GzipFile {
public:
    explicit GzipFile(std::filesystem::path path);
    const std::filesystem::path& path() const { return path_; }
    std::uint64_t size() const { return size_; } ///< on the disk
    bool compressed() const;
    /// The next bytes; returns how many, fewer than asked for only at the end.
    std::size_t read(std::span<std::byte> out);
    /// Goes to a place of a file that is not compressed.
    void seek(std::uint64_t place);

    /// True where no gzip stream of this many bytes can hold so many: deflate's limit is 1032.
    static bool cannot_hold(std::uint64_t compressed, std::uint64_t promised) { return promised / 1040 > compressed; }

private:
    struct CloseStream {
        void operator()(gzFile stream) const { gzclose(stream); }
    };
    std::filesystem::path path_;
    std::unique_ptr<gzFile_s, CloseStream> stream_;
    std::uint64_t size_ = 0;
};

/// Fills `out` with a plain or gzipped file's first bytes; false where it has fewer, or is damaged.
bool first_bytes(const std::string& path, std::span<std::byte> out);

} // namespace elbo::convert
