// Models as ONNX files: encoder and decoder, which onnxruntime and others run (operator set 17, of ONNX 1.12).
#pragma once

#include "model/vae.hpp"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace elbo::onnx {

/// What a file says about itself besides its graph, name and text, in order.
using Notes = std::vector<std::pair<std::string, std::string>>;

struct Files {
    std::string encoder; ///< x -> mean, log_variance
    std::string decoder; ///< z -> mean, and variance where p(x | z) has one
};

/// Their bytes, the same for the same model. Samples have the shape that the data has, any number of them. Throws
/// InputError where a file would be larger than the format allows.
Files files_of(const model::Vae& model, std::span<const float> values, const Notes& notes);

} // namespace elbo::onnx
