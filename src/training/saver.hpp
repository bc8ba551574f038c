// Checkpoints are written while training goes on: the image is made between two steps, its checksum, the file and the
// links by a thread. Rank 0's business.
#pragma once

#include "config/config.hpp"
#include "training/run_folder.hpp"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace elbo::training {

/// A checkpoint to be written, and what became of it.
struct Save {
    std::uint64_t step = 0;
    bool best = false;
    double pause_seconds = 0; ///< for which training stood still
    std::size_t bytes = 0;
    double seconds = 0;                           ///< of checksum, file and links
    std::string trouble;                          ///< why it could not be written; empty: it was
    std::vector<std::filesystem::path> abandoned; ///< checkpoints of later steps that it found and set aside
};

/// When a checkpoint was written, nanoseconds of the steady clock; `end` is now where it still is.
struct Writing {
    std::uint64_t step = 0;
    std::int64_t begin = 0, end = 0;
};

class Saver {
public:
    Saver(RunPaths paths, const config::Checkpoint& settings);
    /// Waits for what is being written.
    ~Saver();
    Saver(const Saver&) = delete;
    Saver& operator=(const Saver&) = delete;

    /// Has `build` make the image in memory that is kept from save to save; first waits for the save before this one.
    void build(const std::function<void(std::vector<std::byte>&)>& build);
    /// Has the thread write the image that build() made.
    void write(Save save);

    /// What became of a save that was not told of yet.
    std::optional<Save> done();
    /// The same, of the save under way too: waits for it.
    std::optional<Save> wait();

    /// Seconds that a save takes: the longest so far, or a guess from its size on a slow disk.
    double expected_seconds(std::size_t bytes) const;

    /// The newest, oldest first.
    std::vector<Writing> writings() const;

private:
    void work();
    void write_files(Save& save);

    RunPaths paths_;
    const config::Checkpoint settings_;
    std::vector<std::byte> image_; ///< the thread's while busy_
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<Save> wanted_, done_;
    bool busy_ = false, ending_ = false;
    double longest_ = 0;
    std::deque<Writing> writings_; ///< the newest; `end` is 0 where it has not come
    std::thread thread_;           ///< the last member: it uses the others
};

} // namespace elbo::training
