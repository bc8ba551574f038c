#include "data/transform.hpp"

#include "base/error.hpp"
#include "storage/hash.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace elbo::data {

namespace {

using config::Effect;
using config::Settings;
using config::Type;

constexpr double no_bound = std::numeric_limits<double>::infinity();

/// Height, width and channels of samples that are images.
std::array<std::size_t, 3> image_of(const Settings& settings, const Shape& shape) {
    if (shape.size() == 2 || shape.size() == 3) return {shape[0], shape[1], shape.size() == 3 ? shape[2] : 1};
    reject("{}: data.transform: {} takes images (H, W) or (H, W, C), but a sample is {}", settings.where, settings.kind,
           describe(shape));
}

TransformStep make_scale(const Settings& settings, const Shape&) {
    return Scale{static_cast<float>(settings.number("scale")), static_cast<float>(settings.number("offset"))};
}

TransformStep make_standardise(const Settings& settings, const Shape& shape) {
    const std::string& over = settings.text("over");
    using enum Standardise::Over;
    Standardise step{over == "element"   ? element
                     : over == "channel" ? channel
                                         : all,
                     settings.text("figures") == "stored",
                     settings.number("floor"),
                     1,
                     {},
                     {}};
    if (step.over == channel) step.channels = image_of(settings, shape)[2];
    return step;
}

TransformStep make_log1p(const Settings& settings, const Shape&) { return Log1p{settings.where}; }

TransformStep make_clip(const Settings& settings, const Shape&) {
    const double least = settings.number("least"), greatest = settings.number("greatest");
    if (!(least < greatest))
        reject("{}: data.transform: clip keeps values from {:g} to {:g}; expected least below greatest", settings.where,
               least, greatest);
    return Clip{static_cast<float>(least), static_cast<float>(greatest)};
}

TransformStep make_crop(const Settings& settings, const Shape& shape) {
    const auto [height, width, channels] = image_of(settings, shape);
    const std::vector<std::size_t> kept = settings.counts("crop");
    if (kept.size() != 2 || kept[0] > height || kept[1] > width)
        reject("{}: data.transform: crop keeps [height, width] of at most [{}, {}], found {}", settings.where, height,
               width, settings.text("crop"));
    return Crop{height, width, channels, kept[0], kept[1], settings.text("place") == "random"};
}

TransformStep make_flip(const Settings& settings, const Shape& shape) {
    const auto [height, width, channels] = image_of(settings, shape);
    const std::string& axis = settings.text("flip");
    return Flip{height, width, channels, axis != "vertical", axis != "horizontal"};
}

const auto table = std::to_array<TransformKind>({
    {{"scale",
      "values times a factor, and then an offset added",
      {{"scale", Type::number, "", "the factor", Effect::model},
       {"offset", Type::number, "0", "added afterwards", Effect::model}}},
     make_scale},
    {{"standardise",
      "mean 0 and variance 1 by the training samples' figures",
      {{"figures",
        Type::text,
        "computed",
        "computed: of the training samples, at the start; stored: those that `elbo convert --stats` has put beside "
        "data.train, /stats/train/x/mean and variance of /train/x, of all its rows",
        Effect::model,
        -no_bound,
        no_bound,
        {"computed", "stored"}},
       {"over",
        Type::text,
        "element",
        "what has figures of its own: every element of a sample, every channel of images, or all together",
        Effect::model,
        -no_bound,
        no_bound,
        {"element", "channel", "all"}},
       {"floor",
        Type::number,
        "1e-3",
        "least deviation that values are divided by",
        Effect::model,
        0,
        no_bound,
        {},
        true}}},
     make_standardise},
    {{"log1p", "log(1 + x), for counts and other values with a long tail"}, make_log1p},
    {{"clip",
      "values outside become the nearer bound",
      {{"least", Type::number, "", "lower bound", Effect::model},
       {"greatest", Type::number, "", "upper bound", Effect::model}}},
     make_clip},
    {{"crop",
      "a part of each image",
      {{"crop", Type::integers, "", "[height, width] that are kept", Effect::model, 1, 1e6},
       {"place",
        Type::text,
        "middle",
        "the middle; or anywhere, at every presentation anew (validation: the middle)",
        Effect::model,
        -no_bound,
        no_bound,
        {"middle", "random"}}}},
     make_crop},
    {{"flip",
      "images mirrored or not, at every presentation anew (validation: not)",
      {{"flip",
        Type::text,
        "",
        "left and right, top and bottom, or each of both",
        Effect::model,
        -no_bound,
        no_bound,
        {"horizontal", "vertical", "both"}}}},
     make_flip},
});

} // namespace

