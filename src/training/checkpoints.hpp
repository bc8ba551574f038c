// When a training saves, and what it says of it.
#pragma once

#include "report/terminal.hpp"
#include "storage/folder_lock.hpp"
#include "training/monitor.hpp"
#include "training/saver.hpp"
#include "training/trainer.hpp"

#include <chrono>
#include <optional>

namespace elbo::training {

class Checkpoints {
public:
    /// lock: of the run's folder, rank 0's; nothing is saved any more once another has it.
    Checkpoints(const comm::Communicator& world, const config::Config& config, const RunPaths& paths, Trainer& trainer,
                Monitor& monitor, report::Terminal& terminal, const storage::FolderLock* lock);

    /// Takes the present state; files are written while training goes on. A save that fails is told of, and training
    /// goes on. Collective.
    void save(bool best);

    /// Waits for the files; tries once more where the newest state could not be written. Throws AgreedError where it
    /// still cannot, and where the best one is not on the disk. Collective.
    void finish();

    /// Rank 0: another process has the run's folder by now.
    bool lost_lock() const { return lock_ && lock_->lost(); }
    /// Throws Error where it has; silent on other ranks.
    void require_lock() const;

    /// Tells what became of the last save, as soon as it is known. Rank 0's business, silent on others.
    void tell() {
        if (saver_) tell(saver_->done());
    }

    /// Rank 0: the time for a save by checkpoint.every.minutes has come.
    bool due_by_clock() const;
    /// By checkpoint.every.steps; the same on all ranks.
    bool due_by_steps() const;
    /// The present state is the one that was saved last, or that training went on from.
    bool up_to_date() const { return trainer_.state().step == last_step_; }
    /// The state was read from a checkpoint: there is nothing new in it.
    void resumed() { last_step_ = trainer_.state().step; }

    /// Seconds that a save is expected to take.
    double expected_seconds() const { return saver_ ? saver_->expected_seconds(trainer_.checkpoint_bytes()) : 0; }

    /// When checkpoints were written; of rank 0, empty on others.
    std::vector<Writing> writings() const { return saver_ ? saver_->writings() : std::vector<Writing>(); }

private:
    using Clock = std::chrono::steady_clock;
    void tell(const std::optional<Save>& save);
    void warn_of_abandoned(const std::filesystem::path& checkpoint);
    /// Waits for the last save. Where it was to be the best one and failed, tries once more, before its image goes.
    void write_best_again();
    /// Throws AgreedError: the newest state is not on the disk. Collective.
    void refuse_unsaved() const;

    const comm::Communicator& world_;
    const config::Config& config_;
    RunPaths paths_;
    Trainer& trainer_;
    Monitor& monitor_;
    report::Terminal& terminal_;
    const storage::FolderLock* lock_;
    std::optional<Saver> saver_; ///< rank 0's
    Clock::time_point last_time_ = Clock::now();
    std::optional<std::uint64_t> last_step_;
    bool last_best_ = false;
    std::string trouble_;              ///< of the last save
    std::optional<Save> missing_best_; ///< the last that was to be the best one, where it could not be written
};

} // namespace elbo::training
