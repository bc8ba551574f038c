// The networks that benchmarks measure, and random batches for them.
#pragma once

#include "config/config.hpp"
#include "model/vae.hpp"
#include "numerics/random.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace elbo::bench {

struct Network {
    const char* name;
    std::size_t dimensions;
    std::vector<std::int64_t> hidden; ///< of the encoder; the decoder has them in reverse
    std::size_t latent;
    const char* activation;
};

inline const Network mlp{"mlp 784-400-400-20", 784, {400, 400}, 20, "relu"};
inline const Network iwae{"iwae 784-200-200-50", 784, {200, 200}, 50, "tanh"};
inline const Network wide{"wide 4096-2048-1024-64", 4096, {2048, 1024}, 64, "relu"};

inline config::Model model_settings(const Network& network) {
    config::Model model;
    model.latent = network.latent;
    for (const std::int64_t units : network.hidden) {
        model.encoder.push_back({"dense", "", {{"dense", units}, {"activation", std::string(network.activation)}}});
    }
    model.decoder = {model.encoder.rbegin(), model.encoder.rend()};
    model.likelihood.kind = "bernoulli";
    return model;
}

inline config::Settings adam_settings() { return {"adam", "", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}}}; }

/// A few batches of random binary pixels that lie in memory.
class Batches {
public:
    Batches(std::size_t rows, std::size_t dimensions)
        : rows_(rows), dimensions_(dimensions), x_(count * rows * dimensions), samples_(rows) {
        for (std::size_t i = 0; i < count * rows; ++i) {
            const std::span<float> row = x_.span().subspan(i * dimensions, dimensions);
            std::ranges::fill(row, 0.13F);
            binarize({1, Purpose::binarize, 0}, i, row);
        }
        std::iota(samples_.begin(), samples_.end(), 0);
    }

    model::Batch at(std::uint64_t step) const {
        return {{x_.span().data() + step % count * rows_ * dimensions_, rows_, dimensions_}, samples_};
    }

private:
    static constexpr std::size_t count = 16;
    std::size_t rows_, dimensions_;
    AlignedFloats x_;
    std::vector<std::uint64_t> samples_;
};

} // namespace elbo::bench
