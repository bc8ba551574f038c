#include "data/transform_steps.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

namespace elbo::data {

namespace {

/// Words of a sample for this step alone.
std::array<std::uint32_t, 4> words_of(const Passing& passing) {
    return random_words(*passing.noise, passing.sample, passing.step_number, 0);
}

/// Moves the part of an image that is kept to its beginning.
template <class T>
void keep(const Crop& crop, std::size_t top, std::size_t left, T* values) {
    const std::size_t row = crop.kept_width * crop.channels;
    for (std::size_t y = 0; y < crop.kept_height; ++y)
        std::copy_n(values + ((top + y) * crop.width + left) * crop.channels, row, values + y * row);
}

/// A number in [0, count), evenly (Lemire 2019, without his rejection: count is below 2^16).
std::size_t choose(std::uint32_t word, std::size_t count) {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(word) * count >> 32U);
}

} // namespace

void Scale::apply(const Passing& passing) const {
    for (float& x : passing.values) x = x * factor + offset;
}

Interval Scale::after(Interval values) const {
    const double ends[] = {values.least * factor + offset, values.greatest * factor + offset};
    return {std::min(ends[0], ends[1]), std::max(ends[0], ends[1])};
}

void Scale::advance(Moments& moments) const {
    for (double& mean : moments.mean) mean = mean * factor + offset;
    for (double& variance : moments.variance) variance *= static_cast<double>(factor) * factor;
}

void Standardise::apply(const Passing& passing) const {
    if (mean.size() != passing.values.size())
        fail("standardise has figures of {} elements, not of {}", mean.size(), passing.values.size());
    for (std::size_t j = 0; j < mean.size(); ++j) passing.values[j] = (passing.values[j] - mean[j]) * reciprocal[j];
}

Interval Standardise::after(Interval values) const {
    if (mean.empty()) return {-HUGE_VAL, HUGE_VAL};
    Interval after{HUGE_VAL, -HUGE_VAL};
    for (std::size_t j = 0; j < mean.size(); ++j) {
        after.least = std::min(after.least, (values.least - mean[j]) * reciprocal[j]);
        after.greatest = std::max(after.greatest, (values.greatest - mean[j]) * reciprocal[j]);
    }
    return after;
}

void Standardise::take(const Moments& moments) {
    const std::size_t elements = moments.mean.size();
    const std::size_t groups = over == Over::element ? elements : over == Over::channel ? channels : 1;
    // Every element has as many values, so that means of means are means.
    const double each = static_cast<double>(elements) / static_cast<double>(groups);
    std::vector<double> means(groups), variances(groups);
    for (std::size_t j = 0; j < elements; ++j) means[j % groups] += moments.mean[j] / each;
    for (std::size_t j = 0; j < elements; ++j) {
        const double apart = moments.mean[j] - means[j % groups];
        variances[j % groups] += (moments.variance[j] + apart * apart) / each;
    }
    mean.resize(elements);
    reciprocal.resize(elements);
    for (std::size_t j = 0; j < elements; ++j) {
        mean[j] = static_cast<float>(means[j % groups]);
        reciprocal[j] = static_cast<float>(1 / std::max(std::sqrt(variances[j % groups]), floor));
    }
}

void Log1p::apply(const Passing& passing) const {
    for (float& x : passing.values) x = std::log1p(x);
}

Interval Log1p::after(Interval values) const {
    if (values.least <= -1) {
        reject(
            "{}: data.transform: log1p takes values above -1, but they begin at {:.6g}; put a scale or clip before it",
            where, values.least);
    }
    return {std::log1p(values.least), std::log1p(values.greatest)};
}

void Clip::apply(const Passing& passing) const {
    for (float& x : passing.values) x = std::clamp(x, least, greatest);
}

Interval Clip::after(Interval values) const {
    return {std::clamp<double>(values.least, least, greatest), std::clamp<double>(values.greatest, least, greatest)};
}

void Crop::apply(const Passing& passing) const {
    std::size_t top = (height - kept_height) / 2, left = (width - kept_width) / 2;
    if (random && passing.noise != nullptr) {
        const auto words = words_of(passing);
        top = choose(words[0], height - kept_height + 1);
        left = choose(words[1], width - kept_width + 1);
    }
    keep(*this, top, left, passing.values.data());
}

void Crop::advance(Moments& moments) const {
    for (std::vector<double>* figures : {&moments.mean, &moments.variance}) {
        keep(*this, (height - kept_height) / 2, (width - kept_width) / 2, figures->data());
        figures->resize(kept_height * kept_width * channels);
    }
}

void Flip::apply(const Passing& passing) const {
    if (passing.noise == nullptr) return;
    const auto words = words_of(passing);
    const std::size_t row = width * channels;
    const auto at = [&](std::size_t y, std::size_t x) {
        return passing.values.begin() + static_cast<std::ptrdiff_t>(y * row + x * channels);
    };
    if (vertical && words[0] >> 31U) {
        for (std::size_t y = 0; y < height / 2; ++y)
            std::swap_ranges(at(y, 0), at(y, 0) + static_cast<std::ptrdiff_t>(row), at(height - 1 - y, 0));
    }
    if (horizontal && words[1] >> 31U) {
        for (std::size_t y = 0; y < height; ++y)
            for (std::size_t x = 0; x < width / 2; ++x)
                std::swap_ranges(at(y, x), at(y, x) + static_cast<std::ptrdiff_t>(channels), at(y, width - 1 - x));
    }
}

Shape shape_after(const TransformStep& step, const Shape& shape) {
    const Crop* const crop = std::get_if<Crop>(&step);
    if (crop == nullptr) return shape;
    Shape cropped = shape;
    cropped[0] = crop->kept_height;
    cropped[1] = crop->kept_width;
    return cropped;
}

namespace {

template <class Step>
constexpr bool has_advance = requires(const Step& step, Moments& moments) {
    step.advance(moments);
};

} // namespace

bool keeps_moments(const TransformStep& step) {
    return std::visit([](const auto& one) { return has_advance<std::decay_t<decltype(one)>>; }, step);
}

void advance(const TransformStep& step, Moments& moments) {
    std::visit(
        [&](const auto& one) {
            if constexpr (has_advance<std::decay_t<decltype(one)>>)
                one.advance(moments);
            else
                fail("means and variances do not pass through this step of data.transform");
        },
        step);
}

} // namespace elbo::data
