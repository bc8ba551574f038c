// What a training reads: its datasets, checked against each other and the configuration, and what all ranks must agree
// in.
#pragma once

#include "comm/nodes.hpp"
#include "config/config.hpp"
#include "data/dataset.hpp"
#include "data/loader.hpp"
#include "data/statistics.hpp"
#include "training/data_memory.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace elbo::training {

/// make() on every rank, with errors that all agree on.
template <class Make>
auto agreed(const comm::Communicator& world, Make&& make) {
    std::optional<decltype(make())> made;
    world.together([&] { made.emplace(make()); });
    return std::move(*made);
}

/// What is trained on, and, where it is configured, what is validated on: samples of the same shape.
struct Inputs {
    data::Dataset train;
    std::optional<data::Dataset> validation;
    std::optional<data::Moments> figures; ///< of the training samples, where data.transform standardises by them
    DataPlan plan;                        ///< of this rank's node
    std::string labels;                   ///< what data.labels are, in words; rank 0's
};

/// Where a training's data comes from. Collective.
using MakeInputs = std::function<Inputs(const comm::Nodes& nodes, const config::Config& config)>;

/// Told while a dataset is read: its name, and rows that this rank has done of how many of its own.
using ReadingProgress = std::function<void(const std::string& name, std::uint64_t done, std::uint64_t of)>;

/// The datasets that are configured. What has room in data.memory is read into memory that the ranks of a node share,
/// each a part; the rest stays in its file, which all ranks together go through once for means, range and fingerprint.
Inputs read_inputs(const comm::Nodes& nodes, const config::Config& config, std::uint64_t virtual_ranks,
                   const ReadingProgress& progress = {});

/// One dataset, transformed as in a training of this configuration: `text` (FILE or FILE:/dataset), or, where that is
/// empty, what validates, or else what trains. It is read into the node's memory where it fits data.memory. figures:
/// those that the training standardised by; without them they are found from the training samples. Collective.
data::Dataset read_dataset(const comm::Nodes& nodes, const config::Config& config, const std::string& text,
                           const std::optional<data::Moments>& figures, const ReadingProgress& progress = {});

/// Datasets that are taken from files where none is named.
constexpr std::string_view preferred_train = "/train/x", preferred_validation = "/test/x";

/// The data that texts of the configuration name.
storage::DatasetReader open_data(const std::vector<std::string>& texts, std::string_view preferred,
                                 const config::Data& settings);

/// How this process computes: threads, kernels that are allowed. Before any model is built, and before there are other
/// threads of products.
void set_up_numerics(const config::Config& config);

/// Virtual ranks of a training that begins on so many ranks.
std::uint64_t asked_virtual_ranks(const config::Training& settings, std::uint64_t ranks);

/// Samples a step that are configured, however many there are.
std::uint64_t asked_batch(const config::Training& settings, std::uint64_t virtual_ranks);

/// The header of data.train, or of the part of it that is for training. Throws InputError where it cannot be read.
storage::DatasetInfo train_header(const config::Data& settings);
/// The same of what validates; nothing where nothing does.
std::optional<storage::DatasetInfo> validation_header(const config::Data& settings);

/// The header of data.train or, where there is no such file, one of no rows of uint8 in data.shape.
storage::DatasetInfo header_or_shape(const config::Data& settings);

/// Numbers made up for measuring, in as many samples as make whole batches: of the shape and type of data.train where
/// it exists, else of uint8 in data.shape. No validation data.
Inputs synthetic_inputs(const comm::Nodes& nodes, const config::Config& config, std::uint64_t batch);

data::Binarize binarize_of(const config::Data& settings);

/// Throws InputError where the data has values that the likelihood does not take.
void refuse_outside(const data::Dataset& dataset, std::pair<double, double> support, const config::Config& config);

/// Throws AgreedError where ranks run another program, or one that computes with other kernels. Collective.
void require_same_program(const comm::Communicator& world);

} // namespace elbo::training
