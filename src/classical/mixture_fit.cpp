#include "classical/mixture_fit.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace elbo::classical {
namespace {

/// A component that is responsible for less than this of a point stays what it is: nothing tells what else to be.
constexpr double least_points = 1e-8;

/// What the points say about the components: sums weighted by responsibilities, of deviations from the components'
/// present means, so that little is lost where means are large.
class Sums {
public:
    explicit Sums(const MixtureParameters& present)
        : present_(present),
          points_(present.components()),
          first_(present.means.size()),
          second_(present.covariances.size()) {}

    void add(std::span<const float> point, std::span<const double> responsibilities) {
        const std::size_t d = present_.dimensions;
        deviation_.resize(d);
        for (std::size_t k = 0; k < responsibilities.size(); ++k) {
            const double share = responsibilities[k];
            if (share == 0) continue;
            const std::span<const double> mean = present_.mean(k);
            for (std::size_t i = 0; i < d; ++i) deviation_[i] = point[i] - mean[i];
            points_[k] += share;
            for (std::size_t i = 0; i < d; ++i) {
                const double weighted = share * deviation_[i];
                first_[k * d + i] += weighted;
                double* row = second_.data() + (k * d + i) * d;
                for (std::size_t j = 0; j <= i; ++j) row[j] += weighted * deviation_[j];
            }
        }
    }

    /// The parameters that are likeliest under the responsibilities, with the ridge on the variances.
    MixtureParameters maximise(double ridge) const {
        MixtureParameters next = present_;
        const std::size_t d = present_.dimensions;
        double sum = 0;
        for (const double points : points_) sum += points;
        for (std::size_t k = 0; k < points_.size(); ++k) {
            next.weights[k] = points_[k] / sum;
            if (points_[k] < least_points) continue;
            const double* shift = first_.data() + k * d;
            for (std::size_t i = 0; i < d; ++i) next.means[k * d + i] += shift[i] / points_[k];
            const Matrix<double> covariance = next.covariance(k);
            for (std::size_t i = 0; i < d; ++i) {
                const double* row = second_.data() + (k * d + i) * d;
                for (std::size_t j = 0; j <= i; ++j)
                    covariance(i, j) = covariance(j, i) =
                        row[j] / points_[k] - shift[i] / points_[k] * (shift[j] / points_[k]);
                covariance(i, i) += ridge;
            }
        }
        return next;
    }

private:
    const MixtureParameters& present_;
    std::vector<double> points_, first_, second_; ///< of each component
    std::vector<double> deviation_;
};

struct Expectation {
    double log_likelihood; ///< mean of a point
    MixtureParameters next;
};

/// One iteration: what the mixture makes of the points, and what they make of it.
Expectation iterate(Matrix<const float> points, const GaussianMixture& mixture, double ridge) {
    Sums sums(mixture.parameters());
    std::vector<double> log_densities(GaussianMixture::most_points);
    std::vector<double> responsibilities(log_densities.size() * mixture.components());
    double log_likelihood = 0;
    for (std::size_t begin = 0; begin < points.rows(); begin += log_densities.size()) {
        const std::size_t rows = std::min(log_densities.size(), points.rows() - begin);
        const Matrix<double> shares(responsibilities.data(), rows, mixture.components());
        mixture.explain(points.some_rows(begin, rows), log_densities, shares);
        for (std::size_t i = 0; i < rows; ++i) {
            log_likelihood += log_densities[i];
            sums.add(points.row(begin + i), shares.row(i));
        }
    }
    return {log_likelihood / static_cast<double>(points.rows()), sums.maximise(ridge)};
}

double squared_distance(std::span<const float> a, std::span<const float> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    return sum;
}

/// The nearest centre of each point, and its squared distance.
struct Nearest {
    std::vector<std::size_t> centre;
    std::vector<double> distance;

    explicit Nearest(std::size_t points) : centre(points), distance(points, std::numeric_limits<double>::infinity()) {}

    void consider(Matrix<const float> points, std::size_t number, std::span<const float> place) {
        for (std::size_t i = 0; i < points.rows(); ++i) {
            const double squared = squared_distance(points.row(i), place);
            if (squared >= distance[i]) continue;
            distance[i] = squared;
            centre[i] = number;
        }
    }

