#include "convert/elements.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "data/types.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

namespace elbo::convert {

namespace {

using storage::ElementType;

template <class To, class From>
bool has_value(From value) {
    if constexpr (std::is_floating_point_v<To>) {
        return !std::isfinite(static_cast<double>(value)) || std::isfinite(static_cast<To>(value));
    } else if constexpr (std::is_floating_point_v<From>) {
        // One more than the greatest is a power of two, which floats have.
        const double beyond = std::ldexp(1.0, std::numeric_limits<To>::digits);
        const double least = std::is_signed_v<To> ? -beyond : 0;
        const auto wide = static_cast<double>(value);
        return wide >= least && wide < beyond && wide == std::trunc(wide);
    } else {
        return std::in_range<To>(value);
    }
}

template <class From, class To>
std::optional<std::string> convert_all(std::span<const std::byte> from, std::span<std::byte> to, ElementType to_type) {
    const std::size_t count = from.size() / sizeof(From);
    for (std::size_t i = 0; i < count; ++i) {
        From value;
        std::memcpy(&value, from.data() + i * sizeof(From), sizeof(From));
        if (!has_value<To>(value)) return fmt::format("{} is no {}", value, storage::name_of(to_type));
        const auto converted = static_cast<To>(value); // NOLINT(bugprone-signed-char-misuse): int8 is a number here
        std::memcpy(to.data() + i * sizeof(To), &converted, sizeof(To));
    }
    return {};
}

} // namespace

std::optional<std::string> convert_elements(ElementType type, std::span<const std::byte> from, ElementType to_type,
                                            std::span<std::byte> to) {
    return data::with_type(type, [&](auto source) {
        return data::with_type(
            to_type, [&](auto target) { return convert_all<decltype(source), decltype(target)>(from, to, to_type); });
    });
}

ElementType element_type(std::string_view option, std::string_view name) {
    std::vector<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(ElementType::f64); ++i) {
        const auto type = static_cast<ElementType>(i);
        names.push_back(storage::name_of(type));
        if (names.back() == name) return type;
    }
    const std::string_view close = nearest(name, names);
    reject("{} {}: no such type{} (known: {})", option, name,
           close.empty() ? "" : fmt::format("; did you mean {}?", close), joined(names));
}

void swap_bytes(std::size_t element_bytes, std::span<std::byte> elements) {
    if (element_bytes == 1) return;
    for (std::size_t i = 0; i + element_bytes <= elements.size(); i += element_bytes)
        std::reverse(elements.data() + i, elements.data() + i + element_bytes);
}

} // namespace elbo::convert
