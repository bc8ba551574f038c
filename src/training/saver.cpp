#include "training/saver.hpp"

#include "base/thread.hpp"
#include "base/verdict.hpp"
#include "storage/checkpoint.hpp"
#include "storage/files.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

namespace elbo::training {
namespace {

/// Bytes a second that even a slow shared disk takes.
constexpr double slow_disk = 50e6;

constexpr std::size_t most_writings = 64;

std::int64_t nanoseconds(std::chrono::steady_clock::time_point time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// A file that does not read back as it was written is no checkpoint to go on from.
void verify(const std::filesystem::path& path) {
    try {
        storage::verify_checkpoint(path);
    } catch (const Error&) {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
        throw;
    }
}

} // namespace

Saver::Saver(RunPaths paths, const config::Checkpoint& settings)
    : paths_(std::move(paths)),
      settings_(settings),
      thread_(start_thread("to write checkpoints", [this] { work(); })) {}

Saver::~Saver() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Saver::build(const std::function<void(std::vector<std::byte>&)>& build) {
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !busy_; });
    }
    build(image_);
}

void Saver::write(Save save) {
    const std::lock_guard lock(mutex_);
    save.bytes = image_.size();
    wanted_ = std::move(save);
    busy_ = true;
    changed_.notify_all();
}

std::optional<Save> Saver::done() {
    const std::lock_guard lock(mutex_);
    return std::exchange(done_, std::nullopt);
}

std::optional<Save> Saver::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !busy_; });
    return std::exchange(done_, std::nullopt);
}

double Saver::expected_seconds(std::size_t bytes) const {
    const std::lock_guard lock(mutex_);
    return longest_ > 0 ? longest_ : static_cast<double>(bytes) / slow_disk;
}

std::vector<Writing> Saver::writings() const {
    const std::lock_guard lock(mutex_);
    std::vector<Writing> writings(writings_.begin(), writings_.end());
    for (Writing& writing : writings)
        if (writing.end == 0) writing.end = nanoseconds(std::chrono::steady_clock::now());
    return writings;
}

void Saver::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return wanted_ || ending_; });
        if (!wanted_) return;
        Save save = *std::exchange(wanted_, std::nullopt);
        const auto start = std::chrono::steady_clock::now();
        if (writings_.size() == most_writings) writings_.pop_front();
        writings_.push_back({save.step, nanoseconds(start), 0});
        lock.unlock();
        try {
            write_files(save);
        } catch (const std::exception& error) {
            save.trouble = verdict_of(error).message;
        }
        const auto end = std::chrono::steady_clock::now();
        save.seconds = std::chrono::duration<double>(end - start).count();
        lock.lock();
        writings_.back().end = nanoseconds(end);
        longest_ = std::max(longest_, save.seconds + save.pause_seconds);
        done_ = std::move(save);
        busy_ = false;
        changed_.notify_all();
    }
}

void Saver::write_files(Save& save) {
    storage::seal_checkpoint(image_);
    const std::filesystem::path path = paths_.checkpoint(save.step);
    storage::write_whole(path, image_);
    if (settings_.verify) verify(path);
    storage::replace_link(paths_.latest(), path.filename());
    if (save.best) storage::replace_link(paths_.best(), path.filename());
    save.abandoned = set_aside_abandoned(paths_, save.step);
    remove_old_checkpoints(paths_, save.step, settings_.keep);
}

} // namespace elbo::training
