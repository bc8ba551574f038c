// Elements of one type as those of another, where the value is kept.
#pragma once

#include "storage/dataset.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace elbo::convert {

/// from's elements as elements of the other type into `to`, which has as many. Returns what is wrong with the first one
/// whose value that type does not have ("0.5 is no uint8"): whole numbers stay themselves, and floats may lose digits.
std::optional<std::string> convert_elements(storage::ElementType type, std::span<const std::byte> from,
                                            storage::ElementType to_type, std::span<std::byte> to);

/// The type that is called so ("float32"). Throws InputError naming the option and the types there are.
storage::ElementType element_type(std::string_view option, std::string_view name);

/// Turns the bytes of each element around.
void swap_bytes(std::size_t element_bytes, std::span<std::byte> elements);

} // namespace elbo::convert
