// A schema of the tests' own, close to the program's, and a small configuration that is valid under it.
#pragma once

#include "base/error.hpp"
#include "config/config.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace elbo::config::testing {

inline const Schema& schema() {
    static const Schema tables{
        .layers = {{"dense",
                    "fully connected",
                    {{"dense", Type::integer, "", "units", Effect::model, 1, 1e6},
                     {"activation", Type::text, "~", "its own activation", Effect::model}}},
                   {"conv",
                    "convolution",
                    {{"conv", Type::integer, "", "channels", Effect::model, 1, 1e6},
                     {"kernel", Type::integer, "3", "width", Effect::model, 1, 99},
                     {"activation", Type::choice, "~", "its own activation", Effect::model}}},
                   {"flatten", "one dimension"}},
        .activations = {{"relu", "max(x, 0)"}, {"tanh", "hyperbolic tangent"}, {"softplus", "log(1 + exp(x))"}},
        .likelihoods = {{"bernoulli", "binary pixels"},
                        {"gaussian",
                         "real values",
                         {{"variance",
                           Type::number_or_word,
                           "learned",
                           "of every element",
                           Effect::model,
                           0,
                           1e6,
                           {"learned"},
                           true}}},
                        {"student",
                         "heavy tails",
                         {{"student", Type::number, "", "degrees of freedom", Effect::model, 1},
                          {"label", Type::text, "a b", "free text", Effect::none}}}},
        .optimizers = {{"sgd",
                        "gradient descent",
                        {{"momentum", Type::number, "0", "running sum", Effect::trajectory, 0, 1},
                         {"nesterov", Type::flag, "false", "look ahead", Effect::trajectory}}},
                       {"adam",
                        "Kingma & Ba 2015",
                        {{"beta1", Type::number, "0.9", "of the mean", Effect::trajectory, 0, 1},
                         {"beta2", Type::number, "0.999", "of the variance", Effect::trajectory, 0, 1}}}},
        .decays = {{"constant", "no change"},
                   {"cosine",
                    "half a wave",
                    {{"final", Type::number, "0", "factor at the end", Effect::trajectory, 0, 1}}},
                   {"step",
                    "falls at intervals",
                    {{"every", Type::integer, "", "epochs", Effect::trajectory, 1},
                     {"factor", Type::number, "0.1", "at each step", Effect::trajectory, 0, 1, {}, true}}}},
        .transforms = {{"scale",
                        "a factor and an offset",
                        {{"scale", Type::number, "", "the factor", Effect::model},
                         {"offset", Type::number, "0", "added", Effect::model}}},
                       {"log1p", "log(1 + x)"}},
    };
    return tables;
}

inline const std::string valid = R"(output: runs/mnist
data:
  train: data/mnist.h5:/train/x
  validation: data/mnist.h5:/test/x
  binarize: dynamic
model:
  latent: 20
  encoder: [{dense: 400}, {dense: 200, activation: tanh}]
  decoder: [{dense: 400}]
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 20, batch: 128}
)";

inline Config read(const std::string& text, const std::vector<std::string>& overrides = {}) {
    return parse({"test.yaml", text}, overrides, schema());
}

/// The text of the InputError that reading must throw.
inline std::string mistakes(const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
        read(text, overrides);
    } catch (const InputError& error) {
        return error.what();
    }
    ADD_FAILURE() << "accepted: " << text;
    return {};
}

inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << text;
}

/// The valid configuration with lines added at its end, which begin on line 12.
inline std::string valid_and(const std::string& lines) { return valid + lines; }

/// The valid configuration with a part of it replaced.
inline std::string valid_but(const std::string& part, const std::string& replacement) {
    std::string text = valid;
    const std::size_t at = text.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return text.replace(at, part.size(), replacement);
}

} // namespace elbo::config::testing
