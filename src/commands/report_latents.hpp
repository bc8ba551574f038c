// What a run's latents.h5 tells of its codes, with their principal components.
#pragma once

#include "report/run_record.hpp"

#include <filesystem>
#include <vector>

namespace elbo::commands {

struct RunLatents {
    report::Latents latents;
    std::vector<float> first_mean; ///< of the first sample
};

/// Nothing where there is no such file. Throws InputError where it is damaged or not of elbo's making.
RunLatents read_latents(const std::filesystem::path& file);

} // namespace elbo::commands
