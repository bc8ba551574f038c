// Batches as the model sees them: rows gathered by sample number, scaled, binarised by addressed noise.
#pragma once

#include "data/dataset.hpp"
#include "data/order.hpp"
#include "data/plan.hpp"
#include "numerics/memory.hpp"
#include "numerics/random.hpp"

#include <cstddef>
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

    /// Rows wherever they lie, binarised (where dynamic) by this stream.
    Rows take(std::span<const Located> rows, const Stream& noise);

    /// Samples at these positions of an order, of a dataset in memory.
    Rows take(Range positions, const EpochOrder& order, const Stream& noise);

    /// Samples of these numbers, in the file's order: validation and pictures. From a file they are read here and now,
    /// with those that follow, of which the next calls are expected to ask for.
    Rows take(Range samples, const Stream& noise);

    static std::size_t bytes(std::size_t dimensions, std::size_t max_rows);
    /// Besides, where the dataset stays in its file and samples are taken in its order.
    static std::size_t stretch_bytes(const storage::DatasetInfo& info, std::size_t max_rows);

private:
    const std::byte* read(Range samples);

    const Dataset& dataset_;
    Binarize binarize_;
    AlignedFloats x_;
    std::vector<float> room_; ///< of a sample before its transform
    std::vector<std::uint64_t> samples_;
    std::vector<Located> rows_;
    Range stretch_; ///< of samples that were read last
    std::vector<std::byte> stretch_bytes_;
};

} // namespace elbo::data
