#include "classical/softmax.hpp"

#include "classical/groups.hpp"
#include "comm/ordered_sum.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::classical {

Scaling scaling_of(const comm::Communicator& world, Matrix<const float> x) {
    const std::size_t width = x.columns();
    const Groups groups(x.rows());
    Scaling scaling{std::vector<double>(width), std::vector<double>(width)};
    const auto sum_over_rows = [&](std::vector<double>& sums, const auto& term) {
        const auto add = [&](std::size_t group, std::span<double> some) {
            groups.blocks_of(group, [&](std::size_t begin, std::size_t count) {
                for (std::size_t i = begin; i < begin + count; ++i)
                    for (std::size_t j = 0; j < width; ++j) some[j] += term(x(i, j), j);
            });
        };
        comm::sum_in_order(world, groups.count(), add, sums);
        for (double& sum : sums) sum /= static_cast<double>(x.rows());
    };
    sum_over_rows(scaling.mean, [](double value, std::size_t) { return value; });
    sum_over_rows(scaling.deviation,
                  [&](double value, std::size_t j) { return (value - scaling.mean[j]) * (value - scaling.mean[j]); });
    for (double& deviation : scaling.deviation) deviation = std::sqrt(deviation);
    return scaling;
}

double to_gradient(Matrix<float> scores, std::span<const std::uint32_t> classes) {
    double sum = 0;
    std::vector<double> terms(scores.columns());
    for (std::size_t i = 0; i < scores.rows(); ++i) {
        const std::span<float> row = scores.row(i);
        const double largest = *std::ranges::max_element(row);
        double total = 0;
        for (std::size_t c = 0; c < row.size(); ++c) total += terms[c] = std::exp(row[c] - largest);
        sum += std::log(total) + largest - row[classes[i]];
        for (std::size_t c = 0; c < row.size(); ++c) row[c] = static_cast<float>(terms[c] / total);
        row[classes[i]] -= 1;
    }
    return sum;
}

} // namespace elbo::classical
