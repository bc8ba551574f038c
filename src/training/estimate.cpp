#include "training/estimate.hpp"

#include "data/loader.hpp"
#include "optimizers/optimizer.hpp"

namespace elbo::training {
namespace {

/// Resident memory of a process that has initialised MPI and oneDNN and opened an HDF5 file, before any array of a
/// training (Debian 12, Open MPI 4.1.4, oneDNN 2.6.3).
constexpr std::size_t process_bytes = 40 << 20;

} // namespace

Memory memory_of_a_rank(const config::Config& config, const model::Vae& model, std::size_t rows,
                        std::size_t data_bytes) {
    const std::size_t array = model.parameters().size() * sizeof(float);
    Memory memory;
    memory.parameters = 2 * array;
    memory.optimizer = optimizers::optimizer_kind(config.optimizer.kind.kind).states * array;
    memory.data = data_bytes;
    memory.workspace = model.workspace_bytes() + 2 * data::Loader::bytes(model.dimensions(), rows);
    memory.process = process_bytes;
    memory.checkpoint = array + memory.optimizer;
    return memory;
}

} // namespace elbo::training
