#include "storage/hash.hpp"

#include "base/error.hpp"

#include <fmt/format.h>
#include <new>
#include <xxhash.h>

namespace elbo::storage {

std::string fingerprint(std::string_view label, std::span<const std::byte> bytes) {
    const XXH64_hash_t seed = XXH3_64bits(label.data(), label.size());
    return fmt::format("{:016x}", XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed));
}

struct Fingerprint::State {
    XXH3_state_t* xxh3 = XXH3_createState();

    explicit State(std::string_view label) {
        const XXH64_hash_t seed = XXH3_64bits(label.data(), label.size());
        if (xxh3 == nullptr || XXH3_64bits_reset_withSeed(xxh3, seed) != XXH_OK) throw std::bad_alloc();
    }
    ~State() { XXH3_freeState(xxh3); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

Fingerprint::Fingerprint(std::string_view label) : state_(std::make_unique<State>(label)) {}

Fingerprint::~Fingerprint() = default;

Fingerprint::Fingerprint(Fingerprint&&) noexcept = default;

void Fingerprint::add(std::span<const std::byte> bytes) {
    if (XXH3_64bits_update(state_->xxh3, bytes.data(), bytes.size()) != XXH_OK) fail("a fingerprint cannot be taken");
}

std::string Fingerprint::digits() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_->xxh3)); }

} // namespace elbo::storage
