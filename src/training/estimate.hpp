// What a training will need, from its configuration and the data's header alone.
#pragma once

#include "config/config.hpp"
#include "model/vae.hpp"

#include <cstddef>

namespace elbo::training {

/// Bytes of memory of one rank.
struct Memory {
    std::size_t parameters = 0; ///< values and gradients
    std::size_t optimizer = 0;
    std::size_t data = 0;      ///< training and validation data in their own types
    std::size_t workspace = 0; ///< activations, their gradients and batches
    std::size_t process = 0;   ///< code and buffers of MPI, oneDNN and HDF5: measured, see docs/architecture.md
    std::size_t checkpoint = 0; ///< besides, on rank 0 while it saves: the file's image
    std::size_t rank() const { return parameters + optimizer + data + workspace + process; }
};

/// rows: at most so many a rank and batch, for which the model was made. data_bytes: of the datasets in memory.
Memory memory_of_a_rank(const config::Config& config, const model::Vae& model, std::size_t rows,
                        std::size_t data_bytes);

} // namespace elbo::training
