// `elbo train --rehearse`: the whole way once, small, in a temporary folder.
#include "base/text.hpp"
#include "storage/files.hpp"
#include "storage/posix.hpp"
#include "training/announce.hpp"
#include "training/measure.hpp"
#include "training/run_folder.hpp"
#include "training/train.hpp"
#include "training/trainer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>

namespace elbo::training {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t steps_before_resume = 2, steps_after_resume = 1;
constexpr std::uint64_t validation_samples = 1024;

/// Where the system has temporary files: /tmp unless the environment says otherwise.
fs::path temporary_parent() {
    std::error_code error;
    const fs::path folder = fs::temp_directory_path(error);
    if (!error) return folder;
    for (const char* const variable : {"TMPDIR", "TMP", "TEMP", "TEMPDIR"})
        if (const char* const name = std::getenv(variable))
            reject("{} names {}, which {}", variable, name,
                   storage::is_there(name) ? "is no folder" : "does not exist");
    fail("/tmp: {}", error.message());
}

/// A folder of rank 0's that is gone when the rehearsal is over, however it ends.
class TemporaryFolder {
public:
    explicit TemporaryFolder(const comm::Communicator& world) {
        world.on_first([&] {
            const fs::path parent = temporary_parent();
            std::string name = (parent / "elbo-rehearsal-XXXXXX").string();
            if (!mkdtemp(name.data()))
                fail("no temporary folder could be made in {}: {}", parent.string(), storage::write_message(errno));
            path_ = name;
        });
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const fs::path& path() const { return path_; }

private:
    fs::path path_; ///< empty on other ranks
};

void make_finite_steps(Trainer& trainer, std::uint64_t count) {
    make_steps(trainer, count);
    trainer.collect();
    if (!std::isfinite(trainer.state().epoch_sum.elbo()))
        throw comm::AgreedError("the ELBO is not finite within three steps; try a lower optimizer.rate",
                                Exit::diverged);
}

/// Steps, validation, pictures and a checkpoint.
void first_half(const comm::Communicator& world, const config::Config& config, const fs::path& folder,
                report::Terminal& terminal) {
    Trainer trainer(world, config, virtual_ranks_at_start(world, config));
    trainer.initialise();
    terminal.line(fmt::format("model       {}, {} parameters", describe_model(config, trainer.model()),
                              with_commas(trainer.model().parameters().trainable())));
    make_finite_steps(trainer, 1);
    const auto start = Clock::now();
    make_finite_steps(trainer, steps_before_resume - 1);
    const std::chrono::duration<double> a_step = Clock::now() - start;
    const bool validated = trainer.validate(validation_samples).has_value();
    terminal.line(validated ? "steps       done, validation done"
                            : "steps       done; there is nothing to validate with");
    std::vector<std::byte> image;
    trainer.checkpoint([&](std::span<const storage::NamedArray<const float>> arrays,
                           const storage::CheckpointText& text) { image = storage::checkpoint_image(arrays, text); });
    const fs::path picture = folder / "samples.png";
    world.on_first([&] {
        trainer.draw(picture);
        storage::write_whole(folder / "checkpoint.h5", image);
    });
    terminal.line(storage::is_there(picture) ? "checkpoint  written, pictures drawn" : "checkpoint  written");
    terminal.line(fmt::format("an epoch    about {} ({} steps, without validation)",
                              human_duration(a_step.count() * static_cast<double>(trainer.steps_an_epoch())),
                              with_commas(trainer.steps_an_epoch())));
}

} // namespace

Exit rehearse(const comm::Communicator& world, const config::Config& config, const Options& options) {
    report::Terminal terminal(world.first(), options.verbosity);
    const RunPaths paths{config.output};
    world.on_first([&] {
        if (!options.fresh) examine(paths, config);
        storage::require_writable_folder(paths.folder);
    });
    const TemporaryFolder folder(world);
    first_half(world, config, folder.path(), terminal);
    Trainer resumed(world, config, virtual_ranks_at_start(world, config));
    resumed.restore(folder.path() / "checkpoint.h5");
    make_finite_steps(resumed, steps_after_resume);
    terminal.line("resume      done");
    terminal.outcome(fmt::format("would run: {} epochs to {}", config.training.epochs, paths.folder.string()));
    return Exit::done;
}

} // namespace elbo::training
