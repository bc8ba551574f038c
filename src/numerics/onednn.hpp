// What the files that know oneDNN share: the engine, and the threads of the calling thread. Only src/numerics includes
// it.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace elbo {

const dnnl::engine& onednn_cpu();

/// Threads that set_matmul_threads() asked for; 0: OpenMP's own number.
int onednn_threads();
/// Whether its kernels use tiles of bf16 (AMX), many times as fast as vectors.
bool onednn_has_tiles();
/// As allow_reference_kernels() said.
bool reference_kernels_allowed();
/// Has the calling thread's OpenMP take that number.
void take_over_threads();

} // namespace elbo
