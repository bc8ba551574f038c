// One rank's part of a training: model, data, exchange and optimiser, and the steps that move them on.
#pragma once

#include "comm/exchange.hpp"
#include "comm/phase_clock.hpp"
#include "comm/watch.hpp"
#include "config/config.hpp"
#include "data/prefetcher.hpp"
#include "model/evaluation.hpp"
#include "model/importance.hpp"
#include "model/vae.hpp"
#include "optimizers/optimizer.hpp"
#include "storage/checkpoint.hpp"
#include "training/histograms.hpp"
#include "training/inputs.hpp"
#include "training/start_values.hpp"
#include "training/state.hpp"

#include <filesystem>
#include <memory>
#include <optional>

namespace elbo::training {

/// L_K of the validation data, the mean in nats a sample (model/importance.hpp).
struct WeightedBound {
    std::size_t draws = 0;
    double value = 0;
};

/// A pass over validation data.
struct Validation {
    model::Bound bound; ///< sums over the samples
    std::vector<model::LatentDimension> latents;
    std::vector<float> means; ///< of the first LatentMeans::most samples' posteriors that this rank has, else zeros
    double seconds = 0;
    std::optional<WeightedBound> weighted;         ///< where the epoch is one of evaluate.every's
    std::optional<PosteriorHistograms> histograms; ///< where report.tensorboard shows them

    std::size_t active_units() const; ///< latents that are
};

/// What a step has come to, the same on all ranks.
struct StepOutcome {
    bool stop = false, save = false; ///< some rank asked for it
    std::string skipped;             ///< why there was no update; empty: there was one
};

/// As configured, what is left out to be chosen by measuring.
comm::Messages messages_of(const config::Communication& settings);

class Trainer {
public:
    /// Takes the data that `inputs` gives (those configured, read from files) and builds the model, on all ranks
    /// together. virtual_ranks: at least the number of ranks. Throws AgreedError where the configuration, the data and
    /// each other do not fit.
    Trainer(const comm::Communicator& world, const config::Config& config, std::uint64_t virtual_ranks,
            const MakeInputs& inputs = {});

    /// Initial values (those of model.start where it is set: what was taken), or those of a checkpoint: rank 0 reads it
    /// and hands it on. Collective.
    Taken initialise();
    void restore(const std::filesystem::path& checkpoint);

    /// Has steps, validation and the rest tell it what this rank is at.
    void watch_by(comm::Watch* watch) { watch_ = watch; }
    void enter(comm::Phase phase) {
        clock_.enter(phase);
        if (watch_) watch_->enter(phase);
    }
    /// Keeps what this rank is at in steps [first, last].
    void record(std::uint64_t first, std::uint64_t last) {
        clock_.record(first, last);
        batches_->record(first, last);
    }
    const data::Prefetcher& batches() const { return *batches_; }
    /// What data.labels are, in words; rank 0's.
    const std::string& labels() const { return inputs_.labels; }
    /// How this rank's node has the data.
    const DataPlan& data_plan() const { return inputs_.plan; }
    /// Of training data that stays in its file, for this rank's steps, bytes in memory type.
    std::uint64_t bytes_read() const { return source_bytes() - bytes_before_; }
    /// This rank's shards, on and on.
    data::Turns turns() const;
    /// Where this rank's time goes.
    comm::PhaseClock& clock() { return clock_; }
    const comm::PhaseClock& clock() const { return clock_; }

    /// Asks all ranks to stop, or to save, after the next step.
    void wish(comm::Wish wish) { exchange_.wish(wish); }

    /// One step on the global batch at the state's position: gradients of this rank's shards, their sum, the update.
    /// Where the ELBO, the gradient or a new value is not finite, the step is skipped if training.on_nan says so; else,
    /// or after too many in a row, AgreedError (diverged) names rank and layer. Collective.
    StepOutcome step();

    /// Adds what the steps since the last call have summed to state(), over all ranks. Collective.
    void collect();

    bool epoch_done() const { return state_.position == train_.size(); }

    /// Figures of the validation data, or of its first `most` samples; nullopt where there is none. Collective.
    std::optional<Validation> validate(std::uint64_t most);

    /// Inputs over reconstructions, and samples from the prior, where the data is images; rank 0's work alone.
    void draw(const std::filesystem::path& png);

    /// Has rank 0 build the checkpoint of the present state with storage::build_checkpoint(). Collective.
    using Build =
        std::function<void(std::span<const storage::NamedArray<const float>>, const storage::CheckpointText&)>;
    void checkpoint(const Build& build);
    std::size_t checkpoint_bytes() const; ///< about

