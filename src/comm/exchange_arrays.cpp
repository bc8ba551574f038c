// Whole arrays on rank 0 and their slices on the ranks that own them: what checkpoints are made of and read into.
#include "comm/exchange.hpp"
#include "comm/mpi_call.hpp"

#include <algorithm>

namespace elbo::comm {

std::span<float> Exchange::gather(std::size_t index, std::span<const float> mine, std::vector<float>& room) {
    if (nodes_.mine() != 0) return {}; // node 0 is rank 0's, and has everything
    const bool shared = index < locals_;
    if (!shared && me_ == 0) room.resize(parameters_);
    float* const whole = shared ? slot(index, 0) : room.data();
    const auto part = [&](std::size_t i) { return mine.subspan(own_[i], updated_[i].size()); };
    for (std::size_t i = 0; i < updated_.size(); ++i)
        if (shared || me_ == 0) std::ranges::copy(part(i), whole + updated_[i].begin);
    for (std::size_t i = 0; !shared && i < updated_.size(); ++i) {
        if (me_ > 0) send(nodes_.node(), part(i), 0);
        for (std::size_t local = 1; me_ == 0 && local < locals_; ++local) {
            const Slice slice = intersection(owned_of(buckets_[i], local, locals_), {0, parameters_});
            receive(nodes_.node(), std::span(room).subspan(slice.begin, slice.size()), static_cast<int>(local));
        }
    }
    node_barrier();
    return me_ == 0 ? std::span<float>(whole, parameters_) : std::span<float>();
}

void Exchange::scatter(std::span<const float> whole, std::span<float> mine) const {
    const Communicator& world = nodes_.world();
    for (std::size_t i = 0; i < owned_.size(); ++i) {
        const std::span<float> part = mine.subspan(own_[i], updated_[i].size());
        if (!world.first()) {
            receive(world, part, 0);
            continue;
        }
        std::ranges::copy(whole.subspan(updated_[i].begin, updated_[i].size()), part.begin());
        for (std::size_t node = 0; node < nodes_.count(); ++node)
            for (std::size_t local = node == 0 ? 1 : 0; local < nodes_.ranks(node).size(); ++local) {
                const Slice slice =
                    intersection(owned_of(buckets_[i], local, nodes_.ranks(node).size()), {0, parameters_});
                send(world, whole.subspan(slice.begin, slice.size()), nodes_.ranks(node)[local]);
            }
    }
}

} // namespace elbo::comm
