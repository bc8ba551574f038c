#include "comm/exchange.hpp"

#include "numerics/sums.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::comm {

Exchange::Exchange(const Communicator& world, std::size_t parameters)
    : world_(world), values_(parameters), gradients_(parameters), squares_((parameters + sum_block - 1) / sum_block) {}

void Exchange::reduce() { world_.sum(gradients_.span()); }

double Exchange::gradient_norm() {
    const std::span<const float> all = gradients_.span();
    for (std::size_t block = 0; block < squares_.size(); ++block) {
        const std::size_t begin = block * sum_block;
        squares_[block] = sum_of_squares(all.subspan(begin, std::min(sum_block, all.size() - begin)));
    }
    return std::sqrt(tree_sum(squares_));
}

void Exchange::update(const std::function<void(std::size_t, std::size_t)>& update) {
    update(first(), first() + count());
}

} // namespace elbo::comm
