#include "comm/node_memory.hpp"

#include "base/text.hpp"
#include "comm/free_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace elbo::comm {
namespace {

/// Mappings are whole huge pages, which the system uses for them where it has any.
constexpr std::size_t granule = std::size_t{2} << 20;

void refuse_too_much(std::size_t bytes, const std::string& what) {
    if (const std::size_t room = free_memory(); bytes > room)
        fail("{}: {} of shared memory are needed on this host, but {} are free; use fewer ranks a node or a smaller "
             "model",
             what, human_bytes(static_cast<double>(bytes)), human_bytes(static_cast<double>(room)));
}

/// An anonymous file in memory: /dev/shm, whose size containers often limit, has no part in it.
int make_file(std::size_t bytes, const std::string& what) {
    const int file = memfd_create("elbo", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0)
        fail("{}: no shared memory of {} can be had: {}; set communication.shared: false", what,
             human_bytes(static_cast<double>(bytes)), std::strerror(errno));
    return file;
}

std::byte* map(int file, std::size_t bytes, const std::string& what) {
    const int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void* const address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    if (address == MAP_FAILED)
        fail("{}: {} of memory cannot be had: {}; use a smaller model, or raise the limit that ulimit -v shows", what,
             human_bytes(static_cast<double>(bytes)), std::strerror(errno));
    madvise(address, bytes, MADV_HUGEPAGE); // a wish: the mapping serves as well without
    return static_cast<std::byte*>(address);
}

struct File {
    int descriptor = -1; ///< negative: none
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor >= 0) close(descriptor);
    }
};

} // namespace

void NodeMemory::Unmap::operator()(std::byte* data) const { munmap(data, bytes); }

NodeMemory::NodeMemory(const Nodes& nodes, std::size_t bytes, const std::string& what)
    : data_(nullptr, {(std::max<std::size_t>(bytes, 1) + granule - 1) / granule * granule}) {
    const Communicator& node = nodes.node();
    const std::size_t size = data_.get_deleter().bytes;
    File file;
    // The world agrees on every outcome: other nodes would wait for one that has failed by itself.
    nodes.world().together([&] {
        refuse_too_much(size, what);
        if (node.first() && node.size() > 1) file.descriptor = make_file(size, what);
    });
    const std::string name = node.broadcast(fmt::format("/proc/{}/fd/{}", getpid(), file.descriptor));
    nodes.world().together([&] {
        if (!node.first()) file.descriptor = open(name.c_str(), O_RDWR | O_CLOEXEC);
        if (file.descriptor < 0 && node.size() > 1)
            fail("{}: {} cannot be opened: {}; where the ranks of a host are in several containers, set "
                 "communication.shared: false",
                 what, name, std::strerror(errno));
        data_.reset(map(file.descriptor, size, what));
    });
}

} // namespace elbo::comm
