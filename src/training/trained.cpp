#include "training/trained.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "numerics/sums.hpp"
#include "storage/checkpoint.hpp"
#include "training/run_folder.hpp"
#include "training/schema.hpp"
#include "training/transforms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <vector>

namespace elbo::training {
namespace {

namespace fs = std::filesystem;

std::string names_of(const std::vector<fs::path>& checkpoints) {
    std::vector<std::string> names;
    for (const fs::path& path : checkpoints) names.push_back(path.stem().string());
    const std::vector<std::string_view> views(names.begin(), names.end());
    return joined(views);
}

fs::path checkpoint_of_step(const RunPaths& paths, const std::string& which) {
    std::uint64_t step = 0;
    const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), step);
    if (error != std::errc() || end != which.data() + which.size())
        reject("--checkpoint {}: expected best, latest or the number of a step", which);
    const std::vector<fs::path> all = list_checkpoints(paths);
    const fs::path wanted = paths.checkpoint(step);
    if (std::ranges::find(all, wanted) == all.end())
        reject("{}: no checkpoint of step {}; there are {}", paths.folder.string(), which, names_of(all));
    return wanted;
}

fs::path checkpoint_of_run(const RunPaths& paths, const std::string& which) {
    if (which != "best" && which != "latest") return checkpoint_of_step(paths, which);
    if (const auto found = which == "best" ? best_checkpoint(paths) : latest_checkpoint(paths)) return *found;
    reject("{}: holds no checkpoint of a run: there is no checkpoints/step-*.h5", paths.folder.string());
}

/// The inverse of describe(Shape).
Shape shape_of(const std::string& text) {
    Shape shape;
    std::istringstream stream(text);
    for (std::string word; stream >> word; stream >> word) {
        std::size_t extent = 0;
        if (std::from_chars(word.data(), word.data() + word.size(), extent).ec != std::errc()) return {};
        shape.push_back(extent);
    }
    return shape;
}

/// What rank 0 tells the others of a checkpoint's text.
struct Told {
    std::string path, configuration, shape, state, means, variances;
};

std::string bytes_of(const storage::CheckpointText& text, const char* series) {
    const auto found = text.series.find(series);
    if (found == text.series.end()) return {};
    return {reinterpret_cast<const char*>(found->second.data()), found->second.size() * sizeof(double)};
}

std::vector<double> numbers_of(const std::string& bytes) {
    std::vector<double> numbers(bytes.size() / sizeof(double));
    std::copy_n(bytes.data(), numbers.size() * sizeof(double), reinterpret_cast<char*>(numbers.data()));
    return numbers;
}

/// Nothing where the checkpoint holds none.
std::optional<data::Moments> figures_of(const Told& told) {
    data::Moments figures{numbers_of(told.means), numbers_of(told.variances)};
    if (figures.mean.empty() && figures.variance.empty()) return {};
    const auto fine = [](double number) { return std::isfinite(number); };
    if (figures.mean.size() != figures.variance.size() || !std::ranges::all_of(figures.mean, fine) ||
        !std::ranges::all_of(figures.variance, [](double number) { return std::isfinite(number) && number >= 0; }))
        reject("{}: /state/{} and {} are no means and variances of the same elements", told.path, figures_mean_name,
               figures_variance_name);
    return figures;
}

/// The shape that the model saw; of older checkpoints, which do not tell, that of the data.
Shape sample_shape_of(const Told& told, const config::Config& config) {
    const Shape shape = shape_of(told.shape);
    return shape.empty() ? transformed(config.data, train_header(config.data).sample_shape()) : shape;
}

void read_values(const storage::CheckpointReader& reader, const layers::ParameterTable& table, std::span<float> values,
                 const fs::path& file) {
    std::vector<storage::NamedArray<float>> arrays;
    for (const layers::Parameter& parameter : table.all())
        arrays.push_back(
            {"/parameters/" + parameter.path, parameter.shape, values.subspan(parameter.offset, parameter.size)});
    reader.read(arrays);
    for (const auto& array : arrays)
        if (!all_finite(array.values))
            reject("{}: {} holds infinite or NaN values; take an earlier checkpoint", file.string(), array.path);
}

