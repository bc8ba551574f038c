#include "model/evaluation.hpp"

#include "model/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace elbo::model {
namespace {

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
    return std::as_bytes(std::span(values));
}

} // namespace

Mean mean_of(const data::Statistics& samples, std::size_t column) {
    const double others = static_cast<double>(samples.rows()) - 1;
    const double error =
        others > 0 ? std::sqrt(samples.variance()[column] / others) : std::numeric_limits<double>::quiet_NaN();
    return {samples.mean()[column], error};
}

Evaluation::Evaluation(std::size_t latent, std::span<const std::size_t> levels)
    : levels_(levels.begin(), levels.end()),
      estimates_(BoundSampler::first_bound + levels.size() + 1),
      codes_(latent),
      kls_(latent),
      variances_(latent) {}

void Evaluation::add(Matrix<const double> estimates, Matrix<const float> mean, Matrix<const float> log_variance) {
    std::vector<double> rows, kls, variances;
    std::vector<float> codes;
    for (std::size_t i = 0; i < estimates.rows(); ++i) {
        const std::span<const double> row = estimates.row(i);
        const double elbo = row[BoundSampler::reconstruction] - row[BoundSampler::kl];
        if (!std::ranges::all_of(row, [](double figure) { return std::isfinite(figure); }) && not_finite_++ == 0)
            first_not_finite_ = samples() + i;
        rows.insert(rows.end(), row.begin(), row.end());
        rows.push_back(elbo);
        effective_.push_back(static_cast<float>(row[BoundSampler::effective]));
        codes.insert(codes.end(), mean.row(i).begin(), mean.row(i).end());
        for (std::size_t d = 0; d < mean.columns(); ++d) {
            kls.push_back(kl_of_dimension(mean(i, d), log_variance(i, d)));
            variances.push_back(std::exp(static_cast<double>(log_variance(i, d))));
        }
    }
    estimates_.add(storage::ElementType::f64, bytes_of(rows));
    codes_.add(storage::ElementType::f32, bytes_of(codes));
    kls_.add(storage::ElementType::f64, bytes_of(kls));
    variances_.add(storage::ElementType::f64, bytes_of(variances));
}

Mean Evaluation::elbo() const { return mean_of(estimates_, BoundSampler::first_bound + levels_.size()); }

double Evaluation::effective_quantile(double share) const {
    std::vector<float> sorted = effective_;
    const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(sorted.size() - 1));
    std::ranges::nth_element(sorted, sorted.begin() + place);
    return sorted[static_cast<std::size_t>(place)];
}

std::vector<LatentDimension> Evaluation::dimensions() const {
    const std::vector<double> variances = codes_.variance();
    std::vector<LatentDimension> dimensions;
    for (std::size_t d = 0; d < variances.size(); ++d)
        dimensions.push_back({kls_.mean()[d], variances[d], variances[d] + variances_.mean()[d]});
    return dimensions;
}

} // namespace elbo::model
