// Lower bounds on log p(x) from weighted draws: what samplers of weights have in common, and the sums that the weights
// end up in.
#pragma once

#include "model/encoder_draws.hpp"

#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace elbo::model {

/// Log of a sum of exponentials, a term at a time: memory does not grow with their number.
class LogSum {
public:
    LogSum() = default;
    explicit LogSum(double term) : largest_(term), sum_(1) {}

    void add(double term) { add(LogSum(term)); }
    void add(const LogSum& terms);
    double value() const; ///< minus infinity where nothing was added
    void clear() { *this = {}; }

private:
    double largest_ = -std::numeric_limits<double>::infinity(), sum_ = 0; ///< of exp(term - largest)
};

/// 1, 10, 100 ... below the number of draws, and that.
std::vector<std::size_t> importance_levels(std::size_t draws);

/// Gives each draw k of a sample x a weight w_k whose expectation is p(x). Then L_K = E[log 1/K sum_k w_k] rises with K
/// towards log p(x).
class BoundSampler {
public:
    /// What a sample gets, in nats but for `effective`: E_q log p(x | z) over the draws; KL(q || p) in closed form;
    /// effective sample size of the weights, (sum w)^2 / sum w^2; then L_K for each level, the mean over as many
    /// disjoint groups of K draws as there are.
    enum Column : std::size_t { reconstruction, kl, effective, first_bound };

    /// levels: ascending from 1 on, each but the last one dividing the next where that is not the last; the last one is
    /// the number of draws. For batches of at most max_rows rows.
    BoundSampler(Vae& model, std::size_t max_rows, std::vector<std::size_t> levels);
    virtual ~BoundSampler() = default;

    /// That it takes.
    static std::size_t bytes(std::size_t latent, std::size_t max_rows, std::size_t levels);

    /// Has it call this after each draw of all rows, for who wants to see it get on.
    void tell(std::function<void()> drawn) { drawn_ = std::move(drawn); }

    std::size_t columns() const { return first_bound + levels_.size(); }
    std::span<const std::size_t> levels() const { return levels_; }

    /// out: [rows, columns()]. Draw k of a sample has the noise of that number, so more draws begin with the same ones.
    virtual void estimate(const layers::Values& values, const Batch& batch, const Stream& noise,
                          Matrix<double> out) = 0;

    /// Of the last batch's rows, [rows, latent].
    Matrix<const float> mean() const { return encoder_draws_.mean(); }
    Matrix<const float> log_variance() const { return encoder_draws_.log_variance(); }

protected:
    std::size_t draws() const { return levels_.back(); }
    /// The posteriors of a batch, and nothing drawn.
    void begin(const layers::Values& values, const Batch& batch);
    /// Codes of draw `number` from q, [rows, latent]; log_likelihood() and log_weight() become log p(x | z) and
    /// log p(x, z) - log q(z | x).
    Matrix<float> draw(const layers::Values& values, const Batch& batch, const Stream& noise, std::size_t number);
    /// The same z, of which nothing counts.
    Matrix<float> trial(const Stream& stream, std::size_t number) { return encoder_draws_.draw(stream, number); }
    std::span<double> log_likelihood() { return std::span(log_likelihood_).first(rows()); }
    std::span<double> log_weight() { return std::span(log_weight_).first(rows()); }
    /// Draw `number` is done: its weights count.
    void take(std::size_t number);
    void finish(Matrix<double> out) const;

    std::size_t rows() const { return encoder_draws_.rows(); } ///< of the last batch

private:
    /// A sample's sums on their way through the draws.
    struct Sums {
        LogSum squares;                    ///< of the squared weights
        std::vector<LogSum> groups;        ///< of each level, the group under way: the full ones of the level before
        std::vector<double> bounds;        ///< of each level, the sum over groups that are full
        double reconstruction = 0, kl = 0; ///< the first over draws
    };

    void take(Sums& sums, double log_weight, std::size_t number) const;

    Vae& model_;
    EncoderDraws encoder_draws_;
    std::vector<std::size_t> levels_;
    std::vector<double> log_levels_;
    std::function<void()> drawn_;
    std::vector<double> log_likelihood_, log_weight_; ///< a value a row
    std::vector<Sums> sums_;                          ///< the same
};

} // namespace elbo::model
