#include "comm/ordered_sum.hpp"

#include "comm/pieces.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace elbo::comm {

void sum_in_order(const Communicator& world, std::size_t parts, const AddPart& add, std::span<double> sums) {
    std::ranges::fill(sums, 0.0);
    std::vector<double> some(sums.size());
    in_order(
        world, parts, Makers::all,
        [&](std::size_t part, std::vector<std::byte>& bytes) {
            std::ranges::fill(some, 0.0);
            add(part, some);
            const auto made = std::as_bytes(std::span(some));
            bytes.assign(made.begin(), made.end());
        },
        [&](std::size_t, std::span<const std::byte> bytes) {
            const auto* const values = reinterpret_cast<const double*>(bytes.data());
            for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += values[i];
        });
    const std::string all = world.broadcast(std::string(reinterpret_cast<const char*>(sums.data()), sums.size_bytes()));
    std::ranges::copy(std::as_bytes(std::span(all)), std::as_writable_bytes(sums).begin());
}

} // namespace elbo::comm
