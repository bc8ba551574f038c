#include "model/restoration.hpp"

#include "model/importance.hpp"
#include "model/posterior.hpp"
#include "model/refinement.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace elbo::model {
namespace {

constexpr std::size_t start_draws = 32; ///< for the bound of the encoder's posterior
constexpr std::size_t part_draws = 16;  ///< candidates of a sample that are worked on at once
constexpr double prior_deviation = 1;   ///< what is not observed may lie anywhere
constexpr std::uint32_t resampling_draw = std::numeric_limits<std::uint32_t>::max(); ///< no candidate's number

/// Draws `first` and on of each sample's q: noise and z = mean + deviation * noise, [samples * count, latent]; q: means
/// of all samples, then log variances.
void draw_codes(const Stream& stream, std::span<const std::uint64_t> numbers, std::size_t first, std::size_t count,
                std::span<const float> q, Matrix<float> noise, Matrix<float> z) {
    const std::size_t latent = z.columns();
    const std::span<const float> mean = q.first(q.size() / 2), log_variance = q.last(q.size() / 2);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        for (std::size_t k = 0; k < count; ++k) {
            const std::size_t row = i * count + k;
            fill_normal(stream, numbers[i], static_cast<std::uint32_t>(first + k), noise.row(row));
            for (std::size_t d = 0; d < latent; ++d) {
                const float deviation = std::exp(0.5f * log_variance[i * latent + d]);
                z(row, d) = mean[i * latent + d] + deviation * noise(row, d);
            }
        }
}

/// The bound of each sample's q, by some draws' log-likelihoods.
void bounds(std::span<const float> q, std::size_t latent, std::span<const double> log_likelihood,
            std::span<double> out) {
    const std::size_t half = q.size() / 2, draws = log_likelihood.size() / out.size();
    for (std::size_t i = 0; i < out.size(); ++i) {
        double sum = 0, kl = 0;
        for (std::size_t k = 0; k < draws; ++k) sum += log_likelihood[i * draws + k];
        for (std::size_t d = i * latent; d < (i + 1) * latent; ++d) kl += kl_of_dimension(q[d], q[half + d]);
        out[i] = sum / static_cast<double>(draws) - kl;
    }
}

} // namespace

struct Restorer::Codes {
    std::size_t samples, latent;
    std::vector<float> z;           ///< [samples, candidates, latent]
    std::vector<double> log_weight; ///< [samples, candidates]
    std::vector<double> log_likelihood;

    Codes(std::size_t count, std::size_t latents)
        : samples(count),
          latent(latents),
          z(count * candidates * latents),
          log_weight(count * candidates),
          log_likelihood(log_weight.size()) {}
};

Restorer::Restorer(Vae& model, const RestorationSettings& settings) : model_(model), settings_(settings) {}

Restored Restorer::restore(const layers::Values& values, const Observation& observation, Matrix<const float> start,
                           std::span<const std::uint64_t> numbers) {
    const std::size_t samples = numbers.size(), latent = model_.latent(), half = samples * latent;
    std::vector<float> q(2 * half);
    const Matrix<float> mean(q.data(), samples, latent), log_variance(q.data() + half, samples, latent);
    model_.encode(values, start, mean, log_variance);
    Restored out;
    for (std::vector<double>* figures : {&out.start, &out.bound, &out.evidence, &out.effective})
        figures->resize(samples);
    fit(values, observation, numbers, mean, log_variance, out.start);
    Codes codes(samples, latent);
    draw(values, observation, numbers, q, codes);
    bounds(q, latent, codes.log_likelihood, out.bound);
    std::vector<double> weights;
    std::vector<float> chosen;
    resample(numbers, codes, out, weights, chosen);
    decode(values, observation, codes, weights, chosen, out);
    return out;
}

void Restorer::fit(const layers::Values& values, const Observation& observation, std::span<const std::uint64_t> numbers,
                   Matrix<float> mean, Matrix<float> log_variance, std::span<double> start) {
    const CodeLikelihood likelihood = [&](Matrix<const float> z, std::span<double> value, Matrix<float> gradient) {
        observed_gradient(model_, values, observation, 1, z, value, gradient);
    };
    const Stream noise{settings_.seed, Purpose::restoration_steps, 0};
    PosteriorRefinement refinement(numbers.size(), model_.latent());
    refinement.bound(likelihood, numbers, noise, start_draws, mean, log_variance, start);
    refinement.refine(likelihood, numbers, noise, {settings_.steps, prior_deviation}, mean, log_variance);
}

