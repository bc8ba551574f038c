#include "convert/gzip_file.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace elbo::convert {

namespace fs = std::filesystem;

GzipFile::GzipFile(fs::path path) : path_(std::move(path)) {
    if (!fs::is_regular_file(path_)) reject("{}: no such file", path_.string());
    stream_.reset(gzopen(path_.c_str(), "rb"));
    if (!stream_) reject("{}: cannot be opened: {}", path_.string(), std::strerror(errno));
    gzbuffer(stream_.get(), 1 << 17);
    size_ = fs::file_size(path_);
}

bool GzipFile::compressed() const { return gzdirect(stream_.get()) == 0; }

std::size_t GzipFile::read(std::span<std::byte> out) {
    constexpr std::size_t most = 1 << 20;
    std::size_t taken = 0;
    while (taken < out.size()) {
        const auto wanted = static_cast<unsigned>(std::min(out.size() - taken, most));
        const int got = gzread(stream_.get(), out.data() + taken, wanted);
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

void GzipFile::seek(std::uint64_t place) {
    if (gzseek(stream_.get(), static_cast<z_off_t>(place), SEEK_SET) < 0)
        reject("{}: cannot be read at byte {}", path_.string(), place);
}

bool first_bytes(const std::string& path, std::span<std::byte> out) {
    const gzFile stream = gzopen(path.c_str(), "rb");
    if (stream == nullptr) return false;
    const int got = gzread(stream, out.data(), static_cast<unsigned>(out.size()));
    gzclose(stream);
    return got == static_cast<int>(out.size());
}

} // namespace elbo::convert
