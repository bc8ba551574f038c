// Codes of samples as a file, in the dataset's order: HDF5, or of their means NumPy's format, by its name.
#pragma once

#include "numerics/view.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace elbo::commands {

struct CodeOutputOptions {
    std::string name;
    bool replace = false;
    std::uint64_t samples = 0;
    std::size_t latent = 0, draws = 1; ///< draws: of z a sample; 0: none
    std::string_view figure;           ///< a value for each sample besides; "": there is none
};

/// Of some samples, [rows, latent] each but z, [rows, draws * latent], and figure, [rows].
struct CodeRows {
    std::span<const float> mean, log_variance, z;
    std::span<const double> figure;
};

class CodeOutput {
public:
    virtual ~CodeOutput() = default;
    /// Rows that follow those of the last call.
    virtual void add(std::size_t rows, const CodeRows& codes) = 0;
    /// The file appears, with texts that say where it comes from. Returns what is in it.
    virtual std::string commit(const std::vector<std::pair<std::string, std::string>>& about) = 0;
};

/// Throws InputError where the name ends in none of .h5 (.hdf5) and .npy.
void require_code_name(const std::string& name);

/// Throws InputError where the file exists and is not to be replaced, or its folder does not.
std::unique_ptr<CodeOutput> open_code_output(const CodeOutputOptions& options);

} // namespace elbo::commands
