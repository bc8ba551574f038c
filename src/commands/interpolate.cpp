// `elbo interpolate`: what a trained model sees between two samples, by their posterior means.
#include "base/text.hpp"
#include "commands/commands.hpp"
#include "commands/image_output.hpp"
#include "commands/on_ranks.hpp"
#include "model/interpolation.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::commands {
namespace {

constexpr std::size_t most_steps = 1000, images_a_row = 20;

/// What rank 0 finds out.
struct Between {
    std::vector<float> ends, codes, images; ///< two samples; [steps, latent]; [steps, dimensions]
};

Between between(Asked& asked, const InterpolateOptions& options) {
    Between found;
    for (const std::uint64_t sample : {options.from, options.to}) {
        const std::vector<float> x = asked.copy({sample, sample + 1});
        found.ends.insert(found.ends.end(), x.begin(), x.end());
    }
    const std::vector<float> means = asked.means({found.ends.data(), 2, asked.dimensions()});
    const std::span<const float> both(means);
    found.codes = model::interpolate(both.first(asked.latent()), both.last(asked.latent()), options.steps,
                                     options.spherical ? model::Way::spherical : model::Way::linear);
    found.images = asked.decode(found.codes);
    return found;
}

/// The samples at both ends of what lies between.
images::Picture picture(const Asked& asked, const Between& found, std::size_t steps) {
    const std::size_t width = asked.dimensions();
    const std::vector<float> ends = shown(found.ends, asked.data), images = shown(found.images, asked.data);
    std::vector<float> line(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(width));
    line.insert(line.end(), images.begin(), images.end());
    line.insert(line.end(), ends.begin() + static_cast<std::ptrdiff_t>(width), ends.end());
    const Matrix<const float> rows(line.data(), steps + 2, width);
    return images::grid(asked.trained.sample_shape, {{{rows}, std::min(steps + 2, images_a_row), {}}});
}

void write(const ImageOutput& output, const Asked& asked, const InterpolateOptions& options, const Between& found) {
    const Shape& sample = asked.trained.sample_shape;
    const Shape images = several(options.steps, sample);
    output.write({[&] { return picture(asked, found, options.steps); },
                  {{}, images, found.images},
                  {{"/input", several(2, sample), found.ends},
                   {"/interpolation", images, found.images},
                   {"/z", {options.steps, asked.latent()}, found.codes}}},
                 asked);
}

} // namespace

Exit interpolate(const InterpolateOptions& options) {
    if (options.steps < 2 || options.steps > most_steps)
        reject("--steps {}: expected a number from 2 to {}", options.steps, with_commas(most_steps));
    return on_ranks([&](const comm::Communicator& world) {
        const ImageOutput output = ImageOutput::open(world, options);
        Asked asked(world, options, files_of(options));
        world.on_first([&] {
            if (output.is_picture()) asked.require_images(options.output);
            asked.require_sample("--from", options.from);
            asked.require_sample("--to", options.to);
            write(output, asked, options, between(asked, options));
            report::Terminal terminal(true, report::Verbosity::normal);
            for (const std::string& line : asked.introduction()) terminal.line(line);
            terminal.line(wrapped(fmt::format("wrote {}: {} steps from sample {} to {}, {} between posterior means",
                                              options.output, options.steps, options.from, options.to,
                                              options.spherical ? "spherical" : "linear"),
                                  0));
        });
        return Exit::done;
    });
}

} // namespace elbo::commands
