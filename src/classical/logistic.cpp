#include "classical/logistic.hpp"

#include "classical/groups.hpp"
#include "classical/softmax.hpp"
#include "comm/ordered_sum.hpp"
#include "numerics/matmul.hpp"

#include <algorithm>

namespace elbo::classical {
namespace {

/// The penalised likelihood of W and b, which stand in one array: [classes, features] and then [classes].
class Likelihood {
public:
    Likelihood(const comm::Communicator& world, const Classified& samples, std::size_t classes, double penalty)
        : world_(world),
          samples_(samples),
          groups_(samples.x.rows()),
          classes_(classes),
          features_(samples.x.columns()),
          penalty_(penalty / static_cast<double>(samples.x.rows())),
          scaling_(scaling_of(world, samples.x)),
          weights_(classes * features_),
          bias_(classes),
          scores_(Groups::most_rows * classes),
          products_(weights_.size()) {
        for (double& deviation : scaling_.deviation)
            if (!(deviation > 0)) deviation = 1;
    }

    double operator()(std::span<const double> parameters, std::span<double> gradient) {
        unscale(parameters);
        std::vector<double> sums(parameters.size() + 1);
        comm::sum_in_order(
            world_, groups_.count(), [&](std::size_t group, std::span<double> some) { add(group, some); }, sums);
        const double share = 1 / static_cast<double>(samples_.x.rows());
        double squares = 0;
        for (std::size_t c = 0; c < classes_; ++c) {
            const double by_bias = sums[weights_.size() + c] * share;
            gradient[weights_.size() + c] = by_bias;
            for (std::size_t j = 0; j < features_; ++j) {
                const std::size_t at = c * features_ + j;
                const double by_scaled = (sums[at] * share - by_bias * scaling_.mean[j]) / scaling_.deviation[j];
                gradient[at] = by_scaled + penalty_ * parameters[at];
                squares += parameters[at] * parameters[at];
            }
        }
        return sums.back() * share + 0.5 * penalty_ * squares;
    }

    /// Weights and bias for features as they are, of parameters for scaled ones.
    void unscale(std::span<const double> parameters) {
        for (std::size_t c = 0; c < classes_; ++c) {
            double bias = parameters[weights_.size() + c];
            for (std::size_t j = 0; j < features_; ++j) {
                const double weight = parameters[c * features_ + j] / scaling_.deviation[j];
                weights_[c * features_ + j] = static_cast<float>(weight);
                bias -= weight * scaling_.mean[j];
            }
            bias_[c] = static_cast<float>(bias);
        }
    }

    const std::vector<float>& weights() const { return weights_; }
    const std::vector<float>& bias() const { return bias_; }

private:
    /// Adds a group's gradients by weights and bias of features as they are, and its sum of -log p.
    void add(std::size_t group, std::span<double> sums) {
        const Matrix<float> weights(weights_.data(), classes_, features_);
        const Matrix<float> products(products_.data(), classes_, features_);
        groups_.blocks_of(group, [&](std::size_t begin, std::size_t count) {
            const Matrix<float> scores(scores_.data(), count, classes_);
            const Matrix<const float> x = samples_.x.some_rows(begin, count);
            score_(x, weights, scores, bias_);
            sums.back() += to_gradient(scores, samples_.classes.subspan(begin, count));
            by_weights_(scores, x, products);
            for (std::size_t i = 0; i < products_.size(); ++i) sums[i] += products_[i];
            for (std::size_t i = 0; i < count; ++i)
                for (std::size_t c = 0; c < classes_; ++c) sums[products_.size() + c] += scores(i, c);
        });
    }

    const comm::Communicator& world_;
    const Classified& samples_;
    Groups groups_;
    std::size_t classes_, features_;
    double penalty_;
    Scaling scaling_;
    std::vector<float> weights_, bias_; ///< of features as they are
    std::vector<float> scores_, products_;
    Product score_{Transpose::b, true}, by_weights_{Transpose::a};
};

} // namespace

std::vector<std::uint32_t> Logistic::classify(Matrix<const float> x) const {
    Product score(Transpose::b, true);
    const Matrix<const float> w(weights.data(), classes, x.columns());
    std::vector<float> room(Groups::most_rows * classes);
    std::vector<std::uint32_t> found;
    for (std::size_t begin = 0; begin < x.rows(); begin += Groups::most_rows) {
        const std::size_t count = std::min(Groups::most_rows, x.rows() - begin);
        const Matrix<float> scores(room.data(), count, classes);
        score(x.some_rows(begin, count), w, scores, bias);
        for (std::size_t i = 0; i < count; ++i)
            found.push_back(
                static_cast<std::uint32_t>(std::ranges::max_element(scores.row(i)) - scores.row(i).begin()));
    }
    return found;
}

Logistic fit_logistic(const comm::Communicator& world, const Classified& samples, std::size_t classes, double penalty,
                      const Stop& stop) {
    Likelihood likelihood(world, samples, classes, penalty);
    std::vector<double> parameters(classes * (samples.x.columns() + 1));
    const Minimum fit =
        minimise([&](std::span<const double> x, std::span<double> gradient) { return likelihood(x, gradient); },
                 parameters, stop);
    likelihood.unscale(parameters);
    return {classes, likelihood.weights(), likelihood.bias(), fit};
}

} // namespace elbo::classical
