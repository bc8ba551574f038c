#include "commands/restoration_task.hpp"

#include "base/text.hpp"
#include "commands/reconstruction_figures.hpp"
#include "images/bicubic.hpp"
#include "numerics/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

namespace elbo::commands {
namespace {

constexpr double usual_noise = 0.5;
constexpr std::size_t usual_factor = 4;

struct TaskKind {
    std::string_view name;
    const char* option; ///< the one that is this task's alone
    bool required;
    const char* example;
    Plain baseline, other;
};

/// In the order of Task.
constexpr TaskKind kinds[] = {
    {"denoise", "--noise", false, "0.5", {"noisy_clamped", "noisy, clamped"}, {"noisy", "noisy"}},
    {"inpaint", "--rectangle", true, "7,7,14x14", {"mean_image", "mean image"}, {"observed_mean", "mean of observed"}},
    {"superres", "--factor", false, "4", {"bicubic", "bicubic"}, {"nearest", "nearest pixel"}},
    {"mask", "--mask", true, "FILE.png", {"mean_image", "mean image"}, {"observed_mean", "mean of observed"}},
};

const TaskKind& kind_of(Task task) { return kinds[static_cast<std::size_t>(task)]; }

struct Rectangle {
    std::size_t top = 0, left = 0, height = 0, width = 0;
};

/// "TOP,LEFT,HEIGHTxWIDTH".
Rectangle rectangle_of(const std::string& text, const Shape& image) {
    std::array<std::size_t, 4> numbers{};
    constexpr std::string_view behind = ",,x";
    const char* at = text.data();
    const char* const end = at + text.size();
    bool whole = true;
    for (std::size_t i = 0; i < numbers.size() && whole; ++i) {
        const auto [rest, error] = std::from_chars(at, end, numbers[i]);
        whole = error == std::errc() && (i == behind.size() ? rest == end : rest != end && *rest == behind[i]);
        at = rest + 1;
    }
    const Rectangle rectangle{numbers[0], numbers[1], numbers[2], numbers[3]};
    if (!whole || rectangle.height == 0 || rectangle.width == 0)
        reject("--rectangle {}: expected TOP,LEFT,HEIGHTxWIDTH in pixels, as 7,7,14x14", text);
    if (rectangle.top >= image[0] || rectangle.height > image[0] - rectangle.top || rectangle.left >= image[1] ||
        rectangle.width > image[1] - rectangle.left)
        reject("--rectangle {}: reaches out of images of {}", text, describe(image));
    return rectangle;
}

std::vector<float> outside(const Rectangle& hidden, const Shape& image) {
    const std::size_t channels = image.size() == 3 ? image[2] : 1;
    std::vector<float> observed(elements(image), 1.0f);
    for (std::size_t y = hidden.top; y < hidden.top + hidden.height; ++y)
        std::fill_n(&observed[(y * image[1] + hidden.left) * channels], hidden.width * channels, 0.0f);
    return observed;
}

/// Pixels factor times as large.
std::vector<float> enlarged(const Shape& small, std::size_t factor, std::span<const float> values) {
    const std::size_t channels = small.size() == 3 ? small[2] : 1;
    std::vector<float> out;
    for (std::size_t y = 0; y < small[0] * factor; ++y)
        for (std::size_t x = 0; x < small[1] * factor; ++x)
            for (std::size_t c = 0; c < channels; ++c)
                out.push_back(values[(y / factor * small[1] + x / factor) * channels + c]);
    return out;
}

void append(std::vector<float>& all, std::span<const float> some) { all.insert(all.end(), some.begin(), some.end()); }

} // namespace

Task task_of(const RestoreOptions& options) {
    std::vector<std::string_view> names;
    for (const TaskKind& kind : kinds) names.push_back(kind.name);
    const auto found = std::ranges::find(names, options.task);
    if (found == names.end()) {
        const std::string_view near = nearest(options.task, names);
        reject("--task {}: no such task{}; known: {}", options.task,
               near.empty() ? std::string() : fmt::format(", did you mean {}", near), joined(names));
    }
    const auto task = static_cast<Task>(found - names.begin());
    const bool given[] = {options.noise.has_value(), options.rectangle.has_value(), options.factor.has_value(),
                          options.mask.has_value()};
    for (std::size_t k = 0; k < std::size(kinds); ++k) {
        const bool own = &kinds[k] == &kind_of(task);
        if (given[k] && !own) reject("{}: is for --task {}, not {}", kinds[k].option, kinds[k].name, options.task);
        if (own && kinds[k].required && !given[k])
            reject("--task {}: needs {}, as {} {}", options.task, kinds[k].option, kinds[k].option, kinds[k].example);
    }
    if (options.noise && !(*options.noise > 0 && *options.noise <= 1e3))
        reject("--noise {}: expected a deviation above 0 and up to 1000, in the data's unit", *options.noise);
    return task;
}

RestorationTask::RestorationTask(const RestoreOptions& options, const Shape& image, const data::Dataset& dataset,
                                 std::span<const float> mask, std::uint32_t seed)
    : task_(task_of(options)),
      image_(image),
      least_(static_cast<float>(value_range(dataset).first)),
      greatest_(static_cast<float>(value_range(dataset).second)),
      mean_image_(dataset.mean().begin(), dataset.mean().end()),
      seed_(seed) {
    if (task_ == Task::denoise) noise_ = options.noise.value_or(usual_noise);
    if (task_ == Task::inpaint) observed_ = outside(rectangle_of(*options.rectangle, image), image);
    if (task_ == Task::mask) observed_.assign(mask.begin(), mask.end());
    if (task_ == Task::superres) {
        factor_ = options.factor.value_or(usual_factor);
        if (factor_ < 2 || image[0] % factor_ != 0 || image[1] % factor_ != 0)
            reject("--factor {}: expected a number of at least 2 that divides both sides of images of {}", factor_,
                   describe(image));
    }
    if (observed_.empty()) return;
    const auto hidden = static_cast<std::size_t>(std::ranges::count(observed_, 0.0f));
    if (hidden == 0 || hidden == observed_.size())
        reject("{}: hides {} of images of {}; some of it must be hidden and some observed", kind_of(task_).option,
               hidden == 0 ? "nothing" : "all", describe(image));
}

Plain RestorationTask::baseline() const { return kind_of(task_).baseline; }
Plain RestorationTask::other() const { return kind_of(task_).other; }

double RestorationTask::residual(std::span<const float> truth, std::span<const float> reconstruction) const {
    return images::mean_squared_error(model::block_means(image_, factor_, truth),
                                      model::block_means(image_, factor_, reconstruction));
}

Seen RestorationTask::observe(Matrix<const float> truth, std::span<const std::uint64_t> numbers) const {
    return observed_.empty() ? observe_means(truth, numbers) : observe_elements(truth);
}

Seen RestorationTask::observe_elements(Matrix<const float> truth) const {
    Seen seen;
    model::ObservedElements own;
    const auto count = static_cast<double>(std::accumulate(observed_.begin(), observed_.end(), 0.0));
    for (std::size_t i = 0; i < truth.rows(); ++i) {
        const std::span<const float> x = truth.row(i);
        append(own.x, x);
        append(own.observed, observed_);
        double sum = 0;
        for (std::size_t d = 0; d < x.size(); ++d) sum += static_cast<double>(observed_[d]) * x[d];
        for (std::size_t d = 0; d < x.size(); ++d) {
            const bool there = observed_[d] != 0;
            seen.shown.push_back(there ? x[d] : (least_ + greatest_) / 2);
            seen.baseline.push_back(there ? x[d] : mean_image_[d]);
            seen.other.push_back(there ? x[d] : static_cast<float>(sum / count));
        }
    }
    // What is hidden is not to be known to what comes after.
    for (std::size_t at = 0; at < own.x.size(); ++at)
        if (own.observed[at] == 0) own.x[at] = seen.baseline[at];
    seen.observation = std::move(own);
    return seen;
}

Seen RestorationTask::observe_means(Matrix<const float> truth, std::span<const std::uint64_t> numbers) const {
    Seen seen;
    model::ObservedMeans own{image_, factor_, noise_ * noise_, residual_, {}};
    const Shape small = model::block_shape(image_, factor_);
    for (std::size_t i = 0; i < truth.rows(); ++i) {
        std::vector<float> y = model::block_means(image_, factor_, truth.row(i));
        if (noise_ > 0) {
            std::vector<float> normals(y.size());
            fill_normal({seed_, Purpose::restoration_noise, 0}, numbers[i], 0, normals);
            for (std::size_t b = 0; b < y.size(); ++b) y[b] += static_cast<float>(noise_) * normals[b];
        }
        append(own.y, y);
        const std::vector<float> pixels = enlarged(small, factor_, y);
        append(seen.shown, pixels);
        append(seen.other, pixels);
        append(seen.baseline, task_ == Task::superres ? images::enlarge_bicubic(small, factor_, y) : pixels);
    }
    for (float& value : seen.baseline) value = std::clamp(value, least_, greatest_);
    seen.observation = std::move(own);
    return seen;
}

std::string RestorationTask::description() const {
    const std::string_view name = kind_of(task_).name;
    if (!observed_.empty())
        return fmt::format("{}: {} of {} elements hidden", name, std::ranges::count(observed_, 0.0f), observed_.size());
    if (task_ == Task::denoise)
        return fmt::format("{}: Gaussian noise of deviation {:g}; its variance {:.4g} and the reconstruction's error "
                           "{:.4g} are the observation's",
                           name, noise_, noise_ * noise_, residual_);
    return fmt::format("{}: means of {} x {} pixels observed; the reconstruction's error in them, {:.4g}, is the "
                       "observation's variance",
                       name, factor_, factor_, residual_);
}

} // namespace elbo::commands
