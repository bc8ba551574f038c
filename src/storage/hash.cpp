#include "storage/hash.hpp"

#include "base/error.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <new>

namespace elbo::storage {

struct Fingerprint::State {
    XXH3_state_t* hash = XXH3_createState();
    State() {
        if (!hash) throw std::bad_alloc();
    }
    ~State() { XXH3_freeState(hash); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
};

Fingerprint::Fingerprint(std::string_view label) : state_(std::make_unique<State>()) {
    if (XXH3_64bits_reset_withSeed(state_->hash, XXH3_64bits(label.data(), label.size())) != XXH_OK)
        fail("a hash cannot be begun");
}

Fingerprint::~Fingerprint() = default;
Fingerprint::Fingerprint(Fingerprint&&) noexcept = default;
Fingerprint& Fingerprint::operator=(Fingerprint&&) noexcept = default;

void Fingerprint::add(std::span<const std::byte> bytes) {
    if (XXH3_64bits_update(state_->hash, bytes.data(), bytes.size()) != XXH_OK) fail("a hash cannot be gone on with");
}

std::string Fingerprint::text() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_->hash)); }

std::string fingerprint(std::string_view label, std::span<const std::byte> bytes) {
    Fingerprint hash(label);
    hash.add(bytes);
    return hash.text();
}

} // namespace elbo::storage
