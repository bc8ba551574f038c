#include "storage/input_file.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace elbo::storage {

namespace fs = std::filesystem;

InputFile::InputFile(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    const fs::file_status status = fs::status(path_, error);
    if (!fs::exists(status)) reject("{}: no such file", path_.string());
    if (!fs::is_regular_file(status)) reject("{}: is no plain file", path_.string());
    file_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_) reject("{}: cannot be opened: {}", path_.string(), std::strerror(errno));
    size_ = fs::file_size(path_);
}

void InputFile::read(std::size_t offset, std::span<std::byte> bytes) const {
    const int code = read_at(file_.get(), offset, bytes);
    if (code == ENODATA) {
        reject("{}: ends before byte {}, expected {} bytes there; is it cut short?", path_.string(),
               offset + bytes.size(), bytes.size());
    }
    if (code != 0) reject("{}: cannot be read: {}", path_.string(), std::strerror(code));
}

} // namespace elbo::storage
