// A trained model and the data that it is asked about, as all commands have them that ask one.
#pragma once

#include "commands/commands.hpp"
#include "commands/output_file.hpp"
#include "training/trained.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace elbo::commands {

/// Rows of a pass: the same whoever makes it, so that ranks do not show in the bits.
inline constexpr std::size_t pass_rows = 256;

struct AskedModel {
    const comm::Communicator& world;
    training::Trained trained;
    comm::Nodes nodes;

    /// Throws AgreedError where a file that is to be written cannot be, or is one that the command or the run reads,
    /// before the model is read. Passes are of at most max_rows samples. Collective.
    AskedModel(const comm::Communicator& all, const TrainedOptions& options, const CommandFiles& files,
               std::size_t max_rows = pass_rows);
    AskedModel(const AskedModel&) = delete;
    AskedModel& operator=(const AskedModel&) = delete;

    model::Vae& model() { return *trained.model; }
    layers::Values values() const { return trained.fixed_values(); }
    std::size_t latent() const { return trained.model->latent(); }
    std::size_t dimensions() const { return trained.model->dimensions(); }
    data::Binarize binarize() const { return training::binarize_of(trained.config.data); }
    std::uint32_t seed() const { return trained.config.seed; }
    /// The codes' means of some rows.
    std::vector<float> means(Matrix<const float> x);
    /// E[x | z] of codes, [rows, dimensions].
    std::vector<float> decode(std::span<const float> codes);

    /// Throws InputError where samples cannot be shown.
    void require_images(const std::string& what) const;
};

struct Asked : AskedModel {
    data::Dataset data;
    data::Loader loader;

    /// As AskedModel; loads are of at most max_rows samples too. Collective.
    Asked(const comm::Communicator& all, const TrainedOptions& options, const CommandFiles& files,
          std::size_t max_rows = pass_rows);

    /// Samples as the model sees them, binarised as in validation.
    data::Rows take(data::Range samples);
    /// The same of all ranks' samples, in memory of its own.
    std::vector<float> copy(data::Range samples);

    /// Throws InputError where there is no such sample.
    void require_sample(const char* option, std::uint64_t number) const;
    /// The samples from one on: as many as are asked for, or up to `otherwise` of those there are. Throws InputError
    /// where there are fewer than are asked for, or none is.
    data::Range samples(const char* option, std::uint64_t from, const std::optional<std::size_t>& count,
                        std::size_t otherwise) const;

    /// The first two lines of what a command says.
    std::vector<std::string> introduction() const;
    /// "checkpoint" and "data", for files.
    std::vector<std::pair<std::string, std::string>> about() const;
};

} // namespace elbo::commands
