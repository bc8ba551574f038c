// A trained model and the data that it is asked about, as the commands that draw pictures have them.
#pragma once

#include "commands/commands.hpp"
#include "training/trained.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace elbo::commands {

struct Asked {
    const comm::Communicator& world;
    training::Trained trained;
    comm::Nodes nodes;
    data::Dataset data;
    data::Loader loader;

    /// Passes and loads are of at most max_rows samples. Collective.
    Asked(const comm::Communicator& all, const TrainedOptions& options, std::size_t max_rows);
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

    layers::Values values() const { return trained.values.span(); }
    std::size_t latent() const { return trained.model->latent(); }
    std::size_t dimensions() const { return trained.model->dimensions(); }
    /// Samples as the model sees them, binarised as in validation.
    data::Rows take(data::Range samples);
    /// The same of all ranks' samples, in memory of its own.
    std::vector<float> copy(data::Range samples);
    /// The codes' means of some rows.
    std::vector<float> means(Matrix<const float> x);
    /// E[x | z] of codes, [rows, dimensions].
    std::vector<float> decode(std::span<const float> codes);

    /// Throws InputError where there is no such sample.
    void require_sample(const char* option, std::uint64_t number) const;
    /// The samples from one on: as many as are asked for, or up to `otherwise` of those there are. Throws InputError
    /// where there are fewer than are asked for, or none is.
    data::Range samples(const char* option, std::uint64_t from, const std::optional<std::size_t>& count,
                        std::size_t otherwise) const;
    /// Throws InputError where samples cannot be shown.
    void require_images(const std::string& what) const;

    /// The first two lines of what a command says.
    std::vector<std::string> introduction() const;
    /// "checkpoint" and "data", for files.
    std::vector<std::pair<std::string, std::string>> about() const;
};

} // namespace elbo::commands
