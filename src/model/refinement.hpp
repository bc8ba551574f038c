// Posteriors of single samples: diagonal Gaussians that gradient steps move from where the encoder puts them to where
// the sample's own ELBO is largest. The encoder's shortfall is its amortisation gap, what remains to log p(x) that of
// the family (Cremer, Li & Duvenaud 2018, "Inference suboptimality in variational autoencoders").
#pragma once

#include "model/vae.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace elbo::model {

/// log p(what is observed of row i | z_i) in nats, and its gradient by z_i. z, gradient: [rows, latent].
using CodeLikelihood = std::function<void(Matrix<const float> z, std::span<double> value, Matrix<float> gradient)>;

class PosteriorRefinement {
public:
    static constexpr double first_rate = 0.03; ///< of Adam; it falls to 0 linearly

    PosteriorRefinement(std::size_t max_rows, std::size_t latent);

    /// `steps` steps of Adam (Kingma & Ba 2015) on E_q[value] - KL(q || p), each by one draw of every row: noise, at
    /// draw 0, 1 ... of the samples. mean, log_variance: [rows, latent], where to start and where it ends.
    void refine(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples, const Stream& noise,
                std::size_t steps, Matrix<float> mean, Matrix<float> log_variance);

    /// out[i] = E_q[value] - KL(q || p) by `draws` draws of row i.
    void bound(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples, const Stream& noise,
               std::size_t draws, Matrix<const float> mean, Matrix<const float> log_variance, std::span<double> out);

private:
    Matrix<float> rows_of(std::vector<float>& values, std::size_t rows, std::size_t columns) const {
        return {values.data(), rows, columns};
    }
    void load(Matrix<const float> mean, Matrix<const float> log_variance);
    /// z, kl and what the likelihood says of a draw.
    void draw(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples, const Stream& noise,
              std::size_t number);
    void step(std::size_t number, std::size_t steps, std::size_t rows);

    std::size_t latent_;
    std::vector<float> heads_, diff_heads_, first_moment_, second_moment_; ///< [rows, 2 * latent]
    std::vector<float> noise_, z_, diff_z_;                                ///< [rows, latent]
    std::vector<double> value_, kl_;                                       ///< a value a row
};

} // namespace elbo::model
