// Codes of samples as a file, in the dataset's order: HDF5, or of their means NumPy's format, by its name. Every rank
// writes the rows that it has made, where it sees the file.
#pragma once

#include "comm/communicator.hpp"
#include "numerics/view.hpp"
#include "storage/row_file.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::commands {

struct CodeOutputOptions {
    std::string name;
    std::uint64_t samples = 0;
    std::size_t latent = 0, draws = 1; ///< draws: of z a sample; 0: none
    std::string_view figure;           ///< a value for each sample besides; "": there is none
    storage::FileTexts texts;          ///< that say where it comes from
};

/// Of some samples, [rows, latent] each but z, [rows, draws * latent], and figure, [rows].
struct CodeRows {
    std::span<const float> mean, log_variance, z;
    std::span<const double> figure;
};

class CodeOutput {
public:
    /// Throws AgreedError where it cannot be written. Collective.
    CodeOutput(const comm::Communicator& world, const CodeOutputOptions& options);

    /// False where some rank, on a host with other disks, does not see the file: rank 0 writes all rows then.
    bool is_shared() const { return shared_; }
    /// Rows from a sample's number on.
    void write(std::uint64_t first, const CodeRows& codes);
    /// The file appears. Collective.
    void commit(const comm::Communicator& world);
    /// What is in it: "/mean (300 x 4), ...".
    std::string contents() const;

private:
    bool is_npy_;
    std::optional<storage::RowFile> file_; ///< rank 0's
    std::vector<storage::RowArray> arrays_;
    std::optional<storage::RowWriter> writer_;
    bool shared_ = false;
};

/// Throws InputError where the name ends in none of .h5 (.hdf5) and .npy.
void require_code_name(const std::string& name);

} // namespace elbo::commands
