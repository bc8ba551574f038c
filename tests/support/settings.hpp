// Settings as the configuration would give them, for tests that build parts directly.
#pragma once

#include "config/config.hpp"

namespace elbo::test {

inline config::Settings dense(std::int64_t units, const std::string& activation) {
    return {"dense", "test:1", {{"dense", units}, {"activation", activation}}};
}

inline config::Settings bernoulli() { return {"bernoulli", "test:1", {}}; }

inline config::Settings gaussian(config::Settings::Value variance) {
    return {"gaussian", "test:1", {{"variance", std::move(variance)}}};
}

} // namespace elbo::test
