// `elbo export`: a trained model for other programs.
#include "base/text.hpp"
#include "base/version.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/output_file.hpp"
#include "storage/files.hpp"
#include "training/trained.hpp"

#ifdef ELBO_HAS_ONNX
#include "onnx/files.hpp"
#endif

#include <fmt/format.h>

#include <filesystem>

namespace elbo::commands {

#ifdef ELBO_HAS_ONNX

namespace {

namespace fs = std::filesystem;

/// What a sample goes through before the model sees it, which the files do not do.
std::string scale_of(const config::Data& data) {
    if (data.scale) return fmt::format("stored values times {}", *data.scale);
    return "stored integers divided by the greatest of their type (uint8: 255), floats as they are";
}

std::string transform_of(const config::Data& data) {
    std::string names;
    for (const config::Settings& step : data.transform) names += (names.empty() ? "" : ", ") + step.kind;
    return names.empty() ? "none" : names;
}

onnx::Notes notes_of(const training::Trained& trained) {
    const config::Config& config = trained.config;
    return {{"elbo", version},
            {"step", fmt::format("{}", trained.state.step)},
            {"epoch", fmt::format("{}", trained.state.epoch)},
            {"sample",
             fmt::format("{} (as the data is stored: height, width, channels)", elbo::describe(trained.sample_shape))},
            {"latent", fmt::format("{}", trained.model->latent())},
            {"likelihood", config.model.likelihood.kind},
            {"data.scale", scale_of(config.data)},
            {"data.transform", transform_of(config.data)},
            {"data.binarize", config.data.binarize},
            {"configuration", config.resolved}};
}

void write(const fs::path& file, const std::string& bytes, bool force) {
    std::error_code error;
    if (!force && fs::exists(file, error)) reject("{}: exists; --force replaces it", file.string());
    storage::write_whole(file, bytes);
}

void write_files(const training::Trained& trained, const ExportOptions& options) {
    const onnx::Files files = onnx::files_of(*trained.model, trained.values.span(), notes_of(trained));
    const fs::path folder = options.output;
    storage::make_folders(folder);
    fmt::print("model   {}\n", training::describe(trained));
    for (const auto& [name, bytes] : {std::pair{"encoder.onnx", &files.encoder}, {"decoder.onnx", &files.decoder}}) {
        write(folder / name, *bytes, options.force);
        fmt::print("wrote   {}, {}\n", (folder / name).string(), human_bytes(static_cast<double>(bytes->size())));
    }
}

/// Before anything is read.
void refuse_existing(const ExportOptions& options) {
    std::error_code error;
    const fs::path folder = options.output;
    if (fs::exists(folder, error) && !fs::is_directory(folder, error))
        reject("{}: is no folder; encoder.onnx and decoder.onnx are written to one", folder.string());
    for (const char* name : {"encoder.onnx", "decoder.onnx"}) {
        if (!options.force && fs::exists(folder / name, error))
            reject("{}: exists; --force replaces it", (folder / name).string());
        if (fs::exists(folder / name, error)) require_output({"-o", folder / name, Existing::replaced});
    }
}

} // namespace

Exit export_model(const ExportOptions& options) {
    if (options.format != "onnx") reject("--format {}: expected onnx", options.format);
    return on_ranks([&](const comm::Communicator& world) {
        world.on_first([&] { refuse_existing(options); });
        const training::Trained trained = training::open_trained(world, options.run, options.checkpoint, 1);
        world.on_first([&] { write_files(trained, options); });
        return Exit::done;
    });
}

#else

Exit export_model(const ExportOptions&) {
    reject("this elbo was built without libonnx: install libonnx-dev (Debian, Ubuntu), or name its folder in "
           "CMAKE_PREFIX_PATH, and build elbo again");
}

#endif

} // namespace elbo::commands
