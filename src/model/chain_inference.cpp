#include "model/chain_inference.hpp"

#include "model/encoder_draws.hpp"
#include "model/posterior_chains.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace elbo::model {
namespace {

constexpr std::size_t warm_up = 100; ///< moves that do not count
constexpr double first_rate = 0.2;   ///< of the adaptation, which slows down
constexpr double least_variance = 1e-30;

class ChainInference final : public Inference {
public:
    ChainInference(Vae& model, std::size_t max_rows, const InferenceOptions& options)
        : options_(options),
          moves_(std::max(options.candidates, options.draws)),
          draws_(model, max_rows),
          chains_(model, max_rows),
          length_(max_rows),
          first_(max_rows * model.latent()),
          second_(first_.size()) {}

    void infer(const layers::Values& values, const Batch& batch, const Codes& out) override {
        draws_.begin(values, batch);
        chains_.start(values, batch, {draws_.mean(), draws_.log_variance()},
                      draws_.draw({options_.seed, Purpose::importance, 0}, 0));
        const Stream momentum{options_.seed, Purpose::chain_momentum, 0};
        adapt(values, momentum);
        std::ranges::fill(first_, 0.0);
        std::ranges::fill(second_, 0.0);
        std::ranges::fill(out.figure, 0.0);
        std::size_t handed_out = 0;
        for (std::size_t move = 0; move < moves_; ++move) {
            chains_.move(values, 1, momentum, static_cast<std::uint32_t>(warm_up + move), length());
            add(out);
            if ((move + 1) * options_.draws >= (handed_out + 1) * moves_) hand_out(handed_out++, out);
        }
        conclude(out);
    }

private:
    std::span<float> length() { return std::span(length_).first(draws_.rows()); }

    void adapt(const layers::Values& values, const Stream& momentum) {
        std::ranges::fill(length_, PosteriorChains::first_step);
        for (std::size_t move = 0; move < warm_up; ++move) {
            chains_.move(values, 1, momentum, static_cast<std::uint32_t>(move), length());
            chains_.adapt(length(), first_rate / std::sqrt(1 + 0.1 * static_cast<double>(move)));
        }
    }

    /// Moments about the encoder's mean, which is near.
    void add(const Codes& out) {
        const Matrix<const float> z = chains_.codes(), centre = draws_.mean();
        for (std::size_t i = 0; i < z.rows(); ++i) {
            out.figure[i] += chains_.acceptance(i) / static_cast<double>(moves_);
            for (std::size_t d = 0; d < z.columns(); ++d) {
                const double away = double{z(i, d)} - centre(i, d);
                first_[i * z.columns() + d] += away;
                second_[i * z.columns() + d] += away * away;
            }
        }
    }

    void hand_out(std::size_t number, const Codes& out) {
        const Matrix<const float> z = chains_.codes();
        for (std::size_t i = 0; i < z.rows(); ++i)
            std::ranges::copy(z.row(i), out.z.row(i).subspan(number * z.columns(), z.columns()).begin());
    }

    void conclude(const Codes& out) {
        const auto moves = static_cast<double>(moves_);
        for (std::size_t i = 0; i < out.mean.rows(); ++i)
            for (std::size_t d = 0; d < out.mean.columns(); ++d) {
                const std::size_t at = i * out.mean.columns() + d;
                const double shift = first_[at] / moves, variance = second_[at] / moves - shift * shift;
                out.mean(i, d) = static_cast<float>(draws_.mean()(i, d) + shift);
                out.log_variance(i, d) = static_cast<float>(std::log(std::max(variance, least_variance)));
            }
    }

    InferenceOptions options_;
    std::size_t moves_;
    EncoderDraws draws_;
    PosteriorChains chains_;
    std::vector<float> length_;          ///< of leapfrog steps, a row's
    std::vector<double> first_, second_; ///< sums, [rows, latent]
};

} // namespace

std::unique_ptr<Inference> make_chain_inference(Vae& model, std::size_t max_rows, const InferenceOptions& options) {
    return std::make_unique<ChainInference>(model, max_rows, options);
}

} // namespace elbo::model