Told tell(const comm::Communicator& world, const storage::CheckpointReader* reader, const fs::path& path) {
    Told told;
    State state;
    world.on_first([&] {
        const auto shape = reader->text().about.find("sample_shape");
        state = from_attributes(*reader);
        told = {path.string(),
                reader->text().configuration,
                shape == reader->text().about.end() ? "" : shape->second,
                std::string(reinterpret_cast<const char*>(&state), sizeof state),
                bytes_of(reader->text(), figures_mean_name),
                bytes_of(reader->text(), figures_variance_name)};
    });
    for (std::string* text : {&told.path, &told.configuration, &told.shape, &told.state, &told.means, &told.variances})
        *text = world.broadcast(*text);
    return told;
}

void require_taken(const Trained& trained, const data::Dataset& dataset) {
    if (dataset.sample_shape() != trained.sample_shape)
        reject("{}: samples of {}, but {} was trained on samples of {}; name other data", dataset.name(),
               elbo::describe(dataset.sample_shape()), trained.checkpoint.string(),
               elbo::describe(trained.sample_shape));
    refuse_outside(dataset, trained.model->support(), trained.config);
}

} // namespace

fs::path find_checkpoint(const std::string& run, const std::string& which) {
    std::error_code error;
    const fs::file_status status = fs::status(run, error);
    if (!fs::exists(status))
        reject("{}: no such run or checkpoint{}", run,
               status.type() == fs::file_type::not_found ? "" : ": " + error.message());
    if (fs::is_directory(status)) return checkpoint_of_run(RunPaths{run}, which);
    if (which != "best") reject("{}: is a file; --checkpoint {} needs a run's folder", run, which);
    return run;
}

layers::Values Trained::fixed_values() const {
    layers::Values fixed(values.span());
    fixed.edition = 1;
    return fixed;
}

Trained open_trained(const comm::Communicator& world, const std::string& run, const std::string& which,
                     std::size_t max_rows) {
    Trained trained;
    std::unique_ptr<storage::CheckpointReader> reader;
    world.on_first([&] {
        trained.checkpoint = find_checkpoint(run, which);
        reader = std::make_unique<storage::CheckpointReader>(trained.checkpoint);
    });
    const Told told = tell(world, reader.get(), trained.checkpoint);
    world.together([&] {
        trained.checkpoint = told.path;
        std::copy(told.state.begin(), told.state.end(), reinterpret_cast<char*>(&trained.state));
        trained.config = config::parse({told.path, told.configuration}, {}, schema());
        set_up_numerics(trained.config);
        trained.figures = figures_of(told);
        trained.sample_shape = sample_shape_of(told, trained.config);
        trained.model = std::make_unique<model::Vae>(trained.config.model, trained.sample_shape, max_rows);
        trained.model->allocate();
        trained.values = AlignedFloats(trained.model->parameters().size());
    });
    world.on_first(
        [&] { read_values(*reader, trained.model->parameters(), trained.values.span(), trained.checkpoint); });
    world.broadcast(trained.values.span());
    return trained;
}

data::Dataset read_data(const comm::Nodes& nodes, const Trained& trained, const std::string& text,
                        const ReadingProgress& progress) {
    data::Dataset dataset = read_dataset(nodes, trained.config, text, trained.figures, progress);
    nodes.world().together([&] { require_taken(trained, dataset); });
    return dataset;
}

data::Dataset read_data(const comm::Nodes& nodes, const Trained& trained, const std::vector<std::string>& texts,
                        std::string_view preferred, const ReadingProgress& progress) {
    config::Config config = trained.config; // of a training that validates with these
    config.data.validation_fraction.reset();
    config.data.validation.clear();
    nodes.world().together([&] {
        const auto outside = config.data.allow_external ? storage::Outside::allowed : storage::Outside::refused;
        for (const storage::Location& location : storage::locate(texts, preferred, outside))
            config.data.validation.push_back(fmt::format("{}:{}", location.file.string(), location.dataset));
    });
    data::Dataset dataset = read_dataset(nodes, config, "", trained.figures, progress);
    nodes.world().together([&] { require_taken(trained, dataset); });
    return dataset;
}

std::string describe(const Trained& trained) {
    const State& state = trained.state;
    if (state.position > 0) return fmt::format("{}, within epoch {}", trained.checkpoint.string(), state.epoch + 1);
    return fmt::format("{}, after epoch {}", trained.checkpoint.string(), state.epoch);
}

} // namespace elbo::training
