#include "data/dataset.hpp"

#include "base/error.hpp"
#include "data/types.hpp"
#include "numerics/prefetch.hpp"
#include "numerics/widen.hpp"
#include "storage/hash.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace elbo::data {

double natural_scale(storage::ElementType type) {
    return with_type(type, [](auto zero) {
        using T = decltype(zero);
        return std::is_integral_v<T> ? 1.0 / static_cast<double>(std::numeric_limits<T>::max()) : 1.0;
    });
}

double stored_one(storage::ElementType type, std::optional<double> scale) {
    return std::round(1 / static_cast<float>(scale.value_or(natural_scale(type))));
}

Dataset::Dataset(const storage::Location& location, std::optional<double> scale) {
    const storage::DatasetReader reader(location.file, location.dataset);
    info_ = reader.info();
    const auto contents = std::make_shared<std::vector<std::byte>>(info_.rows() * info_.row_bytes());
    reader.read_rows(0, info_.rows(), *contents);
    bytes_ = *contents;
    owner_ = contents;
    facts_ = survey(info_, stored_one(info_.type, scale), [this](Range rows) {
        return bytes_.subspan(rows.begin * info_.row_bytes(), rows.size() * info_.row_bytes());
    });
    take_facts(scale);
}

Dataset::Dataset(storage::DatasetInfo info, Facts facts, std::span<const std::byte> bytes,
                 std::shared_ptr<const void> owner, std::optional<double> scale)
    : info_(std::move(info)), facts_(std::move(facts)), bytes_(bytes), owner_(std::move(owner)) {
    take_facts(scale);
}

Dataset::Dataset(std::shared_ptr<const Source> source, Facts facts, std::optional<double> scale)
    : info_(source->info()), facts_(std::move(facts)), source_(std::move(source)) {
    take_facts(scale);
}

void Dataset::take_facts(std::optional<double> scale) {
    if (!facts_.problem.empty())
        reject("{} {}", source_ ? source_->where(facts_.bad_row) : info_.where(facts_.bad_row), facts_.problem);
    row_bytes_ = info_.row_bytes();
    scale_ = static_cast<float>(scale.value_or(natural_scale(info_.type)));
    for (double& mean : facts_.mean) mean *= scale_;
    // As floats, like the values that convert() gives: 255 scales to 1 exactly.
    const float ends[] = {static_cast<float>(facts_.least) * scale_, static_cast<float>(facts_.greatest) * scale_};
    least_ = std::min(ends[0], ends[1]);
    greatest_ = std::max(ends[0], ends[1]);
}

namespace {

template <class T>
void scaled(std::span<const T> row, float scale, std::span<float> out) {
    if constexpr (std::is_same_v<T, std::uint8_t>)
        widen(row, scale, out);
    else
        std::ranges::transform(row, out.begin(), [scale](T x) { return static_cast<float>(x) * scale; });
}

} // namespace

void Dataset::fetch(const std::byte* row) const {
    constexpr std::size_t cache_line = 64, page = 4096; // what follows in a long row a core fetches by itself
    for (std::size_t at = 0; at < std::min(row_bytes_, page); at += cache_line) elbo::fetch(row + at);
}

void Dataset::transform_by(const Transform& transform) {
    transform_ = transform;
    const Interval values = transform.after({least_, greatest_});
    least_ = values.least;
    greatest_ = values.greatest;
    facts_.grey = true;
    if (const std::string figures = transform.fingerprint(); !figures.empty())
        facts_.fingerprint = storage::fingerprint(facts_.fingerprint, std::as_bytes(std::span(figures)));
    std::vector<float> mean(facts_.mean.begin(), facts_.mean.end());
    transform.apply(mean, nullptr, 0);
    facts_.mean.assign(mean.begin(), mean.begin() + static_cast<std::ptrdiff_t>(elements(transform.shape())));
}

void Dataset::present(const Located& row, const Stream& noise, std::span<float> room, std::span<float> out) const {
    if (transform_.empty()) return convert(row.bytes, out);
    convert(row.bytes, room);
    const Stream own{noise.seed, Purpose::augmentation, noise.epoch};
    transform_.apply(room, noise.purpose == Purpose::binarize ? &own : nullptr, row.sample);
    std::copy_n(room.begin(), out.size(), out.begin());
}

void Dataset::convert(const std::byte* row, std::span<float> out) const {
    with_type(info_.type,
              [&](auto zero) { scaled(values_of<decltype(zero)>(std::span(row, row_bytes_)), scale_, out); });
}

} // namespace elbo::data
