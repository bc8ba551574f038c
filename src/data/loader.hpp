// Batches as the model sees them: rows gathered by sample number, scaled, binarised by addressed noise.
#pragma once

#include "data/dataset.hpp"
#include "data/order.hpp"
#include "data/plan.hpp"
#include "numerics/memory.hpp"
#include "numerics/random.hpp"

#include <span>
#include <vector>

namespace elbo::data {

/// Rows of a batch, valid until the loader's next call. samples address the noise.
struct Rows {
    Matrix<const float> x;
    std::span<const std::uint64_t> samples;
};

class Loader {
public:
    /// Keeps room for max_rows rows. Throws InputError where binarising needs values in [0, 1] and the data has others.
    Loader(const Dataset& dataset, Binarize binarize, std::size_t max_rows);

    /// Samples at these positions of an order, binarised (where dynamic) by this stream.
    Rows take(Range positions, const EpochOrder& order, const Stream& noise);

    /// Samples of these numbers, in the file's order: validation and pictures.
    Rows take(Range samples, const Stream& noise);

    static std::size_t bytes(std::size_t dimensions, std::size_t max_rows);

private:
    Rows fill(const Stream& noise);

    const Dataset& dataset_;
    Binarize binarize_;
    AlignedFloats x_;
    std::vector<std::uint64_t> samples_;
};

} // namespace elbo::data
