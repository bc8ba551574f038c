// Annealed importance sampling (Neal 2001, "Annealed importance sampling"): weights of chains that go from q(z | x) to
// p(z | x), by Hamiltonian Monte Carlo as Wu, Burda, Salakhutdinov & Grosse (2017, "On the quantitative analysis of
// decoder-based generative models") have it, but from the encoder's posterior instead of the prior.
#pragma once

#include "model/bound_sampler.hpp"
#include "model/posterior_chains.hpp"

namespace elbo::model {

/// b_0 = 0 ... b_steps = 1: a sigmoid's values from -4 to 4, so that the ends are approached slowly.
std::vector<double> annealing_schedule(std::size_t steps);

class AnnealedSampler final : public BoundSampler {
public:
    /// `steps` distributions after q; with one of them these are importance weights.
    AnnealedSampler(Vae& model, std::size_t max_rows, std::vector<std::size_t> levels, std::size_t steps);

    /// A chain that does not count goes first: its steps' lengths adapt, and are those of all others, so that their
    /// transitions are fixed, as a weight's expectation of p(x) needs.
    void estimate(const layers::Values& values, const Batch& batch, const Stream& noise, Matrix<double> out) override;

    /// Of the last batch: mean probability of acceptance of the chains that counted.
    double acceptance() const { return moves_ == 0 ? 1 : accepted_ / static_cast<double>(moves_); }

private:
    void pilot(const layers::Values& values, const Stream& noise);
    void anneal(const layers::Values& values, const Stream& noise);
    std::span<float> lengths(std::size_t step) { return std::span(lengths_).subspan(step * max_rows_, rows()); }

    std::size_t max_rows_;
    std::vector<double> schedule_;
    PosteriorChains chains_;
    std::vector<float> lengths_; ///< of leapfrog steps, for each distribution a row's
    double accepted_ = 0;
    std::uint64_t moves_ = 0;
};

} // namespace elbo::model
