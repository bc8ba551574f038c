#include "model/reconstruction.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::model {
namespace {

constexpr const char* figure_names[] = {"mse", "psnr", "ssim", "ms_ssim"};

} // namespace

ReconstructionMeter::ReconstructionMeter(Vae& model, const Shape& sample_shape, double least, double greatest)
    : model_(model), comparison_(sample_shape, least, greatest) {}

std::span<const char* const> ReconstructionMeter::names() const {
    return std::span(figure_names).first(comparison_.images() ? std::size(figure_names) : 1);
}

void ReconstructionMeter::measure(const layers::Values& values, Matrix<const float> x, Matrix<const float> mean,
                                  Matrix<double> out) {
    reconstruction_.resize(mean.rows() * model_.dimensions());
    const Matrix<float> reconstruction(reconstruction_.data(), mean.rows(), model_.dimensions());
    model_.decode(values, mean, reconstruction);
    for (std::size_t i = 0; i < mean.rows(); ++i) {
        const images::Quality quality = comparison_.of(x.row(i), reconstruction.row(i));
        const double figures[] = {quality.mse, quality.psnr, quality.ssim, quality.multi_scale};
        std::ranges::copy(std::span(figures).first(columns()), out.row(i).begin());
    }
}

void ReconstructionMeans::add(Matrix<const double> rows) {
    std::vector<double> together;
    for (std::size_t i = 0; i < rows.rows(); ++i)
        together.insert(together.end(), rows.row(i).begin(), rows.row(i).end());
    figures_.add(storage::ElementType::f64, std::as_bytes(std::span(together)));
}

Mean ReconstructionMeans::of(std::size_t column) const { return mean_of(figures_, column); }

} // namespace elbo::model
