// Importance-weighted bounds: weights w = p(x, z) / q(z | x) with z ~ q(z | x) (Burda, Grosse & Salakhutdinov 2016,
// "Importance weighted autoencoders", section 3).
#pragma once

#include "model/bound_sampler.hpp"

namespace elbo::model {

class ImportanceSampler final : public BoundSampler {
public:
    using BoundSampler::BoundSampler;
    void estimate(const layers::Values& values, const Batch& batch, const Stream& noise, Matrix<double> out) override;
};

} // namespace elbo::model
