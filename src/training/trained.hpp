// A trained model, as the commands that ask one have it: found, read and checked.
#pragma once

#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "data/dataset.hpp"
#include "model/vae.hpp"
#include "numerics/memory.hpp"
#include "training/inputs.hpp"
#include "training/state.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::training {

/// A run folder's checkpoint ("best", "latest" or the number of a step), or a checkpoint file, for which `which` is
/// empty or "best". Throws InputError saying what there is instead.
std::filesystem::path find_checkpoint(const std::string& run, const std::string& which);

struct Trained {
    std::filesystem::path checkpoint;
    config::Config config; ///< of the run
    State state;
    Shape sample_shape;                   ///< as the model sees samples
    std::optional<data::Moments> figures; ///< that data.transform standardises by; older checkpoints lack them
    std::unique_ptr<model::Vae> model;
    AlignedFloats values; ///< of its parameters

    /// For the model's queries, which prepare their factors once: the values of a checkpoint do not change.
    layers::Values fixed_values() const;
};

/// Rank 0 reads the checkpoint and hands it on; passes are of at most max_rows rows and in fp32. Throws AgreedError
/// where the file is none, is damaged, or does not fit the configuration that it holds. Collective.
Trained open_trained(const comm::Communicator& world, const std::string& run, const std::string& which,
                     std::size_t max_rows);

/// "runs/mnist/checkpoints/step-00009380.h5, after epoch 20".
std::string describe(const Trained& trained);

/// Data to ask the model about, as read_dataset() gives it. Throws AgreedError where its samples are not the model's.
/// Collective.
data::Dataset read_data(const comm::Nodes& nodes, const Trained& trained, const std::string& text,
                        const ReadingProgress& progress = {});

/// The same of the dataset that texts of the configuration name.
data::Dataset read_data(const comm::Nodes& nodes, const Trained& trained, const std::vector<std::string>& texts,
                        std::string_view preferred, const ReadingProgress& progress = {});

} // namespace elbo::training
