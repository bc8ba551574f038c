// A trainer's passes over validation data.
#include "numerics/sums.hpp"
#include "training/bounds.hpp"
#include "training/latents.hpp"
#include "training/trainer.hpp"

#include <algorithm>
#include <chrono>

namespace elbo::training {

std::size_t Validation::active_units() const {
    return static_cast<std::size_t>(std::ranges::count_if(latents, &model::LatentDimension::active));
}

std::optional<Validation> Trainer::validate(std::uint64_t most) {
    if (!validation_) return std::nullopt;
    const std::uint64_t samples = std::min(most, validation_->size());
    Validation found = bound_of(samples);
    if (sampler_ && (state_.epoch + 1) % config_.evaluate.every == 0)
        found.weighted = {config_.evaluate.samples, weighted_bound_of(samples)};
    return found;
}

data::Rows Trainer::validation_rows(std::uint64_t block, std::uint64_t samples) {
    // Blocks of a virtual rank's rows, whoever computes them: products of the same shapes, sums in the same order.
    enter(comm::Phase::validation);
    return loader_->take(data::batch_at(block * rows_, samples, rows_),
                         {config_.seed, Purpose::validation_binarize, 0});
}

Validation Trainer::bound_of(std::uint64_t samples) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<model::Bound> blocks(data::batches_from(0, samples, rows_));
    LatentSums latents(model_->latent(), blocks.size());
    LatentMeans means(model_->latent(), samples);
    BlockCodes codes(model_->latent());
    std::optional<PosteriorHistograms> histograms;
    if (config_.report.tensorboard) histograms.emplace(model_->latent());
    const data::Range mine = latents.blocks_of(world_);
    for (std::uint64_t block = mine.begin; block < mine.end; ++block) {
        const data::Rows rows = validation_rows(block, samples);
        const auto evaluate = [&](std::span<double> sums) {
            blocks[block] = model_->evaluate(values(), {rows.x, rows.samples},
                                             {config_.seed, Purpose::validation_posterior, 0}, sums);
        };
        if (!histograms && !means.wants(block * rows_)) {
            evaluate(latents.of_block(block));
            continue;
        }
        codes.take(rows.samples.size(), latents.of_block(block), evaluate);
        means.keep(block * rows_, codes.means());
        if (histograms) histograms->add(codes.means(), codes.log_variances());
    }
    enter(comm::Phase::agreeing);
    Validation found{canonical_sum(world_, blocks), latents.dimensions(world_, samples), std::move(means).values()};
    if (histograms) histograms->sum(world_);
    found.histograms = std::move(histograms);
    clock_.enter(comm::Phase::reporting);
    found.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return found;
}

double Trainer::weighted_bound_of(std::uint64_t samples) {
    std::vector<double> blocks(data::batches_from(0, samples, rows_));
    std::vector<double> estimates(rows_ * sampler_->columns()), bounds(rows_);
    const data::Range mine = data::shard_of({0, blocks.size()}, static_cast<std::uint64_t>(world_.rank()),
                                            static_cast<std::uint64_t>(world_.size()));
    for (std::uint64_t block = mine.begin; block < mine.end; ++block) {
        const data::Rows rows = validation_rows(block, samples);
        const Matrix<double> out(estimates.data(), rows.samples.size(), sampler_->columns());
        sampler_->estimate(values(), {rows.x, rows.samples}, {config_.seed, Purpose::importance, 0}, out);
        for (std::size_t i = 0; i < out.rows(); ++i) bounds[i] = out(i, model::ImportanceSampler::first_bound);
        blocks[block] = tree_sum(std::span(bounds).first(out.rows()));
    }
    enter(comm::Phase::agreeing);
    world_.sum(std::span(blocks)); // the others' are zeros, which change no bit
    clock_.enter(comm::Phase::reporting);
    return tree_sum(blocks) / static_cast<double>(samples);
}

} // namespace elbo::training
