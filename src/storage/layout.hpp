// What the layout of a dataset in its file means for reading its samples.
#pragma once

#include "storage/dataset.hpp"

#include <string>

namespace elbo::storage {

struct LayoutVerdict {
    std::string meaning;  ///< "a chunk holds 1,337 samples, whole ones"
    bool costly = false;  ///< so much that converting the file pays
    std::string advice{}; ///< what to do about it; empty where nothing need be done
};

/// Judges by what a sample costs that is read alone, and what all of them cost in the file's order. A dataset of less
/// than 16 MiB is costly in no layout: it is read once, in a moment.
LayoutVerdict judge_layout(const DatasetInfo& info);

} // namespace elbo::storage
