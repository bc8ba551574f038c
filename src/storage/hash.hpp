// Fingerprints of data and text: XXH3 (Collet), not cryptographic; they find accidents, not forgeries.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace elbo::storage {

/// 16 hexadecimal digits of the 64-bit XXH3 of `bytes`, seeded by that of `label`.
std::string fingerprint(std::string_view label, std::span<const std::byte> bytes);

} // namespace elbo::storage
