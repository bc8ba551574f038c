// How the posterior's means and log variances are distributed over validation data, for TensorBoard.
#pragma once

#include "comm/communicator.hpp"
#include "numerics/view.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::training {

/// Counts of each latent dimension's. Bins are the same for all, so that counts do not depend on who counts which
/// samples.
class PosteriorHistograms {
public:
    enum class Of { mean, log_variance };

    explicit PosteriorHistograms(std::size_t latent);

    static std::size_t bytes(std::size_t latent);

    /// Means and log variances, [rows, latent] each. What is not a number counts nowhere.
    void add(Matrix<const float> mean, Matrix<const float> log_variance);
    /// Of all ranks' samples. Collective.
    void sum(const comm::Communicator& world);

    std::size_t latent() const { return latent_; }
    /// Ends of bins, ascending: about 0.05 apart near 0, and by a twentieth of the value far from it. The first and the
    /// last bin hold what lies beyond, too.
    std::span<const double> edges() const { return edges_; }
    /// Counts of one dimension, and of all.
    std::span<const double> counts(Of what, std::size_t dimension) const;
    std::vector<double> counts(Of what) const;

private:
    std::size_t place(Of what, std::size_t dimension) const;
    void add(Of what, Matrix<const float> values);

    std::size_t latent_;
    std::vector<double> edges_;
    std::vector<double> counts_; ///< [2, latent, bins]
};

} // namespace elbo::training
