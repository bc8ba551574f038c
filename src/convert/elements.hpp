// Elements of one type as those of another, where the value is kept.
#pragma once

#include "base/error.hpp"
#include "storage/dataset.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace elbo::convert {

/// Calls work(T{}) with a number of the type in memory.
template <class Work>
auto with_element(storage::ElementType type, Work&& work) {
    using enum storage::ElementType;
    switch (type) {
    case u8:
        return work(std::uint8_t{});
    case i8:
        return work(std::int8_t{});
    case u16:
        return work(std::uint16_t{});
    case i16:
        return work(std::int16_t{});
    case u32:
        return work(std::uint32_t{});
    case i32:
        return work(std::int32_t{});
    case u64:
        return work(std::uint64_t{});
    case i64:
        return work(std::int64_t{});
    case f32:
        return work(float{});
    case f64:
        return work(double{});
    }
    fail("unknown element type {}", static_cast<int>(type));
}

/// from's elements as elements of the other type into `to`, which has as many. Returns what is wrong with the first one
/// whose value that type does not have ("0.5 is no uint8"): whole numbers stay themselves, and floats may lose digits.
std::optional<std::string> convert_elements(storage::ElementType type, std::span<const std::byte> from,
                                            storage::ElementType to_type, std::span<std::byte> to);

/// The type that is called so ("float32"). Throws InputError naming the option and the types there are.
storage::ElementType element_type(std::string_view option, std::string_view name);

/// Turns the bytes of each element around.
void swap_bytes(std::size_t element_bytes, std::span<std::byte> elements);

} // namespace elbo::convert
