// Means and variances that stand beside a dataset in its file, as `elbo convert --stats` keeps them.
#pragma once

#include "data/statistics.hpp"
#include "storage/dataset.hpp"

namespace elbo::data {

/// Of each element of a sample, as stored: /stats/train/x/mean and variance of /train/x; of several files joined.
/// Throws InputError naming file and dataset where they are not there, of another shape or number of rows, or no means
/// and variances at all.
Moments stored_moments(const storage::DatasetInfo& info, storage::Outside outside);

} // namespace elbo::data
