// What a training tells: metrics.jsonl, events.jsonl, status.json and the terminal. Rank 0's business: the monitors of
// other ranks are silent and touch no file.
#pragma once

#include "base/verdict.hpp"
#include "report/records.hpp"
#include "report/terminal.hpp"
#include "storage/files.hpp"
#include "storage/folder_lock.hpp"
#include "storage/line_log.hpp"
#include "training/run_folder.hpp"
#include "training/tensorboard.hpp"
#include "training/trainer.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace elbo::training {

class Monitor {
public:
    /// lock: of the run's folder; nothing is written there any more once another has it. Both logs are closed still.
    Monitor(const RunPaths& paths, const config::Config& config, report::Terminal& terminal, bool speaks,
            const Trainer& trainer, const storage::FolderLock* lock);
    ~Monitor();
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;

    /// Opens the run's logs where it speaks; metrics.jsonl is cut to what the state that training goes on from knows
    /// of. Throws Error.
    void open(const Trainer& trainer);

    /// Around everything that is not a step (validation, pictures, saving), so that samples a second count steps alone.
    void pause();
    void resume();

    /// Seconds that the training has taken, over all resumes.
    double seconds() const;

    /// After Trainer::collect(): one line over the steps since the last; empties the state's line_sum.
    void steps_done(Trainer& trainer);
    /// At an epoch's end, after validation: its lines in metrics.jsonl and on the terminal.
    void epoch_done(Trainer& trainer, const std::optional<Validation>& validation, bool best);
    /// After a picture was drawn.
    void picture(const Trainer& trainer, const std::filesystem::path& png);
    /// After a step without an update, and why.
    void skipped(const Trainer& trainer, const std::string& why);
    void live(const Trainer& trainer);

    void event(std::string_view name, const report::Fields& fields);
    void status(std::string_view state, std::optional<Exit> exit, const Trainer& trainer,
                const std::string& message = "");

    /// Has rank 0 do what writes a file that training can go on without; what goes wrong is warned of and remembered.
    void attempt(const std::filesystem::path& file, const std::function<void()>& write);
    /// What of metrics.jsonl, events.jsonl, event files, pictures and the like is not on the disk; empty: nothing is
    /// missing.
    std::string trouble();

    /// How training failed, as all ranks know; it still says so where it can.
    void failure(const Verdict& verdict, const Trainer& trainer) noexcept;
    /// The same from a rank that alone knows of it, or from another thread: the status alone, and only where this host
    /// sees the run's folder.
    void failed_from_elsewhere(const Verdict& verdict) const;

private:
    using Clock = std::chrono::steady_clock;
    /// A point of the training: seconds in steps, and samples trained on since the run began.
    struct Mark {
        double busy = 0;
        std::uint64_t samples = 0;
    };
    Mark now(const Trainer& trainer) const;
    double seconds_left(const Trainer& trainer) const;
    report::Metrics metrics(std::string_view over, const model::Bound& sum, Mark since, const Trainer& trainer) const;
    void write(Trainer& trainer, const report::Metrics& metrics);
    void warn_of(const std::string& trouble);
    bool lost_lock() const { return lock_ && lock_->lost(); }
    bool writes() const { return speaks_ && !lost_lock(); }
    std::vector<storage::AppendLog*> logs(); ///< those that are open

    RunPaths paths_;
    const config::Config& config_;
    report::Terminal& terminal_;
    bool speaks_;
    const storage::FolderLock* lock_;
    std::optional<storage::LineLog> metrics_, events_;
    std::optional<TensorBoard> tensorboard_; ///< where report.tensorboard asks for it
    Clock::time_point start_ = Clock::now(), busy_since_ = start_;
    double seconds_before_; ///< of training in earlier processes
    double busy_ = 0;       ///< seconds in steps until the last pause
    bool paused_ = false;
    Mark begin_, line_, epoch_;
    double last_elbo_ = 0;
    std::map<std::filesystem::path, std::string> lost_; ///< files that could not be written, and why
    std::string warned_;                                ///< the last trouble that was warned of
};

} // namespace elbo::training
