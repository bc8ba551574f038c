#include "training/start.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

namespace elbo::training {
namespace {

namespace fs = std::filesystem;

void refuse_other_data(const Found& found, const Trainer& trainer) {
    const auto check = [&](const data::Dataset* dataset, const std::string& before, const char* key) {
        const std::string now = dataset ? dataset->fingerprint() : "";
        if (now == before) return;
        reject("{}: {} has fingerprint {}, but the run was trained on data with {}; give the same data, choose another "
               "output, or start anew with --fresh",
               key, dataset ? dataset->name() : "(none)", now.empty() ? "(none)" : now,
               before.empty() ? "(none)" : before);
    };
    check(&trainer.train_data(), found.train_data, "data.train");
    check(trainer.validation_data(), found.validation_data, "data.validation");
}

} // namespace

std::uint64_t virtual_ranks_at_start(const comm::Communicator& world, const config::Config& config) {
    const auto ranks = static_cast<std::uint64_t>(world.size());
    const std::uint64_t asked = asked_virtual_ranks(config.training, ranks);
    if (asked < ranks)
        throw comm::AgreedError(
            fmt::format("training.virtual_ranks is {}, but there are {} ranks; give it at least their "
                        "number, or start fewer",
                        asked, ranks),
            Exit::wrong_input);
    return asked;
}

namespace {

/// Those of the run that goes on, unless it is asked for others or there are more ranks.
std::uint64_t virtual_ranks_of(const comm::Communicator& world, const config::Config& config, std::uint64_t before) {
    if (before == 0) return virtual_ranks_at_start(world, config);
    const auto ranks = static_cast<std::uint64_t>(world.size());
    const std::uint64_t now = std::max(config.training.virtual_ranks.value_or(before), ranks);
    if (now != before && config.training.exact)
        throw comm::AgreedError(
            fmt::format("the run has {} virtual ranks, and {} would change its last bits, which "
                        "training.exact forbids; start at most {} ranks, or set training.exact=false",
                        before, now, before),
            Exit::wrong_input);
    return now;
}

} // namespace

Start look(const comm::Communicator& world, const RunPaths& paths, const config::Config& config, bool fresh,
           report::Terminal& terminal) {
    Start start;
    int kind = 0;
    world.on_first([&] {
        start.aside = fresh && holds_run(paths);
        if (!start.aside) start.found = examine(paths, config);
        if (!start.found.checkpoint.empty()) kind = finished(start.found.state, config.training) ? 2 : 1;
        if (kind != 2)
            storage::require_writable_folder(paths.folder); // said before the data are read
        else if (storage::is_locked(paths.folder))
            const storage::FolderLock refused(paths.folder); // by whom it is trained on, to more epochs
    });
    start.kind = static_cast<Start::Kind>(world.most(kind));
    if (start.kind != Start::Kind::finished) {
        const bool goes_on = start.kind == Start::Kind::resume;
        start.virtual_ranks_before = static_cast<std::uint64_t>(
            world.most(goes_on ? static_cast<std::int64_t>(start.found.state.virtual_ranks) : 0));
        start.virtual_ranks = virtual_ranks_of(world, config, start.virtual_ranks_before);
        return start;
    }
    const State& state = start.found.state;
    terminal.outcome(fmt::format("{}: finished, {} epochs{}; nothing to do (more: training.epochs={}, anew: --fresh)",
                                 paths.folder.string(), state.epoch,
                                 state.best_epoch > 0 ? fmt::format(", best validation ELBO {:.2f}", state.best) : "",
                                 state.epoch * 2));
    return start;
}

namespace {

/// Until the lock was taken, another elbo may have worked here.
void refuse_newer_checkpoint(const RunPaths& paths, const Start& start) {
    const std::vector<fs::path> now = list_checkpoints(paths);
    if (!start.aside && !now.empty() && now.back() != start.found.newest)
        reject("{}: another elbo has trained here just now (up to {}); start again to go on from there",
               paths.folder.string(), now.back().filename().string());
}

} // namespace

std::unique_ptr<storage::FolderLock> open_run(const comm::Communicator& world, const RunPaths& paths,
                                              const config::Config& config, const Start& start,
                                              const Trainer& trainer) {
    std::unique_ptr<storage::FolderLock> lock;
    world.on_first([&] {
        if (start.kind == Start::Kind::resume) refuse_other_data(start.found, trainer);
        if (start.aside) {
            const storage::FolderLock nobody_works_there(paths.folder);
            move_aside(paths.folder);
        }
        storage::make_folders(paths.folder);
        lock = std::make_unique<storage::FolderLock>(paths.folder);
        refuse_newer_checkpoint(paths, start);
        storage::write_whole(paths.configuration(), config.resolved);
        storage::make_folders(paths.checkpoints());
        storage::make_folders(paths.samples());
        for (const fs::path& folder : {paths.folder, paths.checkpoints(), paths.samples()})
            storage::remove_temporaries(folder);
    });
    return lock;
}

} // namespace elbo::training
