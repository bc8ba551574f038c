#include "data/dataset.hpp"

#include "base/error.hpp"
#include "numerics/prefetch.hpp"
#include "numerics/widen.hpp"
#include "storage/hash.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace elbo::data {
namespace {

using storage::ElementType;

/// Calls f with a value of the C++ type that an element type stands for.
template <class F>
decltype(auto) with_type(ElementType type, F&& f) {
    switch (type) {
    case ElementType::u8:
        return f(std::uint8_t{});
    case ElementType::i8:
        return f(std::int8_t{});
    case ElementType::u16:
        return f(std::uint16_t{});
    case ElementType::i16:
        return f(std::int16_t{});
    case ElementType::u32:
        return f(std::uint32_t{});
    case ElementType::i32:
        return f(std::int32_t{});
    case ElementType::u64:
        return f(std::uint64_t{});
    case ElementType::i64:
        return f(std::int64_t{});
    case ElementType::f32:
        return f(float{});
    case ElementType::f64:
        return f(double{});
    }
    fail("unknown element type {}", static_cast<int>(type));
}

template <class T>
std::span<const T> values_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

/// Sums of a piece of rows are exact in this type: a block of 8- or 16-bit integers fits 32 bits.
template <class T>
using BlockSum = std::conditional_t<std::is_integral_v<T> && sizeof(T) <= 2,
                                    std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>, double>;
constexpr std::size_t block_rows = 4096;

struct Summary {
    std::vector<double> mean;
    double least = std::numeric_limits<double>::infinity(), greatest = -least;
};

template <class T>
Summary summarize(std::span<const T> values, std::size_t rows) {
    const std::size_t width = values.size() / rows;
    Summary summary;
    summary.mean.resize(width);
    T least = values[0], greatest = values[0];
    std::vector<BlockSum<T>> block(width);
    for (std::size_t begin = 0; begin < rows; begin += block_rows) {
        std::fill(block.begin(), block.end(), BlockSum<T>{});
        for (std::size_t row = begin; row < std::min(rows, begin + block_rows); ++row) {
            const T* const x = &values[row * width];
            for (std::size_t j = 0; j < width; ++j) {
                block[j] += static_cast<BlockSum<T>>(x[j]);
                least = std::min(least, x[j]);
                greatest = std::max(greatest, x[j]);
            }
        }
        for (std::size_t j = 0; j < width; ++j) summary.mean[j] += static_cast<double>(block[j]);
    }
    for (double& mean : summary.mean) mean /= static_cast<double>(rows);
    summary.least = static_cast<double>(least);
    summary.greatest = static_cast<double>(greatest);
    return summary;
}

template <class T>
void refuse_not_finite(std::span<const T> values, const storage::DatasetInfo& info) {
    if constexpr (std::is_floating_point_v<T>) {
        const auto bad = std::find_if(values.begin(), values.end(), [](T x) { return !std::isfinite(x); });
        if (bad == values.end()) return;
        const auto place = static_cast<std::size_t>(bad - values.begin());
        const std::size_t width = values.size() / info.rows();
        reject("{}:{}: row {} holds {} at element {}; only finite numbers can be trained on", info.file, info.name,
               place / width, std::isnan(*bad) ? "not a number (NaN)" : "infinity", place % width);
    }
}

} // namespace

double natural_scale(ElementType type) {
    return with_type(type, [](auto zero) {
        using T = decltype(zero);
        return std::is_integral_v<T> ? 1.0 / static_cast<double>(std::numeric_limits<T>::max()) : 1.0;
    });
}

namespace {

std::shared_ptr<const std::vector<std::byte>> read_whole(const storage::Location& location) {
    const storage::DatasetReader reader(location.file, location.dataset);
    auto bytes = std::make_shared<std::vector<std::byte>>(reader.info().rows() * reader.info().row_bytes());
    reader.read_rows(0, reader.info().rows(), *bytes);
    return bytes;
}

} // namespace

Dataset::Dataset(const storage::Location& location, std::optional<double> scale)
    : Dataset(location, read_whole(location), scale) {}

Dataset::Dataset(const storage::Location& location, const std::shared_ptr<const std::vector<std::byte>>& bytes,
                 std::optional<double> scale)
    : Dataset(storage::DatasetReader(location.file, location.dataset).info(), *bytes, bytes, scale) {}

Dataset::Dataset(storage::DatasetInfo info, std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                 std::optional<double> scale)
    : info_(std::move(info)), bytes_(bytes), owner_(std::move(owner)) {
    scale_ = static_cast<float>(scale.value_or(natural_scale(info_.type)));
    const Summary summary = with_type(info_.type, [&](auto zero) {
        using T = decltype(zero);
        refuse_not_finite(values_of<T>(bytes_), info_);
        grey_ = std::ranges::any_of(values_of<T>(bytes_), [one = static_cast<T>(std::lround(1 / scale_))](T x) {
            return x != T{} && x != one;
        });
        return summarize(values_of<T>(bytes_), info_.rows());
    });
    mean_ = summary.mean;
    for (double& mean : mean_) mean *= scale_;
    // As floats, like the values that read() gives: 255 scales to 1 exactly.
    const float ends[] = {static_cast<float>(summary.least) * scale_, static_cast<float>(summary.greatest) * scale_};
    least_ = std::min(ends[0], ends[1]);
    greatest_ = std::max(ends[0], ends[1]);
    fingerprint_ =
        storage::fingerprint(fmt::format("{} {}", storage::name_of(info_.type), describe(info_.shape)), bytes_);
}

namespace {

template <class T>
void convert(std::span<const T> row, float scale, std::span<float> out) {
    if constexpr (std::is_same_v<T, std::uint8_t>)
        widen(row, scale, out);
    else
        std::ranges::transform(row, out.begin(), [scale](T x) { return static_cast<float>(x) * scale; });
}

} // namespace

void Dataset::fetch(std::uint64_t sample) const {
    constexpr std::size_t cache_line = 64, page = 4096; // what follows in a long row a core fetches by itself
    const std::size_t bytes = dimensions() * storage::bytes_of(info_.type);
    const std::span<const std::byte> row = bytes_.subspan(sample * bytes, std::min(bytes, page));
    for (std::size_t at = 0; at < row.size(); at += cache_line) elbo::fetch(&row[at]);
}

void Dataset::read(std::uint64_t sample, std::span<float> out) const {
    with_type(info_.type, [&](auto zero) {
        const auto values = values_of<decltype(zero)>(bytes_);
        convert(values.subspan(sample * dimensions(), dimensions()), scale_, out);
    });
}

} // namespace elbo::data
