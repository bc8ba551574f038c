// One rank's part of a training: model, data, exchange and optimiser, and the steps that move them on.
#pragma once

#include "comm/exchange.hpp"
#include "config/config.hpp"
#include "data/loader.hpp"
#include "model/vae.hpp"
#include "optimizers/optimizer.hpp"
#include "storage/checkpoint.hpp"
#include "training/state.hpp"

#include <filesystem>
#include <memory>
#include <optional>

namespace elbo::training {

/// A pass over validation data.
struct Validation {
    model::Bound bound; ///< sums over the samples
    double seconds = 0;
};

class Trainer {
public:
    /// Reads the data and builds the model, on all ranks together. virtual_ranks: at least the number of ranks. Throws
    /// AgreedError where the configuration, the data and each other do not fit.
    Trainer(const comm::Communicator& world, const config::Config& config, std::uint64_t virtual_ranks);

    /// Initial values, or those of a checkpoint: rank 0 reads it and hands it on. Collective.
    void initialise();
    void restore(const std::filesystem::path& checkpoint);

    /// One step on the global batch at the state's position: gradients of this rank's shards, their sum, the update.
    void step();

    /// Adds what the steps since the last call have summed to state(), over all ranks. Collective.
    void collect();

    bool epoch_done() const { return state_.position == train_.size(); }

    /// The bound of the validation data, or of its first `most` samples; nullopt where there is none. Collective.
    std::optional<Validation> validate(std::uint64_t most);

    /// Inputs over reconstructions, and samples from the prior, where the data is images; rank 0's work alone.
    void draw(const std::filesystem::path& png);

    /// The checkpoint's bytes, for the present state. Throws Error where a value is not finite: such a state is no use.
    /// Rank 0 gets it, the others nothing. Collective.
    std::vector<std::byte> checkpoint();

    /// Throws AgreedError where the nodes' copies of the parameters have come to differ. Collective.
    void compare_nodes();

    State& state() { return state_; }
    const State& state() const { return state_; }
    const model::Vae& model() const { return *model_; }
    const data::Dataset& train_data() const { return train_; }
    const data::Dataset* validation_data() const { return validation_ ? &*validation_ : nullptr; }
    optimizers::Progress progress() const;
    optimizers::Rate& rate() { return rate_; }
    double last_rate() const { return last_rate_; }           ///< of the last step
    double last_kl_weight() const { return last_kl_weight_; } ///< of the last step
    std::uint64_t batch() const { return batch_; }            ///< of all ranks
    std::uint64_t virtual_ranks() const { return virtual_ranks_; }
    const comm::Nodes& nodes() const { return nodes_; }
    std::uint64_t steps_an_epoch() const { return data::batches_from(0, train_.size(), batch_); }

private:
    /// A shard of the batch under way: loads its rows, then forward and backward.
    void evaluate_shard(const data::Range& batch, std::uint64_t shard, std::span<float> gradients,
                        const comm::FinalFrom& final_from);
    /// The parts of an optimiser's state array that this rank owns, one a slice.
    std::vector<std::span<float>> owned_state(std::size_t index);
    /// Rank 0's whole arrays of the optimiser's states: its own where it owns everything, else in `room`.
    std::vector<std::span<float>> whole_states(std::vector<std::vector<float>>& room);
    /// A checkpoint's arrays: values, and the optimiser's states.
    std::vector<storage::NamedArray<float>> arrays(std::span<const std::span<float>> states);

    const comm::Communicator& world_;
    const config::Config& config_;
    comm::Nodes nodes_;
    data::Dataset train_;
    std::optional<data::Dataset> validation_;
    std::uint64_t virtual_ranks_;
    std::uint64_t batch_, rows_; ///< of a step; at most of a virtual rank
    std::unique_ptr<model::Vae> model_;
    data::Loader loader_;
    std::optional<data::Loader> validation_loader_;
    comm::Exchange exchange_;
    std::vector<std::unique_ptr<optimizers::Optimizer>> optimizers_; ///< one for each slice that this rank owns
    optimizers::Rate rate_;
    State state_;
    std::vector<model::Bound> pending_; ///< of each virtual rank, since the last collect()
    double last_rate_ = 0, last_kl_weight_ = 0;
};

} // namespace elbo::training