void Restorer::draw(const layers::Values& values, const Observation& observation,
                    std::span<const std::uint64_t> numbers, std::span<const float> q, Codes& codes) {
    const std::size_t samples = codes.samples, latent = codes.latent, half = q.size() / 2;
    const std::size_t rows = samples * part_draws;
    std::vector<float> noise(rows * latent), z(noise.size());
    std::vector<double> log_likelihood(rows);
    const Stream stream{settings_.seed, Purpose::restoration_draws, 0};
    for (std::size_t first = 0; first < candidates; first += part_draws) {
        draw_codes(stream, numbers, first, part_draws, q, {noise.data(), rows, latent}, {z.data(), rows, latent});
        observed_gradient(model_, values, observation, part_draws, {z.data(), rows, latent}, log_likelihood, {});
        for (std::size_t row = 0; row < rows; ++row) {
            const std::size_t sample = row / part_draws, place = sample * candidates + first + row % part_draws;
            double log_ratio = 0; // log p(z) - log q(z)
            for (std::size_t d = 0; d < latent; ++d) {
                const double e = noise[row * latent + d], code = z[row * latent + d];
                log_ratio += 0.5 * (e * e - code * code + q[half + sample * latent + d]);
                codes.z[place * latent + d] = z[row * latent + d];
            }
            codes.log_likelihood[place] = log_likelihood[row];
            codes.log_weight[place] = log_likelihood[row] + log_ratio;
        }
    }
}

void Restorer::resample(std::span<const std::uint64_t> numbers, const Codes& codes, Restored& out,
                        std::vector<double>& weights, std::vector<float>& chosen) const {
    for (std::size_t i = 0; i < codes.samples; ++i) {
        const auto own = std::span(codes.log_weight).subspan(i * candidates, candidates);
        LogSum sum, squares;
        for (const double log_weight : own) {
            sum.add(log_weight);
            squares.add(2 * log_weight);
        }
        out.evidence[i] = sum.value() - std::log(static_cast<double>(candidates));
        out.effective[i] = std::exp(2 * sum.value() - squares.value());
        for (const double log_weight : own) weights.push_back(std::exp(log_weight - sum.value()));
        float uniform = 0;
        fill_uniform({settings_.seed, Purpose::restoration_draws, 0}, numbers[i], resampling_draw, {&uniform, 1});
        const auto mine = std::span(weights).last(candidates);
        for (const std::size_t place : systematic(mine, settings_.draws, uniform)) {
            const auto z = std::span(codes.z).subspan((i * candidates + place) * codes.latent, codes.latent);
            chosen.insert(chosen.end(), z.begin(), z.end());
        }
    }
}

void Restorer::decode(const layers::Values& values, const Observation& observation, const Codes& codes,
                      std::span<const double> weights, std::span<const float> chosen, Restored& out) {
    const std::size_t width = model_.dimensions(), latent = codes.latent;
    std::vector<float> some(part_draws * width);
    const Matrix<float> images(some.data(), part_draws, width);
    for (std::size_t i = 0; i < codes.samples; ++i) {
        // Of differences to the first image, so that what all have in common is exact.
        std::vector<float> origin;
        std::vector<double> sums(width), squares(width);
        for (std::size_t first = i * candidates; first < (i + 1) * candidates; first += part_draws) {
            model_.decode(values, {&codes.z[first * latent], part_draws, latent}, images);
            for (std::size_t k = 0; k < part_draws; ++k) {
                condition(model_, observation, i, images.row(k));
                if (origin.empty()) origin.assign(images.row(k).begin(), images.row(k).end());
                for (std::size_t d = 0; d < width; ++d) {
                    const double difference = static_cast<double>(images(k, d)) - origin[d];
                    sums[d] += weights[first + k] * difference;
                    squares[d] += weights[first + k] * difference * difference;
                }
            }
        }
        for (std::size_t d = 0; d < width; ++d) {
            out.mean.push_back(static_cast<float>(origin[d] + sums[d]));
            out.spread.push_back(static_cast<float>(std::sqrt(std::max(squares[d] - sums[d] * sums[d], 0.0))));
        }
    }
    const std::size_t rows = chosen.size() / latent;
    out.draws.resize(rows * width);
    const Matrix<float> draws(out.draws.data(), rows, width);
    model_.decode(values, {chosen.data(), rows, latent}, draws);
    for (std::size_t row = 0; row < rows; ++row) condition(model_, observation, row / settings_.draws, draws.row(row));
}

std::vector<std::size_t> systematic(std::span<const double> weights, std::size_t count, double uniform) {
    std::vector<std::size_t> places;
    double reached = weights.empty() ? 0 : weights[0];
    std::size_t place = 0;
    for (std::size_t k = 0; k < count; ++k) {
        const double wanted = (static_cast<double>(k) + uniform) / static_cast<double>(count);
        while (reached <= wanted && place + 1 < weights.size()) reached += weights[++place];
        places.push_back(place);
    }
    return places;
}

} // namespace elbo::model
