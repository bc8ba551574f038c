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

/// Means of an image's blocks of factor x factor pixels (1: the pixels), with Gaussian noise. A sample is E[x | z] and
/// a residual besides, of which the blocks' means have a variance of their own, so that y ~ N(the same means of E[x |
/// z], both variances' sum). y: [samples, elements of block_shape()].
struct ObservedMeans {
    Shape image; ///< (H, W) or (H, W, C); the factor divides height and width
    std::size_t factor = 1;
    double noise_variance = 0, residual_variance = 1;
    std::vector<float> y;
    double variance() const { return noise_variance + residual_variance; }
};

using Observation = std::variant<ObservedElements, ObservedMeans>;

/// (H / factor, W / factor, C).
Shape block_shape(const Shape& image, std::size_t factor);
/// An image's block means.
std::vector<float> block_means(const Shape& image, std::size_t factor, std::span<const float> x);

/// log p(observed | z) in nats and its gradient by z. z, diff_z: [samples * codes, latent], the codes of the first
/// sample first, diff_z without columns: not wanted; out: a value a code.
void observed_gradient(Vae& model, const layers::Values& values, const Observation& observation, std::size_t codes,
                       Matrix<const float> z, std::span<double> out, Matrix<float> diff_z);

/// E[x | z] of some sample becomes E[x | z, observed]: elements that are observed are what they are; where means are,
/// the residual's share residual_variance / variance() of a block's difference is added to each of its pixels, which is
/// right for residuals that do not depend on each other. Within the model's support.
void condition(const Vae& model, const Observation& observation, std::size_t sample, std::span<float> image);

} // namespace elbo::model
