// What is done to samples between their file and the model, step by step in the order of data.transform: pure functions
// of a sample's values and of noise that is addressed by its number. Shapes and ranges are known before any data is
// read.
#pragma once

#include "config/config.hpp"
#include "data/statistics.hpp"
#include "data/transform_steps.hpp"
#include "numerics/random.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace elbo::data {

/// A table row: what the step is called, its keys, and what makes it.
struct TransformKind {
    config::Kind schema;
    TransformStep (*make)(const config::Settings& settings, const Shape& shape);
};
std::span<const TransformKind> transform_kinds();

class Transform {
public:
    Transform() = default;
    /// Of samples of a shape. Throws InputError naming the step where one does not fit.
    Transform(std::span<const config::Settings> steps, const Shape& sample);

    bool empty() const { return steps_.empty(); }
    /// Of what the model sees.
    const Shape& shape() const { return shape_; }
    /// True where a training sample differs from presentation to presentation.
    bool is_random() const;

    /// What is known of the values behind all steps where those before lie between these. Throws InputError where a
    /// step does not take them.
    Interval after(Interval values) const;

    /// The step that standardises by figures of what the steps before it give; nothing where there is none.
    std::optional<std::size_t> standardises() const;
    /// Elements of a sample where that step stands.
    std::size_t standardised_elements() const;
    /// Whether it goes by figures that stand beside the samples in their file.
    bool standardises_by_stored() const;
    /// Means and variances where it stands, of those before all steps.
    Moments moments_there(Moments samples) const;
    /// Its figures, of the values where it stands; before anything goes through it.
    void standardise_by(const Moments& moments);
    /// Of what a sample becomes besides its own values and the steps: the stored figures; "" where there are none.
    std::string fingerprint() const;

    /// The first `count` steps (all of them: apply) in place: values holds a sample's scaled values, and at its
    /// beginning the result, which is never longer. noise: of training samples; without it random steps do what
    /// validation and pictures want.
    void apply_first(std::size_t count, std::span<float> values, const Stream* noise, std::uint64_t sample) const;
    void apply(std::span<float> values, const Stream* noise, std::uint64_t sample) const {
        apply_first(steps_.size(), values, noise, sample);
    }

private:
    void require_moments(const TransformStep& step, const std::string& where) const;

    std::vector<TransformStep> steps_;
    std::vector<Shape> shapes_; ///< before each step
    Shape shape_;
};

} // namespace elbo::data
