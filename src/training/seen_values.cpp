#include "training/seen_values.hpp"

#include "base/error.hpp"
#include "data/dataset.hpp"
#include "data/transform.hpp"

#include <fmt/format.h>

#include <limits>

namespace elbo::training {
namespace {

using storage::ElementType;

/// Nothing where values of the type say nothing of what is usual: floats, and long integers with a factor of their own.
std::optional<data::Interval> scaled_range(ElementType type, const std::optional<double>& scale) {
    const bool is_short = type == ElementType::u8 || type == ElementType::i8;
    if (!storage::is_integer(type) || (scale && !is_short)) return {};
    const double factor = scale.value_or(data::natural_scale(type)) / data::natural_scale(type);
    const bool has_sign =
        type == ElementType::i8 || type == ElementType::i16 || type == ElementType::i32 || type == ElementType::i64;
    return data::Interval{has_sign ? -factor : 0, factor};
}

std::string joined_steps(const config::Data& settings) {
    std::string steps;
    for (const config::Settings& step : settings.transform) steps += (steps.empty() ? "" : ", ") + step.kind;
    return steps;
}

} // namespace

SeenValues seen_values(const Trained& trained) {
    const config::Data& settings = trained.config.data;
    SeenValues seen{"as the model sees them", {}};
    try {
        const storage::DatasetInfo info = train_header(settings);
        const double factor = settings.scale.value_or(data::natural_scale(info.type));
        seen.text += fmt::format(": those of {}:{}", info.file, info.name);
        if (factor != 1) seen.text += fmt::format(" times {:.6g}", factor);
        const data::Transform transform(settings.transform, info.sample_shape());
        const auto range = scaled_range(info.type, settings.scale);
        if (range && !transform.standardises()) {
            const data::Interval after = transform.after(*range);
            seen.range = {static_cast<float>(after.least), static_cast<float>(after.greatest)};
        }
    } catch (const InputError&) {
        // The model does not need the data that it was trained on.
        if (settings.scale) seen.text += fmt::format(": stored ones times {:.6g}", *settings.scale);
    }
    if (!settings.transform.empty()) seen.text += ", after data.transform: " + joined_steps(settings);
    const auto [least, greatest] = trained.model->support();
    if (least > -std::numeric_limits<double>::infinity())
        seen.range = {static_cast<float>(least), static_cast<float>(greatest)};
    return seen;
}

data::InverseTransform to_stored_values(const Trained& trained) {
    const config::Data& settings = trained.config.data;
    const double scale = settings.scale ? *settings.scale : data::natural_scale(train_header(settings).type);
    return {settings.transform, trained.sample_shape, trained.figures, scale};
}

} // namespace elbo::training
