// `elbo traverse`: what a trained model's latent dimensions do, one at a time, those that carry most first.
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/commands.hpp"
#include "commands/image_output.hpp"
#include "commands/on_ranks.hpp"
#include "commands/traversal.hpp"
#include "data/statistics.hpp"
#include "model/posterior.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace elbo::commands {
namespace {

constexpr std::uint64_t most_samples = 10000; ///< that KLs are means over
constexpr std::size_t most_steps = 100;

/// KL of each dimension of some samples, a row a sample.
std::vector<double> kls_of(Asked& asked, data::Range samples) {
    const data::Rows rows = asked.take(samples);
    const std::size_t latent = asked.latent(), count = samples.size();
    std::vector<float> mean(count * latent), log_variance(mean.size());
    asked.trained.model->encode(asked.values(), rows.x.first_rows(count), {mean.data(), count, latent},
                                {log_variance.data(), count, latent});
    std::vector<double> kls;
    for (std::size_t i = 0; i < mean.size(); ++i) kls.push_back(model::kl_of_dimension(mean[i], log_variance[i]));
    return kls;
}

/// Those with the largest KL over the first `count` samples; rank 0's. Collective.
std::vector<Ranked> rank_dimensions(Asked& asked, std::uint64_t count) {
    data::Statistics statistics(asked.latent());
    comm::in_order(
        asked.world, data::batches_from(0, count, pass_rows), comm::Makers::all,
        [&](std::size_t block, std::vector<std::byte>& bytes) {
            const std::vector<double> kls = kls_of(asked, data::batch_at(block * pass_rows, count, pass_rows));
            const auto some = std::as_bytes(std::span(kls));
            bytes.assign(some.begin(), some.end());
        },
        [&](std::size_t, std::span<const std::byte> bytes) { statistics.add(storage::ElementType::f64, bytes); });
    std::vector<Ranked> ranked;
    for (std::size_t d = 0; d < asked.latent(); ++d) ranked.push_back({d, statistics.mean()[d]});
    std::ranges::stable_sort(ranked, std::ranges::greater{}, &Ranked::kl);
    return ranked;
}

images::Picture picture(const Asked& asked, std::span<const float> decoded, std::span<const Ranked> ranked,
                        std::size_t steps) {
    const std::vector<float> values = shown(decoded, asked.data);
    images::Block block{{Matrix<const float>(values.data(), ranked.size() * steps, asked.dimensions())}, steps, {}};
    for (const Ranked& one : ranked) block.labels.push_back(fmt::format("z{}\nKL {:.2f}", one.dimension, one.kl));
    return images::grid(asked.trained.sample_shape, {block});
}

void write(const ImageOutput& output, Asked& asked, const TraverseOptions& options, std::span<const Ranked> ranked) {
    const Shape& sample = asked.trained.sample_shape;
    const std::vector<float> x = asked.copy({options.sample, options.sample + 1}),
                             at = places(options.range, options.steps);
    const std::vector<float> decoded =
        asked.decode(traversal_codes(asked.means({x.data(), 1, asked.dimensions()}), ranked, at));
    std::vector<float> numbers, kls;
    for (const Ranked& one : ranked) {
        numbers.push_back(static_cast<float>(one.dimension));
        kls.push_back(static_cast<float>(one.kl));
    }
    const Shape shape = several(ranked.size(), several(options.steps, sample));
    output.write({[&] { return picture(asked, decoded, ranked, options.steps); },
                  {{}, shape, decoded},
                  {{"/traversal", shape, decoded},
                   {"/dimension", {ranked.size()}, numbers},
                   {"/kl", {ranked.size()}, kls},
                   {"/z", {options.steps}, at}}},
                 asked);
}

void tell(const Asked& asked, const TraverseOptions& options, std::span<const Ranked> ranked, std::uint64_t count) {
    report::Terminal terminal(true, report::Verbosity::normal);
    for (const std::string& line : asked.introduction()) terminal.line(line);
    terminal.line(fmt::format("\n{:<10} {:>9}   mean over {} samples", "dimension", "KL, nats", with_commas(count)));
    for (const Ranked& one : ranked) terminal.line(fmt::format("z{:<9} {:>9.3f}", one.dimension, one.kl));
    terminal.line(wrapped(fmt::format("wrote {}: the posterior mean of sample {}, with one of these dimensions a row "
                                      "at {} places from {:g} to {:g}",
                                      options.output, options.sample, options.steps, -options.range, options.range),
                          0));
}

void require_numbers(const TraverseOptions& options) {
    if (options.steps < 2 || options.steps > most_steps)
        reject("--steps {}: expected a number from 2 to {}", options.steps, most_steps);
    if (!std::isfinite(options.range) || options.range <= 0)
        reject("--range {}: expected a number above 0, in the prior's standard deviations", options.range);
    if (options.dimensions == 0) reject("--dimensions 0: expected a number from 1 on");
}

} // namespace

Exit traverse(const TraverseOptions& options) {
    require_numbers(options);
    return on_ranks([&](const comm::Communicator& world) {
        const ImageOutput output = ImageOutput::open(world, options);
        Asked asked(world, options, files_of(options));
        world.together([&] {
            if (output.is_picture()) asked.require_images(options.output);
            asked.require_sample("--sample", options.sample);
        });
        const std::uint64_t count = std::min(asked.data.size(), most_samples);
        std::vector<Ranked> ranked = rank_dimensions(asked, count);
        ranked.resize(std::min(options.dimensions, ranked.size()));
        world.on_first([&] {
            write(output, asked, options, ranked);
            tell(asked, options, ranked, count);
        });
        return Exit::done;
    });
}

} // namespace elbo::commands
