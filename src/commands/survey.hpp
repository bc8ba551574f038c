// Going through a dataset for `elbo inspect`: its statistics, and pictures of its samples.
#pragma once

#include "data/statistics.hpp"
#include "storage/dataset.hpp"

#include <filesystem>
#include <optional>

namespace elbo::commands {

/// The dataset that a header describes.
storage::DatasetReader open_again(const storage::DatasetInfo& info, storage::Outside outside);

/// Statistics of all rows, read in pieces, with progress on a terminal. Nothing where a sample has so many elements
/// that figures of each would take too much memory.
std::optional<data::Statistics> survey(const storage::DatasetInfo& info, storage::Outside outside);

/// A contact sheet of up to 100 samples, evenly over the rows. Throws InputError where they are no images.
void draw_samples(const storage::DatasetReader& reader, const std::filesystem::path& png);

} // namespace elbo::commands
