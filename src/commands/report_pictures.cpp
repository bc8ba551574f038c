#include "commands/report_pictures.hpp"

#include "commands/asked.hpp"
#include "commands/traversal.hpp"
#include "images/picture.hpp"
#include "numerics/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace elbo::commands {
namespace {

constexpr std::size_t prior_samples = 64, prior_columns = 8;
constexpr std::size_t most_traversed = 10, traversal_steps = 9;
constexpr double traversal_range = 3;      ///< of the prior's deviations, to both sides
constexpr std::size_t most_compared = 512; ///< dimensions whose effect is looked at where their KL is not known

std::string bytes_of(const AskedModel& asked, std::vector<float> values, images::Block block) {
    // The data itself is not there to tell its range. Bounded likelihoods do; of others, means lie about it.
    const auto [lower, upper] = asked.trained.model->support();
    const auto [least, greatest] = std::ranges::minmax(values);
    const bool usual = std::isfinite(lower) || (least > -0.25F && greatest < 1.25F);
    if (!usual)
        for (float& value : values) value = (value - least) / std::max(greatest - least, 1e-30F);
    block.rows = {{values.data(), values.size() / asked.dimensions(), asked.dimensions()}};
    const std::vector<std::byte> png = images::png_of(images::grid(asked.trained.sample_shape, {block}));
    return {reinterpret_cast<const char*>(png.data()), png.size()};
}

report::Illustration prior(AskedModel& asked) {
    std::vector<float> codes(prior_samples * asked.latent());
    std::vector<std::uint64_t> numbers(prior_samples);
    std::iota(numbers.begin(), numbers.end(), 0);
    fill_normal_rows({asked.seed(), Purpose::pictures, 0}, numbers, 0, {codes.data(), prior_samples, asked.latent()});
    return {bytes_of(asked, asked.decode(codes), {{}, prior_columns, {}}),
            fmt::format("E[x | z] of {}, z from the prior.", training::describe(asked.trained))};
}

/// How far the picture moves as a dimension goes from end to end: for runs that tell no KL.
double effect(std::span<const float> decoded, std::size_t dimensions) {
    const auto first = decoded.first(dimensions), last = decoded.last(dimensions);
    double sum = 0;
    for (std::size_t i = 0; i < dimensions; ++i) sum += std::pow(static_cast<double>(last[i]) - first[i], 2);
    return sum;
}

/// Those with the largest KL or, where none is known, the largest effect.
std::vector<Ranked> choose_dimensions(AskedModel& asked, const RunLatents& latents, std::span<const float> code,
                                      std::span<const float> at) {
    std::vector<Ranked> ranked;
    const bool known = latents.latents.kl.size() == code.size();
    const std::size_t count = known ? code.size() : std::min(code.size(), most_compared);
    for (std::size_t d = 0; d < count; ++d) {
        Ranked one{d, 0};
        one.kl = known ? latents.latents.kl[d]
                       : effect(asked.decode(traversal_codes(code, {&one, 1}, at)), asked.dimensions());
        ranked.push_back(one);
    }
    std::ranges::stable_sort(ranked, std::ranges::greater{}, &Ranked::kl);
    ranked.resize(std::min(ranked.size(), most_traversed));
    return ranked;
}

report::Illustration traversal(AskedModel& asked, const RunLatents& latents) {
    const bool has_mean = latents.first_mean.size() == asked.latent();
    const bool has_kl = latents.latents.kl.size() == asked.latent();
    const std::vector<float> code = has_mean ? latents.first_mean : std::vector<float>(asked.latent());
    const std::vector<float> at = places(traversal_range, traversal_steps);
    const std::vector<Ranked> ranked = choose_dimensions(asked, latents, code, at);
    images::Block block{{}, traversal_steps, {}};
    for (const Ranked& one : ranked)
        block.labels.push_back(has_kl ? fmt::format("z{}\nKL {:.2f}", one.dimension, one.kl)
                                      : fmt::format("z{}", one.dimension));
    return {bytes_of(asked, asked.decode(traversal_codes(code, ranked, at)), block),
            fmt::format("{}, with one dimension a row at {} places from {:g} to {:g}; those {} first.",
                        has_mean ? "The first validation sample's code" : "The prior's mean", traversal_steps,
                        -traversal_range, traversal_range,
                        has_kl ? "of the largest KL" : "that change the picture most")};
}

} // namespace

report::Shown show_model(const comm::Communicator& world, const std::filesystem::path& run, const RunLatents& latents) {
    AskedModel asked(world, {run.string()}, {});
    report::Shown shown;
    world.on_first([&] {
        shown.checkpoint = training::describe(asked.trained);
        shown.parameters = asked.model().parameters().size();
        if (images::is_image(asked.trained.sample_shape)) {
            shown.prior = prior(asked);
            shown.traversal = traversal(asked, latents);
        } else {
            shown.prior.text = shown.traversal.text = fmt::format("No picture: samples are {}, which are no images.",
                                                                  elbo::describe(asked.trained.sample_shape));
        }
    });
    return shown;
}

} // namespace elbo::commands