    /// Throws AgreedError where the nodes' copies of the parameters have come to differ. Collective.
    void compare_nodes();

    State& state() { return state_; }
    const State& state() const { return state_; }
    const model::Vae& model() const { return *model_; }
    Precision precision() const { return precision_; } ///< in use: fp32 too where the ranks have nothing else
    const data::Dataset& train_data() const { return train_; }
    const data::Dataset* validation_data() const { return validation_ ? &*validation_ : nullptr; }
    optimizers::Progress progress() const;
    optimizers::Rate& rate() { return rate_; }
    std::uint64_t batch() const { return batch_; } ///< of all ranks
    std::uint64_t virtual_ranks() const { return virtual_ranks_; }
    const comm::Nodes& nodes() const { return nodes_; }
    const comm::Exchange& exchange() const { return exchange_; }
    comm::Exchange& exchange() { return exchange_; }
    std::uint64_t rows() const { return rows_; } ///< of a virtual rank, at most
    std::size_t optimizer_states() const { return optimizer_->state_names().size(); }
    std::uint64_t steps_an_epoch() const { return data::batches_from(0, train_.size(), batch_); }

private:
    /// The values as passes read them.
    layers::Values values() { return {exchange_.values(), exchange_.rounded()}; }
    /// What was not finite in this step, from whichever rank knows; collective.
    std::string find_not_finite();
    /// Throws AgreedError unless the step may be skipped. updated: too late, the values have been spoilt.
    void refuse_divergence(const std::string& what, bool updated) const;
    /// Where training.exact is set: refuses a checkpoint in a precision that is asked for still and not to be had here.
    void refuse_other_precision(const storage::CheckpointReader& reader, const std::filesystem::path& file) const;
    /// Rank 0's values for all nodes. Collective.
    void broadcast_values();
    /// Everything of a checkpoint but its arrays and the sums under way.
    void describe_in(storage::CheckpointText& text) const;
    /// Takes the sums of this rank's virtual ranks from those of all, which rank 0 has. Collective.
    void restore_pending(const std::vector<double>& first_ranks);
    /// An epoch that was begun with another batch or other virtual ranks goes on in its order. Collective.
    void keep_order_of_epoch();
    void begin_step();
    /// True where metrics tell of the step under way, and so of its gradient's norm.
    bool tells_of(const data::Range& batch) const;
    /// This rank's part of a pass over validation data of so many samples, and the sum over all. Collective.
    Validation bound_of(std::uint64_t samples);
    double weighted_bound_of(std::uint64_t samples);
    data::Rows validation_rows(std::uint64_t block, std::uint64_t samples);
    std::uint64_t source_bytes() const { return train_.source() ? train_.source()->bytes_read() : 0; }
    /// Tells the watch that this rank waits for its reader, which gets on.
    void wait_for_reader();
    /// A shard of the batch under way: loads its rows, then forward and backward.
    void evaluate_shard(const data::Range& batch, std::uint64_t shard, std::span<float> gradients,
                        const comm::FinalFrom& final_from);
    /// Rank 0's whole arrays of the optimiser's states: its own where it owns everything, else in `room`.
    std::vector<std::span<float>> whole_states(std::vector<std::vector<float>>& room);
    /// A checkpoint's arrays: values, and the optimiser's states.
    std::vector<storage::NamedArray<float>> arrays(std::span<const std::span<float>> states);

    const comm::Communicator& world_;
    const config::Config& config_;
    comm::PhaseClock clock_;
    comm::Nodes nodes_;
    Inputs inputs_;
    const data::Dataset& train_;
    const std::optional<data::Dataset>& validation_;
    std::uint64_t virtual_ranks_;
    std::uint64_t batch_, rows_; ///< of a step; at most of a virtual rank
    Precision precision_;
    std::unique_ptr<model::Vae> model_;
    std::unique_ptr<data::Prefetcher> batches_;       ///< training's rows
    std::optional<data::Loader> loader_;              ///< of validation data, or else of training data, for pictures
    std::optional<model::ImportanceSampler> sampler_; ///< where evaluate.every asks for it
    comm::Exchange exchange_;
    std::unique_ptr<optimizers::Optimizer> optimizer_; ///< of what this rank owns
    optimizers::Rate rate_;
    State state_;
    std::vector<model::Bound> pending_;     ///< of each virtual rank, since the last collect()
    std::vector<model::Bound> step_bounds_; ///< of each virtual rank, in the step under way
    std::string not_finite_;                ///< what this rank found in it
    comm::Watch* watch_ = nullptr;
    std::uint64_t bytes_before_ = 0, bytes_seen_ = 0; ///< source_bytes() before the first step, at the last look
};

} // namespace elbo::training
