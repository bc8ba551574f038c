// Counts what is allocated by `new` in this process, while somebody wants to know.
#pragma once

#include <cstddef>
#include <cstdint>

namespace elbo::commands {

struct Allocations {
    std::uint64_t all = 0;     ///< by elbo and the libraries that it is linked with
    std::uint64_t own = 0;     ///< asked for by elbo's own code
    std::uint64_t large = 0;   ///< above 4 KiB
    std::uint64_t largest = 0; ///< bytes
};

void count_allocations();
/// Since count_allocations(); ends the counting.
Allocations counted_allocations();

} // namespace elbo::commands
