// Settings as the configuration would give them, for tests that build parts directly.
#pragma once

#include "config/config.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

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

inline config::Settings group_norm(std::int64_t groups, const std::string& activation = "identity",
                                   double epsilon = 1e-5) {
    return {"group_norm", "test:1", {{"group_norm", groups}, {"epsilon", epsilon}, {"activation", activation}}};
}

inline config::Settings layer_norm(const std::string& activation = "identity") {
    return {"layer_norm", "test:1", {{"epsilon", 1e-5}, {"activation", activation}}};
}

inline config::Settings upsample(std::int64_t factor) { return {"upsample", "test:1", {{"upsample", factor}}}; }

inline config::Settings dropout(double probability) { return {"dropout", "test:1", {{"dropout", probability}}}; }

inline config::Settings residual(std::vector<config::Settings> layers, const std::string& activation = "identity") {
    return {"residual", "test:1", {{"residual", {}}, {"activation", activation}}, std::move(layers)};
}

inline config::Settings bernoulli() { return {"bernoulli", "test:1", {}}; }

inline config::Settings gaussian(config::Settings::Value variance) {
    return {"gaussian", "test:1", {{"variance", std::move(variance)}}};
}

/// A step of data.transform.
inline config::Settings step(const std::string& kind,
                             std::map<std::string, config::Settings::Value, std::less<>> values = {}) {
    return {kind, "test:1", std::move(values), {}};
}

} // namespace elbo::test
