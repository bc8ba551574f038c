// How like its original an image is: mean squared error, peak signal-to-noise ratio, structural similarity (Wang,
// Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to structural similarity") and its
// multi-scale form (Wang, Simoncelli & Bovik 2003, "Multiscale structural similarity for image quality assessment").
#pragma once

#include "numerics/view.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::images {

/// The mean of (a - b)^2 over elements.
double mean_squared_error(std::span<const float> a, std::span<const float> b);

/// 10 log10(range^2 / mse) in dB; at most 100, which equal images get.
double peak_signal_to_noise(double mse, double range);

/// SSIM of images whose values have a range of 1: Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03, no
/// sample covariance; the mean over windows that lie within the image, and over channels. Of images with a side below
/// 11 the window is the largest odd one that fits.
class Similarity {
public:
    /// What there are windows for: (H, W) or (H, W, C), no side below 3.
    static bool takes(const Shape& shape);

    /// Of images that it takes.
    explicit Similarity(const Shape& shape);

    std::size_t window() const { return weights_.size(); }
    /// Of the paper's five, as many as leave the window room; their weights are divided by their sum.
    std::size_t scales() const { return scales_; }

    struct Values {
        double ssim = 0;
        /// Contrast and structure of all scales but the last, SSIM of that one, each to the power of its weight; what
        /// is negative counts as 0. A scale is the means over 2 x 2 pixels of the one before; at the end of an odd
        /// side, of those there are.
        double multi_scale = 0;
    };
    Values compare(std::span<const float> a, std::span<const float> b) const;

private:
    std::size_t height_, width_, channels_, scales_ = 1;
    std::vector<double> weights_; ///< of the window along an axis
};

/// Figures of something beside its original.
struct Quality {
    double mse = 0, psnr = 0, ssim = 0, multi_scale = 0;
};

/// Compares samples of a shape whose values go from least to greatest: MSE in the values' own unit; the rest of images
/// alone, with that range as the peak.
class Comparison {
public:
    Comparison(const Shape& shape, double least, double greatest);

    /// Nothing but the MSE of samples that are no images, or too small ones.
    bool images() const { return !similarity_.empty(); }
    const Similarity& similarity() const { return similarity_.front(); }
    double range() const { return range_; }

    Quality of(std::span<const float> truth, std::span<const float> other) const;

private:
    double least_, range_;
    std::vector<Similarity> similarity_; ///< one of images, else none
};

} // namespace elbo::images
