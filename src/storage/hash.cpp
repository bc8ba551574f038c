#include "storage/hash.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace elbo::storage {

std::string fingerprint(std::string_view label, std::span<const std::byte> bytes) {
    const XXH64_hash_t seed = XXH3_64bits(label.data(), label.size());
    return fmt::format("{:016x}", XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed));
}

} // namespace elbo::storage
