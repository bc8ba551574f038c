// Importance-weighted bounds L_K = E[log 1/K sum_k w_k] with w = p(x, z) / q(z | x), z ~ q(z | x): they rise with K
// from the ELBO towards log p(x) (Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", section 3).
#pragma once

#include "model/vae.hpp"

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace elbo::model {

/// Log of a sum of exponentials, a term at a time: memory does not grow with their number.
class LogSum {
public:
    void add(double term);
    double value() const; ///< minus infinity where nothing was added
    void clear() { *this = {}; }

private:
    double largest_ = -std::numeric_limits<double>::infinity(), sum_ = 0; ///< of exp(term - largest)
};

/// 1, 10, 100 ... below the number of draws, and that.
std::vector<std::size_t> importance_levels(std::size_t draws);

class ImportanceSampler {
public:
    /// What a sample gets, in nats but for `effective`: E_q log p(x | z) over the draws; KL(q || p) in closed form;
    /// effective sample size of the weights, (sum w)^2 / sum w^2; then L_K for each level, the mean over as many
    /// disjoint groups of K draws as there are.
    enum Column : std::size_t { reconstruction, kl, effective, first_bound };

    /// levels: ascending; the last one is the number of draws. For batches of at most max_rows rows.
    ImportanceSampler(Vae& model, std::size_t max_rows, std::vector<std::size_t> levels);

    std::size_t columns() const { return first_bound + levels_.size(); }
    std::span<const std::size_t> levels() const { return levels_; }

    /// out: [rows, columns()]. Draw k of a sample has the noise of that number, so more draws begin with the same ones.
    void estimate(const layers::Values& values, const Batch& batch, const Stream& noise, Matrix<double> out);

    /// Of the last batch's rows, [rows, latent].
    Matrix<const float> mean() const { return {mean_.data(), rows_, model_.latent()}; }
    Matrix<const float> log_variance() const { return {log_variance_.data(), rows_, model_.latent()}; }

private:
    /// A sample's sums on their way through the draws.
    struct Sums {
        LogSum squares;                    ///< of the squared weights
        std::vector<LogSum> groups;        ///< of each level, the group under way
        std::vector<double> bounds;        ///< of each level, the sum over groups that are full
        double reconstruction = 0, kl = 0; ///< the first over draws
        double half_log_variances = 0;
    };

    void begin(const layers::Values& values, const Batch& batch);
    void draw(const layers::Values& values, const Batch& batch, const Stream& noise, std::size_t number);
    void take(Sums& sums, double log_likelihood, double log_weight, std::size_t number) const;
    void finish(const Sums& sums, std::span<double> out) const;

    Vae& model_;
    std::vector<std::size_t> levels_;
    std::size_t rows_ = 0;
    std::vector<float> mean_, log_variance_, deviation_, noise_, z_; ///< [rows, latent] each
    std::vector<double> log_ratio_, log_likelihood_;                 ///< a value a row
    std::vector<Sums> sums_;                                         ///< the same
};

} // namespace elbo::model
