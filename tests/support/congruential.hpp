// Numbers that a line of any language makes again, so that figures of other libraries can be of the same data.
#pragma once

#include <cstdint>

namespace elbo::testing {

/// s becomes (1103515245 s + 12345) mod 2^31; the number is s / 2^31.
class Congruential {
public:
    explicit Congruential(std::uint64_t seed) : state_(seed) {}
    double operator()() {
        state_ = (state_ * 1103515245 + 12345) % (std::uint64_t{1} << 31);
        return static_cast<double>(state_) / 2147483648.0;
    }

private:
    std::uint64_t state_;
};

} // namespace elbo::testing
