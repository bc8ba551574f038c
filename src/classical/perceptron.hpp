// A classifier with one layer of hidden units: p(class | x) = softmax(V tanh(W x + b) + c). Its hidden units are
// features in which samples of one dataset can be compared.
#pragma once

#include "classical/logistic.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace elbo::classical {

struct Perceptron {
    std::size_t hidden = 0, classes = 0;
    std::vector<float> weights, bias;               ///< [hidden, features], [hidden]; of x as it is
    std::vector<float> output_weights, output_bias; ///< [classes, hidden], [classes]
    Minimum fit;

    /// tanh(W x + b): [rows, hidden].
    void features(Matrix<const float> x, Matrix<float> out) const;
    /// The most likely class of each row, the smaller one of equals.
    std::vector<std::uint32_t> classify(Matrix<const float> x) const;
};

struct PerceptronOptions {
    std::size_t hidden = 64;
    double penalty = 1e-4; ///< half of it times |W|^2 + |V|^2 is added to the mean of -log p
    Stop stop{1e-4, 200, {}};
};

/// Minimises the mean of -log p(class | x) by L-BFGS on all samples. W is of features less their means, in units of the
/// root mean square of their deviations; it begins with normal numbers by 1 / features, always the same. The same bits
/// on any number of ranks, which divide the samples. Collective; every rank has all samples.
Perceptron fit_perceptron(const comm::Communicator& world, const Classified& samples, std::size_t classes,
                          const PerceptronOptions& options = {});

} // namespace elbo::classical
