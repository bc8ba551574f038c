// A model with its arrays and a batch, for tests of whole passes.
#pragma once

#include "model/vae.hpp"
#include "numerics/matmul.hpp"
#include "support/gradient_check.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace elbo::model {

inline config::Model settings(std::size_t latent, std::vector<config::Settings> encoder,
                              std::vector<config::Settings> decoder, config::Settings likelihood) {
    return {latent, std::move(encoder), std::move(decoder), std::move(likelihood)};
}

/// What this machine has.
inline std::vector<Precision> precisions() {
    if (!matmul_supports(Precision::bf16)) return {Precision::fp32};
    return {Precision::fp32, Precision::bf16};
}

inline const Stream noise{7, Purpose::posterior, 2};

/// A model with its arrays and a batch.
struct Bench {
    Vae vae;
    std::vector<float> values, gradients, x;
    std::vector<std::uint64_t> samples;
    std::vector<BFloat16> copy; ///< of the values, in bf16

    Bench(const config::Model& model, const Shape& shape, std::size_t max_rows, std::size_t rows,
          Precision precision = Precision::fp32)
        : vae(model, shape, max_rows, precision),
          values(vae.parameters().size()),
          gradients(values.size(), 99.0f),
          x(rows * vae.dimensions()),
          samples(rows) {
        vae.allocate();
        std::iota(samples.begin(), samples.end(), 5);
        const std::vector<float> uniform = test::random_values(x.size(), 1, 4);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::abs(uniform[i]);
        const std::vector<float> start = test::random_values(values.size(), 0.5f, 5);
        for (const layers::Parameter& p : vae.parameters().all()) {
            std::copy_n(start.begin() + p.offset, p.size, values.begin() + p.offset);
        }
    }
    /// The values as passes read them, with their copy made anew in its place.
    layers::Values read() {
        if (vae.precision() == Precision::bf16) copy.resize(values.size());
        for (std::size_t i = 0; i < copy.size(); ++i) copy[i] = to_bfloat16(values[i]);
        return {values, copy};
    }
    Batch batch() const { return {{x.data(), samples.size(), vae.dimensions()}, samples}; }
    Batch rows(std::size_t begin, std::size_t count) const {
        return {batch().x.some_rows(begin, count), std::span(samples).subspan(begin, count)};
    }
    std::span<float> part(std::vector<float>& array, const layers::Parameter& p) {
        return std::span(array).subspan(p.offset, p.size);
    }
};

} // namespace elbo::model
