// The steps of data.transform. Each knows the shape that it takes; a step in which noise plays a part has two forms,
// that of training and, without noise, a fixed one.
#pragma once

#include "data/statistics.hpp"
#include "numerics/random.hpp"
#include "numerics/view.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace elbo::data {

/// Values lie between these.
struct Interval {
    double least = 0, greatest = 0;
};

/// A sample on its way: values may be longer than what is left of it.
struct Passing {
    std::span<float> values;
    const Stream* noise;       ///< nullptr: none
    std::uint64_t sample;      ///< addresses the noise, with the step's number
    std::uint32_t step_number; ///< from 0 on
};

/// x * factor + offset.
struct Scale {
    float factor, offset;
    void apply(const Passing& passing) const;
    Interval after(Interval values) const;
    void advance(Moments& moments) const;
};

/// (x - mean) / deviation of each element, each channel or all elements; deviations below `floor` count as that.
struct Standardise {
    enum class Over { element, channel, all };
    Over over;
    bool stored; ///< the figures stand beside the samples in their file
    double floor;
    std::size_t channels;                ///< the last extent of images, else 1
    std::vector<float> mean, reciprocal; ///< of each element; empty until standardise_by
    void apply(const Passing& passing) const;
    Interval after(Interval values) const;
    void take(const Moments& moments); ///< of the values that come
};

/// log(1 + x).
struct Log1p {
    std::string where; ///< for errors
    void apply(const Passing& passing) const;
    Interval after(Interval values) const;
};

/// What is below least or above greatest becomes these.
struct Clip {
    float least, greatest;
    void apply(const Passing& passing) const;
    Interval after(Interval values) const;
};

/// A part of each image, (H, W) or (H, W, C): the middle or, in training, one at random.
struct Crop {
    std::size_t height, width, channels; ///< of what comes
    std::size_t kept_height, kept_width;
    bool random;
    void apply(const Passing& passing) const;
    Interval after(Interval values) const { return values; }
    void advance(Moments& moments) const; ///< of the middle
};

/// Images mirrored, in training, by the flip of a coin each.
struct Flip {
    std::size_t height, width, channels;
    bool horizontal, vertical;
    void apply(const Passing& passing) const;
    Interval after(Interval values) const { return values; }
    void advance(Moments&) const {} ///< without noise
};

using TransformStep = std::variant<Scale, Standardise, Log1p, Clip, Crop, Flip>;

/// The shape behind a step that comes to samples of `shape`.
Shape shape_after(const TransformStep& step, const Shape& shape);

/// Whether means and variances behind a step, as it is without noise, follow from those before it.
bool keeps_moments(const TransformStep& step);
/// Those behind a step that keeps them.
void advance(const TransformStep& step, Moments& moments);

} // namespace elbo::data
