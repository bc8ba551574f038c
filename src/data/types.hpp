// From element types as they are kept in memory to C++'s.
#pragma once

#include "base/error.hpp"
#include "storage/dataset.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace elbo::data {

/// Calls f with a value of the C++ type that an element type stands for.
template <class F>
decltype(auto) with_type(storage::ElementType type, F&& f) {
    using storage::ElementType;
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

} // namespace elbo::data
