// Settings as the configuration would give them, for tests that build parts directly.
#pragma once

#include "config/config.hpp"

namespace elbo::test {

inline config::Settings dense(std::int64_t units, const std::string& activation) {
    return {"dense", "test:1", {{"dense", units}, {"activation", activation}}};
}

/// kind: conv or deconv.
inline config::Settings convolution(const std::string& kind, std::int64_t channels, std::int64_t kernel,
                                    std::int64_t stride, std::int64_t padding, const std::string& activation) {
    return {
        kind,
        "test:1",
        {{kind, channels}, {"kernel", kernel}, {"stride", stride}, {"padding", padding}, {"activation", activation}}};
}

inline config::Settings reshape(const std::string& shape) { return {"reshape", "test:1", {{"reshape", shape}}}; }

inline config::Settings flatten() { return {"flatten", "test:1", {}}; }

inline config::Settings bernoulli() { return {"bernoulli", "test:1", {}}; }

inline config::Settings gaussian(config::Settings::Value variance) {
    return {"gaussian", "test:1", {{"variance", std::move(variance)}}};
}

} // namespace elbo::test
