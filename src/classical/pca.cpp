#include "classical/pca.hpp"

#include "base/error.hpp"
#include "classical/eigen.hpp"
#include "classical/groups.hpp"
#include "comm/ordered_sum.hpp"
#include "numerics/matmul.hpp"

#include <algorithm>
#include <numeric>

namespace elbo::classical {

Covariance covariance_of(const comm::Communicator& world, Matrix<const float> x) {
    const std::size_t width = x.columns();
    // A group's sums are sent whole: of many features there are few.
    const Groups groups(x.rows(), std::clamp<std::size_t>((std::size_t{1} << 26) / (width * width), 8, 64));
    const std::span<const float> shift = x.row(0);
    std::vector<float> shifted(Groups::most_rows * width), products(width * width);
    Product outer(Transpose::a);
    const auto add = [&](std::size_t group, std::span<double> sums) {
        groups.blocks_of(group, [&](std::size_t begin, std::size_t count) {
            const Matrix<float> block(shifted.data(), count, width);
            for (std::size_t i = 0; i < count; ++i)
                for (std::size_t j = 0; j < width; ++j) {
                    block(i, j) = x(begin + i, j) - shift[j];
                    sums[products.size() + j] += block(i, j);
                }
            outer(block, block, Matrix<float>(products.data(), width, width));
            for (std::size_t i = 0; i < products.size(); ++i) sums[i] += products[i];
        });
    };
    std::vector<double> sums(products.size() + width);
    comm::sum_in_order(world, groups.count(), add, sums);
    for (double& sum : sums) sum /= static_cast<double>(x.rows());

    const std::span<const double> apart = std::span(sums).subspan(products.size());
    Covariance moments{{apart.begin(), apart.end()}, {}};
    for (std::size_t i = 0; i < width; ++i)
        for (std::size_t j = 0; j < width; ++j) sums[i * width + j] -= moments.mean[i] * moments.mean[j];
    for (std::size_t j = 0; j < width; ++j) moments.mean[j] += shift[j];
    sums.resize(products.size());
    moments.covariance = std::move(sums);
    return moments;
}

Pca principal_components(const Covariance& moments, std::size_t size) {
    const std::size_t width = moments.mean.size();
    EigenPairs pairs = leading_eigenpairs(moments.covariance, width, std::min(size, width));
    Pca pca{moments.mean, std::move(pairs.values), std::move(pairs.vectors)};
    for (std::size_t j = 0; j < width; ++j) pca.total_variance += moments.covariance[j * width + j];
    return pca;
}

void Pca::project(Matrix<const float> x, Matrix<float> out) const {
    if (x.columns() != mean.size() || out.columns() != size() || out.rows() != x.rows())
        fail("rows of {} features do not become {} components of {}", x.columns(), out.columns(), mean.size());
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t k = 0; k < size(); ++k) {
            const double* const component = &components[k * mean.size()];
            double sum = 0;
            for (std::size_t j = 0; j < mean.size(); ++j) sum += component[j] * (x(i, j) - mean[j]);
            out(i, k) = static_cast<float>(sum);
        }
}

double Pca::explained() const {
    const double sum = std::accumulate(variances.begin(), variances.end(), 0.0);
    return total_variance > 0 ? sum / total_variance : 1;
}

} // namespace elbo::classical
