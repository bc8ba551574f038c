// Records are written at the place where the whole ones end, and what a full disk left of one is cut off again.
#include "storage/append_log.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_waiting = 4 << 20;

} // namespace

AppendLog::AppendLog(const fs::path& path)
    : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (!file_) fail("{}: cannot be opened for appending: {}", path.string(), write_message(errno));
    struct stat status;
    if (::fstat(file_.get(), &status) != 0) fail("{}: cannot be examined: {}", path.string(), write_message(errno));
    written_ = static_cast<std::size_t>(status.st_size);
}

AppendLog::~AppendLog() { flush(); }

void AppendLog::append(std::string record) {
    waiting_bytes_ += record.size();
    waiting_.push_back(std::move(record));
    if (!flush()) drop_excess();
}

bool AppendLog::flush() {
    const int code = write_waiting();
    trouble_ = code == 0 ? "" : fmt::format("{}: cannot be appended to: {}", path_.string(), write_message(code));
    return code == 0;
}

int AppendLog::write_waiting() {
    while (!waiting_.empty()) {
        if (torn_ && ::ftruncate(file_.get(), static_cast<off_t>(written_)) != 0) return errno;
        torn_ = false;
        const std::string& record = waiting_.front();
        if (const int code = write_at(file_.get(), written_, std::as_bytes(std::span(record)))) {
            torn_ = ::ftruncate(file_.get(), static_cast<off_t>(written_)) != 0;
            return code;
        }
        written_ += record.size();
        waiting_bytes_ -= record.size();
        waiting_.pop_front();
    }
    return 0;
}

void AppendLog::drop_excess() {
    while (waiting_bytes_ > most_waiting) {
        waiting_bytes_ -= waiting_.front().size();
        waiting_.pop_front();
        ++dropped_;
    }
}

void AppendLog::cut_lines(std::size_t bytes) {
    if (!flush()) fail("{}", trouble_);
    const std::size_t kept = whole_lines(file_.get(), std::min(bytes, written_));
    if (kept == written_) return;
    if (::ftruncate(file_.get(), static_cast<off_t>(kept)) != 0) {
        fail("{}: cannot be cut to {} bytes: {}", path_.string(), kept, write_message(errno));
    }
    written_ = kept;
}

} // namespace elbo::storage
