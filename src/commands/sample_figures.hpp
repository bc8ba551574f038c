// Figures of every sample, in the dataset's order, as a file: HDF5 or CSV by its name.
#pragma once

#include "model/bound_sampler.hpp"
#include "storage/dataset.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace elbo::commands {

class SampleFigures {
public:
    virtual ~SampleFigures() = default;
    /// Rows of the sampler's columns, and of the further ones, following those of the last call.
    virtual void add(Matrix<const double> estimates, Matrix<const double> further) = 0;
    /// The file appears, with texts that say where the figures are from.
    virtual void commit(const std::vector<std::pair<std::string, std::string>>& about) = 0;
};

/// further: names of columns behind the bounds. Throws InputError where the name ends neither in .h5 (.hdf5) nor in
/// .csv.
std::unique_ptr<SampleFigures> open_sample_figures(const std::filesystem::path& file, std::uint64_t samples,
                                                   std::span<const std::size_t> levels,
                                                   std::span<const char* const> further);

} // namespace elbo::commands