std::span<const TransformKind> transform_kinds() { return table; }

Transform::Transform(std::span<const Settings> steps, const Shape& sample) : shape_(sample) {
    for (const Settings& settings : steps) {
        const auto kind = std::ranges::find(transform_kinds(), settings.kind,
                                            [](const TransformKind& row) { return row.schema.name; });
        if (kind == transform_kinds().end()) fail("data.transform has no step {}", settings.kind);
        TransformStep step = kind->make(settings, shape_);
        if (std::holds_alternative<Standardise>(step) && standardises())
            reject("{}: data.transform: standardise twice; once is enough", settings.where);
        require_moments(step, settings.where);
        shapes_.push_back(shape_);
        shape_ = shape_after(step, shape_);
        steps_.push_back(std::move(step));
    }
}

/// Throws InputError where stored figures cannot be those of the values that come to a step.
void Transform::require_moments(const TransformStep& step, const std::string& where) const {
    const Standardise* const standardise = std::get_if<Standardise>(&step);
    if (standardise == nullptr || !standardise->stored || std::ranges::all_of(steps_, keeps_moments)) return;
    reject(
        "{}: data.transform: standardise by stored figures stands behind log1p or clip, but these are figures of the "
        "values in the file; put it before them, or take computed ones",
        where);
}

bool Transform::is_random() const {
    return std::ranges::any_of(steps_, [](const TransformStep& step) {
        const Crop* const crop = std::get_if<Crop>(&step);
        return std::holds_alternative<Flip>(step) || (crop != nullptr && crop->random);
    });
}

Interval Transform::after(Interval values) const {
    for (const TransformStep& step : steps_)
        values = std::visit([&](const auto& one) { return one.after(values); }, step);
    return values;
}

std::optional<std::size_t> Transform::standardises() const {
    const auto found = std::ranges::find_if(
        steps_, [](const TransformStep& step) { return std::holds_alternative<Standardise>(step); });
    if (found == steps_.end()) return {};
    return static_cast<std::size_t>(found - steps_.begin());
}

std::size_t Transform::standardised_elements() const { return elements(shapes_.at(standardises().value())); }

bool Transform::standardises_by_stored() const {
    const std::optional<std::size_t> place = standardises();
    return place && std::get<Standardise>(steps_[*place]).stored;
}

Moments Transform::moments_there(Moments samples) const {
    for (std::size_t i = 0; i < standardises().value(); ++i) advance(steps_[i], samples);
    return samples;
}

void Transform::standardise_by(const Moments& moments) {
    std::get<Standardise>(steps_.at(standardises().value())).take(moments);
}

std::string Transform::fingerprint() const {
    if (!standardises_by_stored()) return "";
    const auto& step = std::get<Standardise>(steps_[*standardises()]);
    storage::Fingerprint figures("standardise");
    figures.add(std::as_bytes(std::span(step.mean)));
    figures.add(std::as_bytes(std::span(step.reciprocal)));
    return figures.digits();
}

void Transform::apply_first(std::size_t count, std::span<float> values, const Stream* noise,
                            std::uint64_t sample) const {
    for (std::size_t i = 0; i < count; ++i) {
        const Passing passing{values.first(elements(shapes_[i])), noise, sample, static_cast<std::uint32_t>(i)};
        std::visit([&](const auto& step) { step.apply(passing); }, steps_[i]);
    }
}

} // namespace elbo::data
