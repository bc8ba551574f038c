// Fingerprints of data and text: XXH3 (Collet), not cryptographic; they find accidents, not forgeries.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace elbo::storage {

/// 16 hexadecimal digits of the 64-bit XXH3 of `bytes`, seeded by that of `label`.
std::string fingerprint(std::string_view label, std::span<const std::byte> bytes);

/// The same of bytes that come in pieces.
class Fingerprint {
public:
    explicit Fingerprint(std::string_view label);
    ~Fingerprint();
    Fingerprint(Fingerprint&&) noexcept;
    Fingerprint& operator=(Fingerprint&&) noexcept;

    void add(std::span<const std::byte> bytes);
    std::string text() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace elbo::storage
