#include "model/encoder_draws.hpp"

#include "model/posterior.hpp"

#include <cmath>

namespace elbo::model {

EncoderDraws::EncoderDraws(Vae& model, std::size_t max_rows)
    : model_(model), latent_(model.latent()), log_ratio_(max_rows), half_log_variances_(max_rows) {
    for (std::vector<float>* codes : {&mean_, &log_variance_, &deviation_, &noise_, &z_})
        codes->resize(max_rows * latent_);
}

void EncoderDraws::begin(const layers::Values& values, const Batch& batch) {
    samples_ = batch.samples;
    model_.encode(values, batch.x.first_rows(rows()), {mean_.data(), rows(), latent_},
                  {log_variance_.data(), rows(), latent_});
    for (std::size_t i = 0; i < rows(); ++i) {
        half_log_variances_[i] = 0;
        for (std::size_t d = i * latent_; d < (i + 1) * latent_; ++d) {
            const double half = 0.5 * log_variance_[d];
            deviation_[d] = static_cast<float>(std::exp(half));
            half_log_variances_[i] += half;
        }
    }
}

Matrix<float> EncoderDraws::draw(const Stream& noise, std::size_t number) {
    const Matrix<float> noise_rows(noise_.data(), rows(), latent_), z(z_.data(), rows(), latent_);
    fill_normal_rows(noise, samples_, static_cast<std::uint32_t>(number), noise_rows);
    draw_posterior(mean(), {deviation_.data(), rows(), latent_}, noise_rows, z, log_ratio_);
    return z;
}

} // namespace elbo::model
