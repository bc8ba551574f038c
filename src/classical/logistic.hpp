// Multinomial logistic regression: p(class | x) = softmax(W x + b), by maximum likelihood with an L2 penalty on W.
#pragma once

#include "classical/lbfgs.hpp"
#include "comm/communicator.hpp"
#include "numerics/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elbo::classical {

/// Samples, and the class of each: a number from 0 on.
struct Classified {
    Matrix<const float> x;
    std::span<const std::uint32_t> classes;
};

struct Logistic {
    std::size_t classes = 0;
    std::vector<float> weights, bias; ///< [classes, features], [classes]; of x as it is
    Minimum fit;

    /// The most likely class of each row, the smaller one of equals.
    std::vector<std::uint32_t> classify(Matrix<const float> x) const;
};

/// Minimises the mean over samples of -log p(class | x) plus penalty / (2 samples) |W|^2, where W is of features in
/// units of their standard deviation (of constant ones, 1) and b is free: as scikit-learn's LogisticRegression with C =
/// 1 / penalty behind a StandardScaler. Full batches, so that there is one answer; it has the same bits on any number
/// of ranks, which divide the samples. Collective; every rank has all samples.
Logistic fit_logistic(const comm::Communicator& world, const Classified& samples, std::size_t classes,
                      double penalty = 1, const Stop& stop = {});

} // namespace elbo::classical
