#include "commands/kl_split.hpp"

#include "comm/pieces.hpp"
#include "data/statistics.hpp"
#include "numerics/random.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::commands {
namespace {

constexpr std::size_t rows_of_a_piece = 64;

} // namespace

KlSplitting::KlSplitting(std::uint64_t samples, std::size_t latent)
    : all_(samples), latent_(latent), kept_(model::split_samples(samples, latent)), codes_(2 * kept_ * latent) {}

void KlSplitting::add(Matrix<const float> mean_rows, Matrix<const float> log_variance_rows) {
    for (; taken_ < kept_ && number_of(taken_) < seen_ + mean_rows.rows(); ++taken_) {
        const std::size_t row = number_of(taken_) - seen_;
        std::ranges::copy(mean_rows.row(row), mean().row(taken_).begin());
        std::ranges::copy(log_variance_rows.row(row), log_variance().row(taken_).begin());
    }
    seen_ += mean_rows.rows();
}

model::KlSplit KlSplitting::split(const comm::Communicator& world, std::uint32_t seed) {
    world.broadcast(codes_);
    model::AggregatePosterior aggregate(mean(), log_variance());
    data::Statistics densities(aggregate.columns());
    std::vector<float> codes(rows_of_a_piece * latent_);
    comm::in_order(
        world, (kept_ + rows_of_a_piece - 1) / rows_of_a_piece, comm::Makers::all,
        [&](std::size_t piece, std::vector<std::byte>& bytes) {
            const std::size_t first = piece * rows_of_a_piece, rows = std::min(rows_of_a_piece, kept_ - first);
            std::vector<double> found(rows * aggregate.columns());
            const Matrix<float> z(codes.data(), rows, latent_);
            for (std::size_t i = 0; i < rows; ++i) {
                const std::size_t n = first + i;
                fill_normal({seed, Purpose::importance, 0}, number_of(n), 0, z.row(i));
                for (std::size_t d = 0; d < latent_; ++d)
                    z(i, d) = mean()(n, d) + std::exp(0.5f * log_variance()(n, d)) * z(i, d);
            }
            aggregate.log_densities(first, z, {found.data(), rows, aggregate.columns()});
            const auto all = std::as_bytes(std::span(found));
            bytes.assign(all.begin(), all.end());
        },
        [&](std::size_t, std::span<const std::byte> bytes) { densities.add(storage::ElementType::f64, bytes); });
    return world.first() ? model::split_kl(densities.mean()) : model::KlSplit();
}

} // namespace elbo::commands
