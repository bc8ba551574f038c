// Failing file systems for tests (after SQLite's test I/O layer): LD_PRELOAD puts these functions before the system's,
// and the N-th call on a path below a folder fails, is cut short, or is the process's last. Environment:
//   FAULT_FOLDER  absolute; calls on other paths pass untouched
//   FAULT_CALL    open (for writing), write, pwrite, fsync, close, rename, symlink, unlink, link, ftruncate, utimensat;
//                 any: all of these; or read, which is no part of them
//   FAULT_AT      which of these calls, from 1
//   FAULT_ACTION  an errno's number; short: half of the bytes; full: half of the bytes, then ENOSPC at every further
//                 write; kill: SIGKILL before the call, of a write after half of its bytes; slow: after FAULT_SECONDS
//   FAULT_FOREVER any value: that call and every further one
//   FAULT_RANK    the one rank that this happens to (OMPI_COMM_WORLD_RANK; a process without it is rank 0)
//   FAULT_TRACE   a file that gets a line "call path" for each call that counts
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

enum class Action { none, fail, shorten, fill, kill, slow };

struct Plan {
    std::string folder, call;
    long at = 0;
    Action action = Action::none;
    int code = 0;
    double seconds = 0;
    bool forever = false;
    int trace = -1;
    bool active = false;
};

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

Plan make_plan() {
    Plan plan;
    plan.folder = variable("FAULT_FOLDER");
    const std::string rank = variable("OMPI_COMM_WORLD_RANK"), wanted = variable("FAULT_RANK");
    plan.active = !plan.folder.empty() && (wanted.empty() || wanted == (rank.empty() ? "0" : rank));
    if (!plan.active) return plan;
    plan.call = variable("FAULT_CALL");
    plan.at = std::atol(variable("FAULT_AT").c_str());
    plan.forever = !variable("FAULT_FOREVER").empty();
    const std::string action = variable("FAULT_ACTION"), trace = variable("FAULT_TRACE");
    plan.code = std::atoi(action.c_str());
    plan.seconds = std::atof(variable("FAULT_SECONDS").c_str());
    plan.action = action == "short"  ? Action::shorten
                  : action == "full" ? Action::fill
                  : action == "kill" ? Action::kill
                  : action == "slow" ? Action::slow
                  : plan.code != 0   ? Action::fail
                                     : Action::none;
    if (!trace.empty())
        plan.trace = static_cast<int>(
            ::syscall(SYS_openat, AT_FDCWD, trace.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    return plan;
}

const Plan& plan() {
    static const Plan made = make_plan();
    return made;
}

std::atomic<long> calls{0};
std::atomic<bool> full{false};

std::string link_target(const char* link) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(link, target, sizeof target);
    return length < 0 ? std::string() : std::string(target, static_cast<std::size_t>(length));
}

std::string path_of(int descriptor) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    return link_target(link);
}

std::string path_of(int folder, const char* path) {
    if (path[0] == '/') return path;
    return (folder == AT_FDCWD ? link_target("/proc/self/cwd") : path_of(folder)) + "/" + path;
}

/// What is to happen to this call; counts and traces it.
Action judge(const char* call, const std::string& path) {
    const Plan& how = plan();
    if (!path.starts_with(how.folder)) return Action::none;
    if (how.call != "any" && how.call != call) return Action::none;
    if (how.trace >= 0) {
        const std::string line = std::string(call) + " " + path + "\n";
        ::syscall(SYS_write, how.trace, line.data(), line.size());
    }
    const bool writes = std::strcmp(call, "write") == 0 || std::strcmp(call, "pwrite") == 0;
    const long count = ++calls;
    if (full && writes) return Action::fail;
    return count == how.at || (how.forever && how.at > 0 && count > how.at) ? how.action : Action::none;
}

/// True where the call must not happen; errno is set.
bool stopped(const char* call, const std::string& path) {
    switch (judge(call, path)) {
    case Action::kill:
        ::kill(::getpid(), SIGKILL);
        return true;
    case Action::fail:
        errno = plan().code;
        return true;
    case Action::slow:
        ::usleep(static_cast<useconds_t>(1e6 * plan().seconds));
        return false;
    default:
        return false;
    }
}

/// Reads are many, and no part of "any".
bool read_stopped(int descriptor) {
    return plan().active && plan().call == "read" && stopped("read", path_of(descriptor));
}

/// The next definition of a function: the system's.
template <class Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// A write through `real`, which takes a number of bytes.
template <class Real>
ssize_t write_through(const char* call, int descriptor, std::size_t size, Real&& real) {
    if (!plan().active) return real(size);
    switch (judge(call, path_of(descriptor))) {
    case Action::fail:
        errno = full ? ENOSPC : plan().code;
        return -1;
    case Action::fill:
        full = true;
        return real((size + 1) / 2);
    case Action::shorten:
        return real((size + 1) / 2);
    case Action::kill:
        real(size / 2);
        ::kill(::getpid(), SIGKILL);
        return -1;
    default:
        return real(size);
    }
}

mode_t mode_of(int flags, va_list arguments) {
    return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
}

