// What a trained model is asked: posteriors, means and likelihoods of any number of rows.
#include "model/posterior.hpp"
#include "model/vae_parts.hpp"

#include <algorithm>

namespace elbo::model {
namespace {

/// use(begin, rows) for as many rows at a time as the workspace takes.
template <class Use>
void by_pieces(std::size_t rows, std::size_t max_rows, Use&& use) {
    for (std::size_t begin = 0; begin < rows; begin += max_rows) use(begin, std::min(max_rows, rows - begin));
}

} // namespace

Computation Vae::computation(std::span<const float> values) const {
    const Parts& p = *parts_;
    Computation all{.sample = p.encoder.shapes().front().shape,
                    .encoder = p.encoder.operations(),
                    .mean = p.heads.operation(p.encoder.output()),
                    .decoder = p.decoder.operations(),
                    .expectation = p.likelihood->expectation(),
                    .variance = p.likelihood->variance(values)};
    // The heads are one layer whose outputs are the means, then the log variances.
    all.mean.output = {p.latent};
    all.log_variance = all.mean;
    all.log_variance.weight += p.latent * elements(all.mean.input);
    all.log_variance.bias += p.latent;
    all.decoder.push_back(p.output->operation(p.decoder.output()));
    return all;
}

void Vae::encode(const layers::Values& values, Matrix<const float> x, Matrix<float> mean, Matrix<float> log_variance) {
    Parts& p = *parts_;
    by_pieces(x.rows(), p.max_rows, [&](std::size_t begin, std::size_t rows) {
        const Matrix<const float> heads = p.encode(values, x.some_rows(begin, rows));
        for (std::size_t i = 0; i < rows; ++i) {
            const std::span<const float> row = heads.row(i);
            std::ranges::copy(row.first(p.latent), mean.row(begin + i).begin());
            std::ranges::transform(row.subspan(p.latent), log_variance.row(begin + i).begin(), bounded_log_variance);
        }
    });
}

void Vae::reconstruct(const layers::Values& values, Matrix<const float> x, Matrix<float> out) {
    Parts& p = *parts_;
    by_pieces(x.rows(), p.max_rows, [&](std::size_t begin, std::size_t rows) {
        const Matrix<float> heads = p.encode(values, x.some_rows(begin, rows));
        decode(values, heads.some_columns(0, p.latent), out.some_rows(begin, rows));
    });
}

void Vae::decode(const layers::Values& values, Matrix<const float> z, Matrix<float> out) {
    Parts& p = *parts_;
    by_pieces(z.rows(), p.max_rows, [&](std::size_t begin, std::size_t rows) {
        const Matrix<float> some_out = out.some_rows(begin, rows);
        p.decode(values, z.some_rows(begin, rows), some_out);
        p.likelihood->mean(some_out);
    });
}

void Vae::draw(const layers::Values& values, Matrix<const float> z, const Stream& noise,
               std::span<const std::uint64_t> samples, std::uint32_t number, Matrix<float> out) {
    Parts& p = *parts_;
    by_pieces(z.rows(), p.max_rows, [&](std::size_t begin, std::size_t rows) {
        const Matrix<float> some_out = out.some_rows(begin, rows);
        p.decode(values, z.some_rows(begin, rows), some_out);
        p.likelihood->draw(values.exact, noise, samples.subspan(begin, rows), number, some_out);
    });
}

void Vae::log_likelihood(const layers::Values& values, Matrix<const float> z, Matrix<const float> x,
                         std::span<double> out) {
    Parts& p = *parts_;
    by_pieces(z.rows(), p.max_rows, [&](std::size_t begin, std::size_t rows) {
        const Matrix<float> outputs = p.piece(p.outputs_at, rows, p.dimensions);
        p.decode(values, z.some_rows(begin, rows), outputs);
        p.likelihood->evaluate(values.exact, outputs, x.some_rows(begin, rows), 1, out.subspan(begin, rows), {}, {});
    });
}

void Vae::likelihood_gradient(const layers::Values& values, Matrix<const float> z, Matrix<const float> x,
                              Matrix<const float> observed, std::span<double> out, Matrix<float> diff_z) {
    Parts& p = *parts_;
    by_pieces(z.rows(), p.max_rows, [&](std::size_t begin, std::size_t rows) {
        const Matrix<float> outputs = p.piece(p.outputs_at, rows, p.dimensions);
        const Matrix<const float> some_x = x.some_rows(begin, rows);
        const std::span<double> some_out = out.subspan(begin, rows);
        p.decode(values, z.some_rows(begin, rows), outputs);
        if (observed.columns() == 0) // evaluate() gives the gradient of -log p, times its scale
            p.likelihood->evaluate(values.exact, outputs, some_x, -1, some_out, outputs, {});
        else
            p.likelihood->evaluate_observed(values.exact, outputs, some_x, observed.some_rows(begin, rows), some_out);
        if (diff_z.columns() != 0) p.backpropagate_to_codes(values, outputs, outputs, diff_z.some_rows(begin, rows));
    });
}

void Vae::mean_gradient(const layers::Values& values, Matrix<const float> z, const MeanObjective& objective,
                        Matrix<float> diff_z) {
    Parts& p = *parts_;
    by_pieces(z.rows(), p.max_rows, [&](std::size_t begin, std::size_t rows) {
        const Matrix<float> mean = p.piece(p.outputs_at, rows, p.dimensions);
        p.decode(values, z.some_rows(begin, rows), mean);
        p.likelihood->mean(mean);
        p.diff_mean.resize(rows * p.dimensions);
        const Matrix<float> diff(p.diff_mean.data(), rows, p.dimensions);
        objective(begin, mean, diff);
        if (diff_z.columns() == 0) return;
        p.likelihood->backpropagate_mean(mean, diff);
        p.backpropagate_to_codes(values, mean, diff, diff_z.some_rows(begin, rows));
    });
}

} // namespace elbo::model
