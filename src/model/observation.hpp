// What is observed of samples of which the rest is to be found, and its log-likelihood by codes.
#pragma once

#include "model/vae.hpp"

#include <cstddef>
#include <span>
#include <variant>
#include <vector>

namespace elbo::model {

/// Elements of samples, by the model's own likelihood of them. x, observed: [samples, dimensions]; observed is 1 or 0.
struct ObservedElements {
    std::vector<float> x, observed;
};

/// Means of an image's blocks of factor x factor pixels (1: the pixels), each y ~ N(the same mean of E[x | z],
/// variance). y: [samples, elements of block_shape()].
struct ObservedMeans {
    Shape image; ///< (H, W) or (H, W, C); the factor divides height and width
    std::size_t factor = 1;
    double variance = 1;
    std::vector<float> y;
};

using Observation = std::variant<ObservedElements, ObservedMeans>;

/// (H / factor, W / factor, C).
Shape block_shape(const Shape& image, std::size_t factor);
/// An image's block means.
std::vector<float> block_means(const Shape& image, std::size_t factor, std::span<const float> x);

/// log p(observed | z) in nats and its gradient by z. z, diff_z: [samples * codes, latent], the codes of the first
/// sample first; out: a value a code.
void observed_gradient(Vae& model, const layers::Values& values, const Observation& observation, std::size_t codes,
                       Matrix<const float> z, std::span<double> out, Matrix<float> diff_z);

} // namespace elbo::model
