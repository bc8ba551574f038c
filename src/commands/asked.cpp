#include "commands/asked.hpp"

#include "base/text.hpp"
#include "images/picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace elbo::commands {
namespace {

training::Trained open_for(const comm::Communicator& all, const TrainedOptions& options, const CommandFiles& files,
                           std::size_t max_rows) {
    all.on_first([&] {
        files.require();
        files.refuse_run(options.run);
        files.refuse_sources(std::span(&options.data, 1));
    });
    training::Trained trained = training::open_trained(all, options.run, options.checkpoint, max_rows);
    const config::Data& data = trained.config.data;
    all.on_first([&] {
        for (const auto* texts : {&data.train, &data.validation, &data.labels}) files.refuse_sources(*texts);
    });
    return trained;
}

} // namespace

AskedModel::AskedModel(const comm::Communicator& all, const TrainedOptions& options, const CommandFiles& files,
                       std::size_t max_rows)
    : world(all), trained(open_for(all, options, files, max_rows)), nodes(all, trained.config.communication.shared) {}

std::vector<float> AskedModel::means(Matrix<const float> x) {
    std::vector<float> mean(x.rows() * latent()), log_variance(mean.size());
    trained.model->encode(values(), x, {mean.data(), x.rows(), latent()}, {log_variance.data(), x.rows(), latent()});
    return mean;
}

std::vector<float> AskedModel::decode(std::span<const float> codes) {
    const std::size_t rows = codes.size() / latent();
    std::vector<float> out(rows * dimensions());
    trained.model->decode(values(), {codes.data(), rows, latent()}, {out.data(), rows, dimensions()});
    return out;
}

void AskedModel::require_images(const std::string& what) const {
    if (!images::is_image(trained.sample_shape))
        reject("{}: {} was trained on samples of {}, which are no images", what, trained.checkpoint.string(),
               elbo::describe(trained.sample_shape));
}

Asked::Asked(const comm::Communicator& all, const TrainedOptions& options, const CommandFiles& files,
             std::size_t max_rows)
    : AskedModel(all, options, files, max_rows),
      data(training::read_data(nodes, trained, options.data)),
      loader(data, binarize(), max_rows) {}

data::Rows Asked::take(data::Range samples) { return loader.take(samples, {seed(), Purpose::validation_binarize, 0}); }

std::vector<float> Asked::copy(data::Range samples) {
    const Matrix<const float> x = take(samples).x;
    std::vector<float> values;
    for (std::size_t i = 0; i < samples.size(); ++i) values.insert(values.end(), x.row(i).begin(), x.row(i).end());
    return values;
}

void Asked::require_sample(const char* option, std::uint64_t number) const {
    if (number >= data.size())
        reject("{} {}: {} has {} samples, 0 to {}", option, number, data.name(), with_commas(data.size()),
               data.size() - 1);
}

data::Range Asked::samples(const char* option, std::uint64_t from, const std::optional<std::size_t>& count,
                           std::size_t otherwise) const {
    require_sample("--from", from);
    const std::uint64_t left = data.size() - from;
    if (count && (*count == 0 || *count > left))
        reject("{} {}: expected a number from 1 to {}, the samples of {} from {} on", option, *count, left, data.name(),
               from);
    return {from, from + (count ? *count : std::min<std::uint64_t>(otherwise, left))};
}

std::vector<std::string> Asked::introduction() const {
    return {fmt::format("model   {}", training::describe(trained)),
            fmt::format("data    {}, {} samples", data.name(), with_commas(data.size()))};
}

std::vector<std::pair<std::string, std::string>> Asked::about() const {
    return {{"checkpoint", trained.checkpoint.string()}, {"data", data.name()}};
}

} // namespace elbo::commands
