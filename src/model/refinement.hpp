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

/// log p(what is observed of row i | z_i) in nats, and its gradient by z_i. z, gradient: [rows, latent], gradient
/// without columns: not wanted.
using CodeLikelihood = std::function<void(Matrix<const float> z, std::span<double> value, Matrix<float> gradient)>;

struct RefinementSteps {
    std::size_t count = 0;
    /// How far from its start a mean is looked for at first: in deviations of the prior, falling to the posterior's
    /// own. 0: in the posterior's own from the first step on, for starts that were fitted to the same data.
    double reach = 0;
};

class PosteriorRefinement {
public:
    /// Of Adam, in deviations for the means; it falls to 0 linearly.
    static constexpr double first_rate = 0.1;

    PosteriorRefinement(std::size_t max_rows, std::size_t latent);

    /// Steps of Adam (Kingma & Ba 2015) on E_q[value] - KL(q || p) by log variances and by means in units of their
    /// deviations, so that narrow posteriors are found like wide ones; each by one draw of every row: noise, at draw 0,
    /// 1 ... of the samples. The gradient goes through z alone, so that its noise vanishes where q is the posterior
    /// (Roeder, Wu & Duvenaud 2017, "Sticking the landing"). mean, log_variance: [rows, latent], where to start and
    /// where it ends.
    void refine(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples, const Stream& noise,
                const RefinementSteps& steps, Matrix<float> mean, Matrix<float> log_variance);

    /// out[i] = E_q[value] - KL(q || p) by `draws` draws of row i.
    void bound(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples, const Stream& noise,
               std::size_t draws, Matrix<const float> mean, Matrix<const float> log_variance, std::span<double> out);

private:
    /// z of a draw, and what the likelihood says of it.
    void draw(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples, const Stream& noise,
              std::size_t number, Matrix<const float> mean, Matrix<const float> log_variance, bool gradient);
    /// `left` is the share of the steps that are to come.
    void step(std::size_t number, double left, double reach, Matrix<float> mean, Matrix<float> log_variance);

    /// Adam's of one parameter.
    struct Moments {
        double first = 0, second = 0;
    };
    std::size_t latent_;
    std::vector<Moments> by_mean_, by_log_variance_; ///< [rows, latent]
    std::vector<float> noise_, z_, diff_z_;          ///< [rows, latent]
    std::vector<double> value_;                      ///< a value a row
};

} // namespace elbo::model
