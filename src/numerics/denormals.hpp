// Numbers below the smallest normal one, 1.2e-38 in float, are taken for zero.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace elbo {

/// From here on this thread, and threads that it starts, read and write denormal numbers as zero. An x86 core takes a
/// hundred cycles and more for an operation on one, and Adam makes millions: the running mean of a gradient that stays
/// zero decays into them and, rounded up at each step, never out of them.
inline void flush_denormals() {
#if defined(__x86_64__)
    constexpr unsigned results_to_zero = 0x8000, operands_as_zero = 0x0040;
    _mm_setcsr(_mm_getcsr() | results_to_zero | operands_as_zero);
#elif defined(__aarch64__)
    constexpr std::uint64_t flush_to_zero = std::uint64_t{1} << 24;
    std::uint64_t control = 0;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    asm volatile("msr fpcr, %0" : : "r"(control | flush_to_zero));
#endif
}

} // namespace elbo
