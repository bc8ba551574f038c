#include "data/order.hpp"

namespace elbo::data {

EpochOrder::EpochOrder(std::uint32_t seed, std::uint32_t epoch, std::uint64_t samples)
    : samples_({seed, Purpose::epoch_order, epoch}, samples) {}

EpochOrder::EpochOrder(std::uint32_t seed, std::uint32_t epoch, const Ordering& ordering)
    : EpochOrder(seed, epoch, ordering.samples) {
    if (ordering.windowed()) windows_.emplace(seed, epoch, ordering);
}

} // namespace elbo::data
