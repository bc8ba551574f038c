// Draws z ~ q(z | x) of the encoder's posteriors of a batch, and what importance weights need of them.
#pragma once

#include "model/vae.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elbo::model {

class EncoderDraws {
public:
    /// For batches of at most max_rows rows.
    EncoderDraws(Vae& model, std::size_t max_rows);

    /// The posteriors of a batch, whose samples' numbers are read until the next one.
    void begin(const layers::Values& values, const Batch& batch);

    std::size_t rows() const { return samples_.size(); }
    /// [rows, latent].
    Matrix<const float> mean() const { return {mean_.data(), rows(), latent_}; }
    Matrix<const float> log_variance() const { return {log_variance_.data(), rows(), latent_}; }

    /// Draw `number` of each row by this noise, [rows, latent]: valid until the next one.
    Matrix<float> draw(const Stream& noise, std::size_t number);
    /// log p(z) - log q(z | x) of a row's last draw.
    double log_ratio(std::size_t row) const { return log_ratio_[row] + half_log_variances_[row]; }

private:
    Vae& model_;
    std::size_t latent_;
    std::span<const std::uint64_t> samples_;
    std::vector<float> mean_, log_variance_, deviation_, noise_, z_; ///< [rows, latent] each
    std::vector<double> log_ratio_, half_log_variances_;             ///< a value a row
};

} // namespace elbo::model
