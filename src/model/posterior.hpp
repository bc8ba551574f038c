// Diagonal Gaussian posterior q(z | x) against a standard normal prior (Kingma & Welling 2014, section 3 and appendix
// B).
#pragma once

#include "numerics/any_matrix.hpp"

#include <span>

namespace elbo::model {

/// The log variance that a head's raw output stands for: itself within [-10, 10], beyond it 10 + log(1 + |raw| - 10)
/// with raw's sign (|raw| counting as 1e30 at most), so that no finite output overflows exp().
float bounded_log_variance(float raw);

/// KL(N(mean, exp(log_variance)) || N(0, 1)) of one dimension, in nats.
double kl_of_dimension(double mean, double log_variance);

/// Adds sums over rows: of each dimension its KL, then the means, then the means' squares, [3 * latent]. heads: [rows,
/// 2 * latent], the means, then the raw log variances.
void add_latents(Matrix<const float> heads, std::span<double> sums);

/// codes: [rows, 2 * latent], the means, then the log variances that the heads stand for.
void copy_codes(Matrix<const float> heads, std::span<double> codes);

/// Reparameterised sample and KL. heads: [rows, 2 * latent], the means, then the raw log variances; noise, z: [rows,
/// latent]; kl: [rows], KL(q || N(0, I)) in nats. z may be of either precision.
void sample_posterior(Matrix<const float> heads, Matrix<const float> noise, AnyMatrix z, std::span<double> kl);

/// A draw z = mean + deviation * noise, and log_ratio[i] = sum over z_i of (noise^2 - z^2) / 2, which together with
/// half the sum of the log variances is log p(z_i) - log q(z_i | x_i). All matrices: [rows, latent].
void draw_posterior(Matrix<const float> mean, Matrix<const float> deviation, Matrix<const float> noise, Matrix<float> z,
                    std::span<double> log_ratio);

/// Gradient by heads of an objective: through z (diff_z: [rows, latent]) plus kl_scale * d(sum of kl) / d heads.
/// diff_heads, of either precision, may be heads' own memory.
void backpropagate_posterior(Matrix<const float> heads, Matrix<const float> noise, Matrix<const float> diff_z,
                             float kl_scale, AnyMatrix diff_heads);

} // namespace elbo::model
