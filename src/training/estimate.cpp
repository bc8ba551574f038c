#include "training/estimate.hpp"

#include "comm/exchange.hpp"
#include "comm/remote.hpp"
#include "data/prefetcher.hpp"
#include "model/importance.hpp"
#include "optimizers/optimizer.hpp"
#include "training/histograms.hpp"
#include "training/inputs.hpp"
#include "training/latents.hpp"
#include "training/trainer.hpp"

#include <algorithm>

namespace elbo::training {
namespace {

/// A process that has initialised MPI and oneDNN and opened an HDF5 file, before any array of a training: memory of its
/// own, and code of libraries, which a node holds once (Debian 12, Open MPI 4.1.4, oneDNN 2.6.3).
constexpr std::size_t process_bytes = 14 << 20, library_bytes = 26 << 20;

std::size_t virtual_ranks_on(std::size_t ranks, const config::Config& config) {
    return std::max(ranks, static_cast<std::size_t>(asked_virtual_ranks(config.training, ranks)));
}

comm::Leaves leaves_of(std::size_t rank, std::size_t ranks, std::size_t virtual_ranks) {
    return {virtual_ranks * rank / ranks, virtual_ranks * (rank + 1) / ranks};
}

/// By which the route is chosen where it is not configured: 25 Gb/s. A run measures its own.
constexpr comm::Network usual_network{.latency = 20e-6, .gap = 2e-6, .bandwidth = 3e9};

/// Of gradients between nodes: equal ones, the first and the last of which stand for all.
void add_messages(const config::Communication& settings, const Machine& machine, std::size_t virtual_ranks,
                  std::size_t parameters, Memory& memory) {
    if (machine.nodes == 1) return;
    std::vector<comm::Leaves> nodes;
    for (std::size_t node = 0; node < machine.nodes; ++node)
        nodes.push_back(leaves_of(node, machine.nodes, virtual_ranks));
    const comm::Shares shares(virtual_ranks, nodes);
    const comm::Messages messages = messages_of(settings);
    memory.route = comm::choose(usual_network, messages, shares, parameters, machine.ranks).route;
    for (const std::size_t node : {std::size_t{0}, machine.nodes - 1})
        memory.messages =
            std::max(memory.messages, comm::Remote::bytes(shares, node, memory.route, messages.precision, parameters));
}

/// Of a pass over validation data, each rank.
std::size_t validation_bytes(const config::Config& config, std::size_t latent, std::size_t rows) {
    if (config.data.validation.empty() && !config.data.validation_fraction) return 0;
    const bool weighted = config.evaluate.every > 0;
    return LatentSums::bytes(latent) + LatentMeans::bytes(latent) + BlockCodes::bytes(latent, rows) +
           (config.report.tensorboard ? PosteriorHistograms::bytes(latent) : 0) +
           (weighted ? model::ImportanceSampler::bytes(latent, rows, 1) : 0);
}

} // namespace

Memory memory_of_a_node(const config::Config& config, const model::Vae& model, const Machine& machine, std::size_t rows,
                        const DataPlan& data) {
    const std::size_t array = model.parameters().size() * sizeof(float), ranks = machine.ranks;
    const std::size_t virtual_ranks = virtual_ranks_on(machine.all(), config);
    Memory memory;
    memory.nodes = machine.nodes;
    memory.ranks = ranks;
    memory.values = array + (model.precision() == Precision::bf16 ? array / 2 : 0);
    memory.data = data.bytes();
    memory.data_whole = data.train_in_memory && data.validation_in_memory;
    for (std::size_t rank = 0; rank < ranks; ++rank)
        memory.gradients +=
            array * comm::Exchange::gradient_arrays(virtual_ranks, leaves_of(rank, machine.all(), virtual_ranks));
    add_messages(config.communication, machine, virtual_ranks, model.parameters().size(), memory);
    const std::size_t states = optimizers::optimizer_kind(config.optimizer.kind.kind).states;
    memory.optimizer = states * array;
    memory.workspace = model.workspace_bytes() + data::Prefetcher::bytes(model.dimensions(), rows) +
                       data::Loader::bytes(model.dimensions(), rows) + validation_bytes(config, model.latent(), rows);
    memory.processes = ranks * process_bytes + library_bytes;
    // The file's image and, where others own parts of the optimiser's state, the whole of it as far as that finds no
    // place in the memory of the node's gradients.
    const std::size_t places = config.communication.shared ? ranks : 1;
    memory.checkpoint = (1 + states) * array + (machine.all() > 1 && states > places ? (states - places) * array : 0);
    return memory;
}

DataPlan plan_of_a_node(const config::Config& config, const storage::DatasetInfo& train,
                        const std::optional<storage::DatasetInfo>& validation, const Machine& machine) {
    const std::size_t virtual_ranks = virtual_ranks_on(machine.all(), config);
    Division division{std::min(asked_batch(config.training, virtual_ranks), train.rows()), virtual_ranks, {}};
    for (std::size_t rank = 0; rank < machine.ranks; ++rank) {
        const comm::Leaves leaves = leaves_of(rank, machine.all(), virtual_ranks);
        division.ranks.push_back({leaves.begin, leaves.end});
    }
    return plan_data(config, train, validation, division, memory_for_data(config.data, 1));
}

} // namespace elbo::training
