#include "commands/gap_figures.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::commands {

GapFigures::GapFigures(training::Trained& trained, std::size_t max_rows, bool asked) : trained_(trained) {
    if (asked) refinement_.emplace(max_rows, trained.model->latent());
}

std::vector<double> GapFigures::measure(const data::Rows& rows, const model::BoundSampler& sampler) {
    if (!refinement_) return {};
    const std::size_t count = rows.samples.size(), latent = trained_.model->latent();
    const Matrix<const float> x = rows.x.first_rows(count);
    const model::CodeLikelihood likelihood = [&](Matrix<const float> z, std::span<double> value,
                                                 Matrix<float> gradient) {
        trained_.model->likelihood_gradient(trained_.fixed_values(), z, x, {}, value, gradient);
    };
    std::vector<float> mean(count * latent), log_variance(count * latent);
    const Matrix<float> means(mean.data(), count, latent), log_variances(log_variance.data(), count, latent);
    for (std::size_t i = 0; i < count; ++i) {
        std::ranges::copy(sampler.mean().row(i), means.row(i).begin());
        std::ranges::copy(sampler.log_variance().row(i), log_variances.row(i).begin());
    }
    const std::uint32_t seed = trained_.config.seed;
    std::vector<double> before(count), after(count);
    const auto bound = [&](std::span<double> out) {
        refinement_->bound(likelihood, rows.samples, {seed, Purpose::refinement_bound, 0}, draws, means, log_variances,
                           out);
    };
    bound(before);
    refinement_->refine(likelihood, rows.samples, {seed, Purpose::refinement, 0}, {steps}, means, log_variances);
    bound(after);
    for (std::size_t i = 0; i < count; ++i) after[i] -= before[i];
    return after;
}

void GapFigures::add(Matrix<const double> figures) {
    if (refinement_) gains_.add(storage::ElementType::f64, std::as_bytes(std::span(figures.data(), figures.rows())));
}

model::Mean GapFigures::amortisation() const { return model::mean_of(gains_, 0); }

} // namespace elbo::commands
