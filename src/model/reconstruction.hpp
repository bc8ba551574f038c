// How well a model gives back samples: figures of the mean reconstruction E[x | z = posterior mean].
#pragma once

#include "images/quality.hpp"
#include "model/evaluation.hpp"
#include "model/vae.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace elbo::model {

/// The figures of samples, a row each.
class ReconstructionMeter {
public:
    /// Samples' values go from least to greatest, which is the peak that PSNR and SSIM go by.
    ReconstructionMeter(Vae& model, const Shape& sample_shape, double least, double greatest);

    /// "mse", and of images "psnr", "ssim" and "ms_ssim".
    std::span<const char* const> names() const;
    std::size_t columns() const { return names().size(); }
    const images::Comparison& comparison() const { return comparison_; }

    /// mean: the posterior's, [rows, latent]; out: [rows, columns()].
    void measure(const layers::Values& values, Matrix<const float> x, Matrix<const float> mean, Matrix<double> out);

private:
    Vae& model_;
    images::Comparison comparison_;
    std::vector<float> reconstruction_;
};

/// Their means over samples, which are added in the dataset's order.
class ReconstructionMeans {
public:
    explicit ReconstructionMeans(std::size_t columns) : figures_(columns) {}
    void add(Matrix<const double> rows);
    Mean of(std::size_t column) const;

private:
    data::Statistics figures_;
};

} // namespace elbo::model
