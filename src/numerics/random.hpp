// Addressed random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// A number is a function of its address, so whoever asks, whenever, on whatever rank, gets the same.
#pragma once

#include "numerics/view.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace elbo {

/// What a stream of random numbers is for: the second word of the key. The values stand in checkpoints' trajectories,
/// so they are never renumbered.
enum class Purpose : std::uint32_t {
    initial_values = 1,
    epoch_order = 2,
    binarize = 3,
    posterior = 4,
    validation_binarize = 5,
    validation_posterior = 6,
    pictures = 7,
    synthesis = 8,
    dropout = 9,
    block_order = 10,
    window_order = 11,
    validation_split = 12,
    augmentation = 13,
    importance = 14,
    codes = 15,      ///< from the prior or a posterior, to be handed out
    likelihood = 16, ///< draws of x
    mixture = 17,
    chain_momentum = 18,
    chain_acceptance = 19,
    refinement = 20,
    refinement_bound = 21,
    restoration_noise = 22, ///< of what is observed
    restoration_steps = 23, ///< draws of a q that is being fitted
    restoration_draws = 24, ///< and of the fitted one
    probe_start = 25,       ///< where fits of what codes hold begin
    factor_votes = 26,
    feature_samples = 27, ///< from the prior, to be compared with data
};

/// A stream: key (seed, purpose) and epoch. Within it, numbers are addressed by sample (40 bits), draw and dimension.
/// Counter words: dimension / 4; draw; the low 32 bits of the sample; epoch (24 bits) * 256 + the sample's high 8 bits.
struct Stream {
    std::uint32_t seed = 0;
    Purpose purpose = Purpose::initial_values;
    std::uint32_t epoch = 0;
};

/// The four 32-bit words at dimensions 4 * block .. 4 * block + 3.
std::array<std::uint32_t, 4> random_words(const Stream& stream, std::uint64_t sample, std::uint32_t draw,
                                          std::uint32_t block);

/// Uniform in [0, 1), a multiple of 2^-53, of the words of dimensions 0 and 1.
double uniform(const Stream& stream, std::uint64_t sample, std::uint32_t draw);

/// out[d] = uniform in [0, 1), a multiple of 2^-24, at dimension d.
void fill_uniform(const Stream& stream, std::uint64_t sample, std::uint32_t draw, std::span<float> out);

/// out[d] = standard normal at dimension d (Box & Muller 1958: dimensions 4b, 4b + 1 from words 0, 1 and 4b + 2, 4b + 3
/// from words 2, 3).
void fill_normal(const Stream& stream, std::uint64_t sample, std::uint32_t draw, std::span<float> out);

/// x[d] becomes 1 where a uniform number at dimension d is below it, else 0 (x in [0, 1]).
void binarize(const Stream& stream, std::uint64_t sample, std::span<float> x, std::uint32_t draw = 0);

/// One row of normals a sample: out is [samples.size(), dimensions].
void fill_normal_rows(const Stream& stream, std::span<const std::uint64_t> samples, std::uint32_t draw,
                      Matrix<float> out);

} // namespace elbo
