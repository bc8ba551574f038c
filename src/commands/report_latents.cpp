#include "commands/report_latents.hpp"

#include "base/error.hpp"
#include "classical/pca.hpp"
#include "storage/attributes.hpp"
#include "storage/dataset.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::commands {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_samples = 100000, most_latent = 65536, most_columns = 64;
constexpr std::size_t most_features = 2048; ///< that components are found of: the work grows with their cube

/// A dataset of finite numbers, at most so many rows of at most so many values.
template <class T>
std::vector<T> read_numbers(const fs::path& file, const std::string& name, storage::ElementType type,
                            std::size_t most_rows, std::size_t most_values, Shape& shape) {
    const storage::DatasetReader reader(file, name);
    shape = reader.info().shape;
    const std::size_t rows = shape.at(0), values = elements(reader.info().sample_shape());
    if (reader.info().type != type || rows == 0 || rows > most_rows || values > most_values)
        reject("{}: {} is {} of {}, which is none of elbo's making", file.string(), name, describe(shape),
               storage::name_of(reader.info().type));
    std::vector<T> numbers(rows * values);
    reader.read_rows(0, rows, std::as_writable_bytes(std::span(numbers)));
    if (!std::ranges::all_of(numbers, [](T number) { return std::isfinite(number); }))
        reject("{}: {} holds infinite or NaN values", file.string(), name);
    return numbers;
}

std::string attribute(const fs::path& file, const char* object, const char* name) {
    return storage::text_attribute(file, object, name).value_or("");
}

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(", ", begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end + 2;
    }
    return words;
}

void read_labels(const fs::path& file, std::size_t samples, report::Latents& latents) {
    const std::vector<storage::DatasetInfo> all = storage::list_datasets(file);
    if (std::ranges::find(all, "/label", &storage::DatasetInfo::name) == all.end()) return;
    Shape shape;
    const auto values =
        read_numbers<double>(file, "/label", storage::ElementType::f64, most_samples, most_columns, shape);
    const std::size_t columns = values.size() / shape.at(0);
    if (shape.at(0) != samples) reject("{}: /label has {} rows, /mean {}", file.string(), shape.at(0), samples);
    latents.columns = words_of(attribute(file, "/label", "columns"));
    latents.columns.resize(columns);
    latents.meaning = attribute(file, "/label", "names");
    for (std::size_t c = 0; c < columns; ++c) {
        std::vector<double> column;
        for (std::size_t i = 0; i < samples; ++i) column.push_back(values[i * columns + c]);
        latents.labels.push_back(std::move(column));
    }
}

void find_components(Matrix<const float> means, report::Latents& latents) {
    if (means.columns() > most_features || means.rows() < 2) return;
    const comm::Communicator alone;
    const classical::Pca pca = classical::principal_components(classical::covariance_of(alone, means), 2);
    std::vector<float> room(means.rows() * pca.size());
    const Matrix<float> projected(room.data(), means.rows(), pca.size());
    pca.project(means, projected);
    for (std::size_t i = 0; i < means.rows(); ++i) {
        latents.across.push_back(projected(i, 0));
        latents.up.push_back(pca.size() > 1 ? projected(i, 1) : 0);
    }
    if (pca.total_variance > 0)
        for (const double variance : pca.variances) latents.explained.push_back(variance / pca.total_variance);
}

} // namespace

RunLatents read_latents(const fs::path& file) {
    RunLatents read;
    std::error_code error;
    if (!fs::exists(file, error)) return read;
    Shape shape, of_kl, of_variance;
    const auto means = read_numbers<float>(file, "/mean", storage::ElementType::f32, most_samples, most_latent, shape);
    const std::size_t samples = shape.at(0), latent = means.size() / samples;
    report::Latents& latents = read.latents;
    latents.kl = read_numbers<double>(file, "/kl", storage::ElementType::f64, most_latent, 1, of_kl);
    latents.variance = read_numbers<double>(file, "/variance", storage::ElementType::f64, most_latent, 1, of_variance);
    if (latents.kl.size() != latent || latents.variance.size() != latent)
        reject("{}: /mean has {} dimensions, /kl {} and /variance {}", file.string(), latent, latents.kl.size(),
               latents.variance.size());
    latents.epoch = attribute(file, "/", "epoch");
    latents.step = attribute(file, "/", "step");
    latents.samples = attribute(file, "/", "samples");
    read_labels(file, samples, latents);
    find_components({means.data(), samples, latent}, latents);
    read.first_mean.assign(means.begin(), means.begin() + static_cast<std::ptrdiff_t>(latent));
    return read;
}

} // namespace elbo::commands
