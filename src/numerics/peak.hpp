// What this CPU could do at most: fused multiply-adds in its widest vectors, measured here and now.
#pragma once

#include <optional>

namespace elbo {

/// The best rate of a loop of independent fused multiply-adds in registers, floating point operations a second, of
/// `threads` threads together. Takes about a tenth of a second.
double measured_peak(int threads = 1);

/// The same of products of bf16 pairs summed in fp32, where the CPU's vector units have them (AVX-512 with bf16).
std::optional<double> measured_peak_bf16(int threads = 1);

} // namespace elbo
