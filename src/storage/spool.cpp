#include "storage/spool.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace elbo::storage {

namespace {

/// Open, and already without a name: on file systems that know no O_TMPFILE (NFS) it has one for a moment.
int open_nameless(const std::string& folder) {
#ifdef O_TMPFILE
    const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0) return file;
#endif
    std::string name = folder + "/.elbo-spool-XXXXXX";
    const int named = ::mkostemp(name.data(), O_CLOEXEC);
    if (named >= 0) ::unlink(name.c_str());
    return named;
}

} // namespace

Spool::Spool(const std::filesystem::path& folder) : folder_(folder.string()), file_(open_nameless(folder_)) {
    if (!file_) fail("{}: no temporary file can be made: {}", folder_, write_message(errno));
}

void Spool::write(std::size_t offset, std::span<const std::byte> bytes) {
    if (const int code = write_at(file_.get(), offset, bytes); code != 0)
        fail("{}: a temporary file cannot be written: {}", folder_, write_message(code));
}

void Spool::read(std::size_t offset, std::span<std::byte> bytes) const {
    if (const int code = read_at(file_.get(), offset, bytes); code != 0)
        fail("{}: a temporary file cannot be read: {}", folder_, std::strerror(code));
}

} // namespace elbo::storage
