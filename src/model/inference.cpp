#include "model/inference.hpp"

#include "model/chain_inference.hpp"
#include "model/encoder_draws.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace elbo::model {
namespace {

/// Weighted variances of what is one and the same draw are 0; their logarithms stay numbers.
constexpr double least_variance = 1e-30;

void copy_rows(Matrix<const float> from, Matrix<float> to) {
    for (std::size_t i = 0; i < from.rows(); ++i) std::ranges::copy(from.row(i), to.row(i).begin());
}

/// The encoder's diagonal Gaussian.
class EncoderInference final : public Inference {
public:
    EncoderInference(Vae& model, std::size_t max_rows, const InferenceOptions& options)
        : options_(options), draws_(model, max_rows) {}

    void infer(const layers::Values& values, const Batch& batch, const Codes& out) override {
        draws_.begin(values, batch);
        copy_rows(draws_.mean(), out.mean);
        copy_rows(draws_.log_variance(), out.log_variance);
        const std::size_t latent = out.mean.columns();
        for (std::size_t number = 0; number < options_.draws; ++number)
            copy_rows(draws_.draw({options_.seed, Purpose::codes, 0}, number),
                      out.z.some_columns(number * latent, latent));
    }

private:
    InferenceOptions options_;
    EncoderDraws draws_;
};

/// Importance resampling (Rubin 1988, "Using the SIR algorithm to simulate posterior distributions"): candidates of the
/// encoder's posterior weighted by p(x, z) / q(z | x). Means and variances are the weighted ones, draws are candidates
/// chosen by their weights. Candidates are drawn twice, rather than kept: noise is addressed.
class ImportanceInference final : public Inference {
public:
    ImportanceInference(Vae& model, std::size_t max_rows, const InferenceOptions& options)
        : model_(model),
          options_(options),
          draws_(model, max_rows),
          log_likelihood_(max_rows),
          weights_(max_rows * options.candidates),
          cumulative_(options.candidates),
          chosen_(max_rows * options.draws),
          handed_out_(max_rows),
          first_(max_rows * model.latent()),
          second_(first_.size()) {}

    void infer(const layers::Values& values, const Batch& batch, const Codes& out) override {
        draws_.begin(values, batch);
        weigh(values, batch);
        for (std::size_t i = 0; i < batch.samples.size(); ++i) {
            out.figure[i] = normalise(weights_of(i));
            choose(i, batch.samples[i]);
        }
        collect(out);
    }

private:
    struct Choice {
        std::size_t candidate, draw;
        friend auto operator<=>(const Choice&, const Choice&) = default;
    };

    std::span<double> weights_of(std::size_t row) {
        return std::span(weights_).subspan(row * options_.candidates, options_.candidates);
    }

    Matrix<const float> draw_candidate(std::size_t number) {
        return draws_.draw({options_.seed, Purpose::importance, 0}, number);
    }

    /// Log weights.
    void weigh(const layers::Values& values, const Batch& batch) {
        const std::size_t rows = batch.samples.size();
        for (std::size_t k = 0; k < options_.candidates; ++k) {
            const Matrix<const float> z = draw_candidate(k);
            model_.log_likelihood(values, z, batch.x.first_rows(rows), log_likelihood_);
            for (std::size_t i = 0; i < rows; ++i) weights_of(i)[k] = log_likelihood_[i] + draws_.log_ratio(i);
        }
    }

    /// Log weights become weights of sum 1; their effective sample size.
    static double normalise(std::span<double> weights) {
        const double largest = *std::ranges::max_element(weights);
        double sum = 0, squares = 0;
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (double& weight : weights) {
            weight /= sum;
            squares += weight * weight;
        }
        return 1 / squares;
    }

    /// Which candidates a row hands out, in their order.
    void choose(std::size_t row, std::uint64_t sample) {
        const std::span<Choice> chosen = std::span(chosen_).subspan(row * options_.draws, options_.draws);
        const std::span<const double> weights = weights_of(row);
        std::partial_sum(weights.begin(), weights.end(), cumulative_.begin());
        for (std::size_t draw = 0; draw < chosen.size(); ++draw) {
            const double share = uniform({options_.seed, Purpose::codes, 0}, sample, static_cast<std::uint32_t>(draw));
            const auto above = std::ranges::upper_bound(cumulative_, share * cumulative_.back());
            const auto candidate = static_cast<std::size_t>(above - cumulative_.begin());
            chosen[draw] = {std::min(candidate, weights.size() - 1), draw};
        }
        std::ranges::sort(chosen);
        handed_out_[row] = 0;
    }

    /// Moments about the encoder's mean, which is near, and the chosen draws.
    void collect(const Codes& out) {
        const std::size_t rows = draws_.rows(), latent = model_.latent();
        const Matrix<const float> centre = draws_.mean();
        std::ranges::fill(first_, 0.0);
        std::ranges::fill(second_, 0.0);
        for (std::size_t k = 0; k < options_.candidates; ++k) {
            const Matrix<const float> z = draw_candidate(k);
            for (std::size_t i = 0; i < rows; ++i) {
                const double weight = weights_of(i)[k];
                for (std::size_t d = 0; d < latent; ++d) {
                    const double away = double{z(i, d)} - centre(i, d);
                    first_[i * latent + d] += weight * away;
                    second_[i * latent + d] += weight * away * away;
                }
                hand_out(i, k, z.row(i), out.z.row(i));
            }
        }
        for (std::size_t i = 0; i < rows; ++i)
            for (std::size_t d = 0; d < latent; ++d) {
                const double shift = first_[i * latent + d];
                const double variance = second_[i * latent + d] - shift * shift;
                out.mean(i, d) = static_cast<float>(centre(i, d) + shift);
                out.log_variance(i, d) = static_cast<float>(std::log(std::max(variance, least_variance)));
            }
    }

    void hand_out(std::size_t row, std::size_t candidate, std::span<const float> z, std::span<float> out) {
        std::size_t& next = handed_out_[row];
        for (; next < options_.draws; ++next) {
            const Choice choice = chosen_[row * options_.draws + next];
            if (choice.candidate != candidate) return;
            std::ranges::copy(z, out.subspan(choice.draw * z.size(), z.size()).begin());
        }
    }

    Vae& model_;
    InferenceOptions options_;
    EncoderDraws draws_;
    std::vector<double> log_likelihood_, weights_; ///< weights_: [rows, candidates]
    std::vector<double> cumulative_;               ///< of a row's weights
    std::vector<Choice> chosen_;                   ///< [rows, draws]
    std::vector<std::size_t> handed_out_;          ///< of them, a number a row
    std::vector<double> first_, second_;           ///< moments, [rows, latent]
};

template <class Way>
std::unique_ptr<Inference> make(Vae& model, std::size_t max_rows, const InferenceOptions& options) {
    return std::make_unique<Way>(model, max_rows, options);
}

} // namespace

std::span<const InferenceKind> inference_kinds() {
    static constexpr InferenceKind kinds[] = {
        {"q", "the encoder's diagonal Gaussian", "", make<EncoderInference>},
        {"importance", "draws of it, chosen by their weights", "effective_sample_size", make<ImportanceInference>},
        {"hmc", "Hamiltonian Monte Carlo from a draw of it on", "acceptance", make_chain_inference},
    };
    return kinds;
}

} // namespace elbo::model