    /// A point by its share of all squared distances; 0 where there is no distance at all.
    std::size_t pick(double share) const {
        double sum = 0, passed = 0;
        for (const double squared : distance) sum += squared;
        std::size_t last = 0;
        for (std::size_t i = 0; i < distance.size(); ++i) {
            if (distance[i] == 0) continue;
            last = i;
            passed += distance[i];
            if (passed > share * sum) break;
        }
        return last;
    }
};

/// k-means++: each further centre is a point, likelier the further it lies from those before.
Nearest pick_centres(Matrix<const float> points, std::size_t components, const Stream& noise) {
    Nearest nearest(points.rows());
    for (std::size_t k = 0; k < components; ++k) {
        const double share = uniform(noise, k, 0);
        const std::size_t picked =
            k == 0 ? static_cast<std::size_t>(share * static_cast<double>(points.rows())) : nearest.pick(share);
        if (k > 0 && nearest.distance[picked] == 0)
            reject("a mixture of {} components needs as many different points, found {}; ask for fewer components",
                   components, k);
        nearest.consider(points, k, points.row(picked));
    }
    return nearest;
}

/// A start: each point is its nearest centre's.
MixtureParameters parameters_of(Matrix<const float> points, const Nearest& nearest, std::size_t components,
                                double ridge) {
    const std::size_t d = points.columns();
    MixtureParameters zero{d, std::vector<double>(components), std::vector<double>(components * d),
                           std::vector<double>(components * d * d)};
    for (std::size_t k = 0; k < components; ++k) {
        const auto first = std::ranges::find(nearest.centre, k) - nearest.centre.begin();
        std::ranges::copy(points.row(static_cast<std::size_t>(first)), zero.means.begin() + k * d);
    }
    Sums sums(zero);
    std::vector<double> shares(components);
    for (std::size_t i = 0; i < points.rows(); ++i) {
        shares[nearest.centre[i]] = 1;
        sums.add(points.row(i), shares);
        shares[nearest.centre[i]] = 0;
    }
    return sums.maximise(ridge);
}

void require_points(Matrix<const float> points, std::size_t components) {
    if (components == 0) reject("a mixture of 0 components: expected at least 1");
    if (points.rows() < components)
        reject("a mixture of {} components needs as many points, found {}; ask for fewer components", components,
               points.rows());
    for (std::size_t i = 0; i < points.rows(); ++i)
        if (!std::ranges::all_of(points.row(i), [](float value) { return std::isfinite(value); }))
            reject("a mixture of {} components: point {} is infinite or NaN", components, i);
}

} // namespace

MixtureFit fit_mixture(Matrix<const float> points, const MixtureOptions& options, const Stream& noise,
                       const MixtureProgress& progress) {
    require_points(points, options.components);
    const Nearest nearest = pick_centres(points, options.components, noise);
    GaussianMixture start(parameters_of(points, nearest, options.components, options.ridge));
    return fit_mixture_from(points, std::move(start), options, progress);
}

MixtureFit fit_mixture_from(Matrix<const float> points, GaussianMixture start, const MixtureOptions& options,
                            const MixtureProgress& progress) {
    require_points(points, options.components);
    if (start.components() != options.components || start.dimensions() != points.columns())
        throw std::logic_error("fit_mixture_from: a start of another size");
    MixtureFit fit{std::move(start), {}, false};
    Expectation found = iterate(points, fit.mixture, options.ridge);
    fit.log_likelihoods.push_back(found.log_likelihood);
    for (std::size_t iteration = 1; iteration <= options.most_iterations && !fit.converged; ++iteration) {
        GaussianMixture next(std::move(found.next));
        found = iterate(points, next, options.ridge);
        const double gain = found.log_likelihood - fit.log_likelihoods.back();
        fit.converged = gain < options.tolerance;
        // The ridge is no part of the likelihood, so near the end it may fall: then what was there before is kept.
        if (!(gain > 0)) break;
        fit.mixture = std::move(next);
        fit.log_likelihoods.push_back(found.log_likelihood);
        if (progress) progress(iteration, found.log_likelihood);
    }
    return fit;
}

} // namespace elbo::classical
