// Codes of samples of which a part is observed, p(z | observed) in proportion to p(observed | z) p(z): a diagonal
// Gaussian q(z) for each sample, which begins as the encoder's of a plainly filled sample and is fitted by steps on the
// bound E_q log p(observed | z) - KL(q || p) (Kingma & Welling 2014, sections 2 and 3: inference of z given x, and
// "image denoising, inpainting and super-resolution" as its uses); then importance resampling from it.
#pragma once

#include "model/observation.hpp"
#include "model/vae.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::model {

struct RestorationSettings {
    std::size_t steps = 500; ///< of PosteriorRefinement; none: the encoder's posterior stays
    std::size_t draws = 4;   ///< that are resampled
    std::uint32_t seed = 1;
};

/// What is found of some samples.
struct Restored {
    /// Of E[x | z, observed] over p(z | observed), the mean and the deviation: [samples, dimensions].
    std::vector<float> mean, spread;
    std::vector<float> draws;      ///< the same of resampled codes: [samples, draws, dimensions]
    std::vector<double> start;     ///< the bound of the encoder's q, by some draws: a value a sample, nats
    std::vector<double> bound;     ///< that of the fitted one
    std::vector<double> evidence;  ///< log 1/K sum of the weights: a bound on log p(observed)
    std::vector<double> effective; ///< effective sample size of the weights, 1 to `candidates`
};

class Restorer {
public:
    /// Codes that are drawn from a fitted q, of which means and draws are made.
    static constexpr std::size_t candidates = 256;

    Restorer(Vae& model, const RestorationSettings& settings);

    /// start: samples filled plainly, [samples, dimensions]; numbers: theirs, which address the noise.
    Restored restore(const layers::Values& values, const Observation& observation, Matrix<const float> start,
                     std::span<const std::uint64_t> numbers);

private:
    struct Codes; ///< the candidates

    void fit(const layers::Values& values, const Observation& observation, std::span<const std::uint64_t> numbers,
             Matrix<float> mean, Matrix<float> log_variance, std::span<double> start);
    void draw(const layers::Values& values, const Observation& observation, std::span<const std::uint64_t> numbers,
              std::span<const float> q, Codes& codes);
    void resample(std::span<const std::uint64_t> numbers, const Codes& codes, Restored& out,
                  std::vector<double>& weights, std::vector<float>& chosen) const;
    void decode(const layers::Values& values, const Observation& observation, const Codes& codes,
                std::span<const double> weights, std::span<const float> chosen, Restored& out);

    Vae& model_;
    RestorationSettings settings_;
};

/// Chooses `count` of the weights' places in proportion to them, by one uniform number in [0, 1): places u, u + 1, ...
/// count - 1 + u of `count` on the weights laid end to end (systematic resampling, Kitagawa 1996).
std::vector<std::size_t> systematic(std::span<const double> weights, std::size_t count, double uniform);

} // namespace elbo::model
