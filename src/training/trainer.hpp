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
    /// Reads the data and builds the model, on all ranks together. Throws AgreedError where the configuration, the data
    /// and each other do not fit.
    Trainer(const comm::Communicator& world, const config::Config& config);

    /// Initial values, or those of a checkpoint: rank 0 reads it and hands it on. Collective.
    void initialise();
    void restore(const std::filesystem::path& checkpoint);

    /// One step on the global batch at the state's position: gradients of this rank's shard, their sum, the update.
    void step();

    /// Adds what the steps since the last call have summed to state(), over all ranks. Collective.
    void collect();

    bool epoch_done() const { return state_.position == train_.size(); }

    /// The bound of the validation data, or of its first `most` samples; nullopt where there is none. Collective.
    std::optional<Validation> validate(std::uint64_t most);

    /// Inputs over reconstructions, and samples from the prior, where the data is images; rank 0's work alone.
    void draw(const std::filesystem::path& png);

    /// The checkpoint's bytes, for the present state. Throws Error where a value is not finite: such a state is no use.
    std::vector<std::byte> checkpoint();

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
    std::uint64_t steps_an_epoch() const { return data::batches_from(0, train_.size(), batch_); }

private:
    std::vector<storage::NamedArray<float>> arrays();

    const comm::Communicator& world_;
    const config::Config& config_;
    data::Dataset train_;
    std::optional<data::Dataset> validation_;
    std::uint64_t batch_, rows_; ///< of all ranks; at most of one
    std::unique_ptr<model::Vae> model_;
    data::Loader loader_;
    std::optional<data::Loader> validation_loader_;
    comm::Exchange exchange_;
    std::unique_ptr<optimizers::Optimizer> optimizer_;
    optimizers::Rate rate_;
    State state_;
    model::Bound pending_; ///< of this rank, since the last collect()
    double last_rate_ = 0, last_kl_weight_ = 0;
};

} // namespace elbo::training