int open_through(const char* name, int folder, const char* path, int flags, mode_t mode) {
    const bool writes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
    if (plan().active && writes && stopped("open", path_of(folder, path))) return -1;
    static auto* const real = next<int(int, const char*, int, ...)>(name);
    return real(folder, path, flags, mode);
}

} // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_through("openat", AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_through("openat", AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_through("openat", folder, path, flags, mode);
}

int openat64(int folder, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_through("openat", folder, path, flags, mode);
}

ssize_t read(int descriptor, void* data, size_t size) {
    if (read_stopped(descriptor)) return -1;
    static auto* const real = next<ssize_t(int, void*, size_t)>("read");
    return real(descriptor, data, size);
}

ssize_t pread(int descriptor, void* data, size_t size, off_t offset) {
    if (read_stopped(descriptor)) return -1;
    static auto* const real = next<ssize_t(int, void*, size_t, off_t)>("pread");
    return real(descriptor, data, size, offset);
}

ssize_t pread64(int descriptor, void* data, size_t size, off64_t offset) {
    if (read_stopped(descriptor)) return -1;
    static auto* const real = next<ssize_t(int, void*, size_t, off64_t)>("pread64");
    return real(descriptor, data, size, offset);
}

ssize_t write(int descriptor, const void* data, size_t size) {
    static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
    return write_through("write", descriptor, size, [&](size_t some) { return real(descriptor, data, some); });
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
    static auto* const real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
    return write_through("pwrite", descriptor, size, [&](size_t some) { return real(descriptor, data, some, offset); });
}

ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t offset) {
    static auto* const real = next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
    return write_through("pwrite", descriptor, size, [&](size_t some) { return real(descriptor, data, some, offset); });
}

int fsync(int descriptor) {
    if (plan().active && stopped("fsync", path_of(descriptor))) return -1;
    static auto* const real = next<int(int)>("fsync");
    return real(descriptor);
}

int fdatasync(int descriptor) {
    if (plan().active && stopped("fsync", path_of(descriptor))) return -1;
    static auto* const real = next<int(int)>("fdatasync");
    return real(descriptor);
}

// A close that fails has closed all the same.
int close(int descriptor) {
    static auto* const real = next<int(int)>("close");
    const bool fails = plan().active && (::fcntl(descriptor, F_GETFL) & O_ACCMODE) != O_RDONLY &&
                       stopped("close", path_of(descriptor));
    const int code = errno;
    const int result = real(descriptor);
    if (!fails) return result;
    errno = code;
    return -1;
}

int rename(const char* from, const char* to) noexcept {
    if (plan().active && stopped("rename", path_of(AT_FDCWD, to))) return -1;
    static auto* const real = next<int(const char*, const char*)>("rename");
    return real(from, to);
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
    if (plan().active && stopped("rename", path_of(to_folder, to))) return -1;
    static auto* const real = next<int(int, const char*, int, const char*)>("renameat");
    return real(from_folder, from, to_folder, to);
}

int symlink(const char* target, const char* link) noexcept {
    if (plan().active && stopped("symlink", path_of(AT_FDCWD, link))) return -1;
    static auto* const real = next<int(const char*, const char*)>("symlink");
    return real(target, link);
}

int link(const char* from, const char* to) noexcept {
    if (plan().active && stopped("link", path_of(AT_FDCWD, to))) return -1;
    static auto* const real = next<int(const char*, const char*)>("link");
    return real(from, to);
}

int unlink(const char* path) noexcept {
    if (plan().active && stopped("unlink", path_of(AT_FDCWD, path))) return -1;
    static auto* const real = next<int(const char*)>("unlink");
    return real(path);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
    if (plan().active && stopped("unlink", path_of(folder, path))) return -1;
    static auto* const real = next<int(int, const char*, int)>("unlinkat");
    return real(folder, path, flags);
}

// std::filesystem::remove() calls it.
int remove(const char* path) noexcept {
    if (plan().active && stopped("unlink", path_of(AT_FDCWD, path))) return -1;
    static auto* const real = next<int(const char*)>("remove");
    return real(path);
}

int ftruncate(int descriptor, off_t size) noexcept {
    if (plan().active && stopped("ftruncate", path_of(descriptor))) return -1;
    static auto* const real = next<int(int, off_t)>("ftruncate");
    return real(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) noexcept {
    if (plan().active && stopped("ftruncate", path_of(descriptor))) return -1;
    static auto* const real = next<int(int, off64_t)>("ftruncate64");
    return real(descriptor, size);
}

int utimensat(int folder, const char* path, const struct timespec times[2], int flags) noexcept {
    if (plan().active && stopped("utimensat", path_of(folder, path))) return -1;
    static auto* const real = next<int(int, const char*, const struct timespec*, int)>("utimensat");
    return real(folder, path, times, flags);
}

int futimens(int descriptor, const struct timespec times[2]) noexcept {
    if (plan().active && stopped("utimensat", path_of(descriptor))) return -1;
    static auto* const real = next<int(int, const struct timespec*)>("futimens");
    return real(descriptor, times);
}

} // extern "C"
