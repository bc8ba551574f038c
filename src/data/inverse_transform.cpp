#include "data/inverse_transform.hpp"

#include "base/error.hpp"
#include "data/transform.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

namespace elbo::data {
namespace {

struct Undo {
    std::span<float> values;

    void operator()(const Scale& step) const {
        for (float& x : values) x = (x - step.offset) / step.factor;
    }
    /// Figures may be of more elements, of images before a crop: those of channels, or of all, repeat themselves.
    void operator()(const Standardise& step) const {
        for (std::size_t j = 0; j < values.size(); ++j) values[j] = values[j] / step.reciprocal[j] + step.mean[j];
    }
    void operator()(const Log1p&) const {
        for (float& x : values) x = std::expm1(x);
    }
    void operator()(const Clip&) const {}
    void operator()(const Crop&) const {}
    void operator()(const Flip&) const {}
};

TransformStep made(const config::Settings& settings, const Shape& seen, const std::optional<Moments>& figures) {
    const auto kind =
        std::ranges::find(transform_kinds(), settings.kind, [](const TransformKind& row) { return row.schema.name; });
    if (kind == transform_kinds().end()) fail("data.transform has no step {}", settings.kind);
    TransformStep step = kind->make(settings, seen);
    if (const auto* const scale = std::get_if<Scale>(&step); scale != nullptr && scale->factor == 0)
        reject("{}: data.transform: scale by 0 cannot be undone", settings.where);
    if (auto* const standardise = std::get_if<Standardise>(&step)) {
        if (!figures)
            reject("{}: data.transform: standardise cannot be undone: the checkpoint, an older one, does not hold its "
                   "figures",
                   settings.where);
        standardise->take(*figures);
    }
    return step;
}

} // namespace

InverseTransform::InverseTransform(std::span<const config::Settings> steps, const Shape& seen,
                                   const std::optional<Moments>& figures, double scale)
    : scale_(static_cast<float>(scale)) {
    bool has_figures_of_elements = false;
    for (const config::Settings& settings : steps) {
        if (settings.kind == "crop" && has_figures_of_elements)
            reject("{}: data.transform: crop behind standardise cannot be undone: which elements of an image a sample "
                   "would be is not known",
                   settings.where);
        if (settings.kind == "crop" || settings.kind == "flip") continue; // shapes are not those that they take
        steps_.insert(steps_.begin(), made(settings, seen, figures));
        if (const auto* const standardise = std::get_if<Standardise>(&steps_.front()))
            has_figures_of_elements = standardise->over == Standardise::Over::element;
    }
}

void InverseTransform::apply(std::span<float> values) const {
    for (const TransformStep& step : steps_) std::visit(Undo{values}, step);
    for (float& x : values) x /= scale_;
}

} // namespace elbo::data
