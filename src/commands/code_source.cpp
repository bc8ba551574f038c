#include "commands/code_source.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "classical/mixture_fit.hpp"
#include "comm/pieces.hpp"
#include "data/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

namespace elbo::commands {
namespace {

/// Posterior means that a mixture is fitted to at most, in whole blocks evenly over the data.
constexpr std::uint64_t most_fitted_blocks = 512;

/// The noise of codes that are handed out; a mixture's own stands in two epochs of a stream of its own.
constexpr std::uint32_t fit_epoch = 0, sample_epoch = 1;

/// K of "mixture:K".
std::size_t components_of(const std::string& from) {
    const std::string_view text = std::string_view(from).substr(std::string_view("mixture:").size());
    std::size_t components = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), components);
    if (error != std::errc() || end != text.data() + text.size() || components == 0)
        reject("--from {}: expected a number of components from 1 on, as in mixture:10", from);
    return components;
}

class PriorCodes final : public CodeSource {
public:
    explicit PriorCodes(const CodeOptions& options) : options_(options) {}

    void draw(std::uint64_t first, Matrix<float> z) override {
        const auto temperature = static_cast<float>(options_.temperature);
        for (std::size_t i = 0; i < z.rows(); ++i) {
            fill_normal({options_.seed, Purpose::codes, 0}, first + i, 0, z.row(i));
            for (float& value : z.row(i)) value *= temperature;
        }
    }

private:
    CodeOptions options_;
};

/// The data, and the encoder's passes over it.
class Posteriors {
public:
    Posteriors(AskedModel& asked, const std::string& data)
        : asked_(asked),
          data_(training::read_data(asked.nodes, asked.trained, data)),
          loader_(data_, asked.binarize(), pass_rows),
          mean_(pass_rows * asked.latent()),
          log_variance_(mean_.size()) {}

    const data::Dataset& data() const { return data_; }

    /// At most pass_rows samples, whose numbers this returns.
    std::span<const std::uint64_t> encode(data::Range samples) {
        const data::Rows rows = loader_.take(samples, {asked_.seed(), Purpose::validation_binarize, 0});
        const std::size_t latent = asked_.latent();
        rows_ = rows.samples.size();
        asked_.model().encode(asked_.values(), rows.x.first_rows(rows_), {mean_.data(), rows_, latent},
                              {log_variance_.data(), rows_, latent});
        return rows.samples;
    }
    /// Of the samples last encoded.
    Matrix<const float> mean() const { return {mean_.data(), rows_, asked_.latent()}; }
    Matrix<const float> log_variance() const { return {log_variance_.data(), rows_, asked_.latent()}; }

private:
    AskedModel& asked_;
    data::Dataset data_;
    data::Loader loader_;
    std::size_t rows_ = 0;
    std::vector<float> mean_, log_variance_;
};

/// Code i is of sample i, and where there are more codes than samples, these come again with other noise.
class PosteriorCodes final : public CodeSource {
public:
    PosteriorCodes(AskedModel& asked, const CodeOptions& options)
        : options_(options), posteriors_(asked, options.data) {}

    void prepare(report::Terminal& terminal) override {
        terminal.line(
            fmt::format("data    {}, {} samples", posteriors_.data().name(), with_commas(posteriors_.data().size())));
    }

    void draw(std::uint64_t first, Matrix<float> z) override {
        const std::uint64_t samples = posteriors_.data().size();
        for (std::size_t begin = 0; begin < z.rows();) {
            const std::uint64_t round = (first + begin) / samples, sample = (first + begin) % samples;
            const std::size_t count = std::min<std::uint64_t>(z.rows() - begin, samples - sample);
            draw_some({sample, sample + count}, static_cast<std::uint32_t>(round), z.some_rows(begin, count));
            begin += count;
        }
    }

private:
    void draw_some(data::Range samples, std::uint32_t round, Matrix<float> z) {
        fill_normal_rows({options_.seed, Purpose::codes, 0}, posteriors_.encode(samples), round, z);
        for (std::size_t i = 0; i < z.rows(); ++i)
            for (std::size_t d = 0; d < z.columns(); ++d) {
                const double deviation = std::exp(0.5 * posteriors_.log_variance()(i, d));
                z(i, d) = static_cast<float>(posteriors_.mean()(i, d) + options_.temperature * deviation * z(i, d));
            }
    }

    CodeOptions options_;
    Posteriors posteriors_;
};

class MixtureCodes final : public CodeSource {
public:
    MixtureCodes(AskedModel& asked, const CodeOptions& options)
        : options_(options),
          world_(asked.world),
          latent_(asked.latent()),
          posteriors_(std::make_unique<Posteriors>(asked, options.data)) {}

    void prepare(report::Terminal& terminal) override {
        const std::vector<float> means = gather(terminal);
        classical::MixtureParameters parameters;
        world_.on_first([&] {
            const Matrix<const float> points(means.data(), means.size() / latent_, latent_);
            terminal.line(
                fmt::format("data    {}, {} posterior means", posteriors_->data().name(), with_commas(points.rows())));
            parameters = fit(points, terminal);
        });
        mixture_.emplace(handed_on(std::move(parameters)));
        posteriors_.reset();
    }

    void draw(std::uint64_t first, Matrix<float> z) override {
        for (std::size_t i = 0; i < z.rows(); ++i)
            mixture_->sample({options_.seed, Purpose::mixture, sample_epoch}, first + i, options_.temperature,
                             z.row(i));
    }

private:
    /// Rank 0's: posterior means of the data, in its order.
    std::vector<float> gather(report::Terminal& terminal) {
        const std::uint64_t samples = posteriors_->data().size();
        const std::uint64_t blocks = data::batches_from(0, samples, pass_rows);
        const std::uint64_t used = std::min(blocks, most_fitted_blocks);
        std::vector<float> means;
        comm::in_order(
            world_, used, comm::Makers::all,
            [&](std::size_t piece, std::vector<std::byte>& bytes) {
                posteriors_->encode(data::batch_at(piece * blocks / used * pass_rows, samples, pass_rows));
                const Matrix<const float> mean = posteriors_->mean();
                const auto some = std::as_bytes(std::span(mean.data(), mean.rows() * mean.columns()));
                bytes.assign(some.begin(), some.end());
            },
            [&](std::size_t piece, std::span<const std::byte> bytes) {
                const std::size_t before = means.size();
                means.resize(before + bytes.size() / sizeof(float));
                std::memcpy(means.data() + before, bytes.data(), bytes.size());
                if (terminal.wants_live())
                    terminal.live({"encoding", static_cast<double>(piece + 1) / static_cast<double>(used)});
            });
        return means;
    }

    classical::MixtureParameters fit(Matrix<const float> points, report::Terminal& terminal) const {
        classical::MixtureOptions how;
        how.components = components_of(options_.from);
        const classical::MixtureFit found =
            classical::fit_mixture(points, how, {options_.seed, Purpose::mixture, fit_epoch},
                                   [&](std::size_t iteration, double log_likelihood) {
                                       if (!terminal.wants_live()) return;
                                       const auto of = static_cast<double>(how.most_iterations);
                                       terminal.live({"fitting", static_cast<double>(iteration) / of,
                                                      fmt::format("log p(z) {:.4f}", log_likelihood)});
                                   });
        terminal.line(fmt::format("mixture {} components, mean log p(z) {:.3f} nats after {} iterations{}",
                                  how.components, found.log_likelihoods.back(), found.log_likelihoods.size() - 1,
                                  found.converged ? "" : ", still rising"));
        return found.mixture.parameters();
    }

    /// Rank 0's parameters for everybody.
    classical::MixtureParameters handed_on(classical::MixtureParameters parameters) const {
        for (std::vector<double>* values : {&parameters.weights, &parameters.means, &parameters.covariances}) {
            const std::string text = world_.broadcast(
                std::string(reinterpret_cast<const char*>(values->data()), values->size() * sizeof(double)));
            values->resize(text.size() / sizeof(double));
            std::memcpy(values->data(), text.data(), text.size());
        }
        parameters.dimensions = parameters.means.size() / parameters.weights.size();
        return parameters;
    }

    CodeOptions options_;
    const comm::Communicator& world_;
    std::size_t latent_;
    std::unique_ptr<Posteriors> posteriors_; ///< until the mixture is fitted
    std::optional<classical::GaussianMixture> mixture_;
};

bool is_mixture(const std::string& from) { return from.starts_with("mixture:"); }

} // namespace

void require_code_source(const CodeOptions& options) {
    if (is_mixture(options.from))
        components_of(options.from);
    else if (options.from != "prior" && options.from != "posterior")
        reject("--from {}: expected prior, posterior or mixture:K with a number K of components", options.from);
    if (options.from == "prior" && !options.data.empty())
        reject("--data {}: codes from the prior need no data; did you mean --from posterior?", options.data);
    if (!(options.temperature >= 0) || !std::isfinite(options.temperature))
        reject("--temperature {}: expected a number from 0 on", options.temperature);
}

std::unique_ptr<CodeSource> open_code_source(AskedModel& asked, const CodeOptions& options) {
    if (options.from == "prior") return std::make_unique<PriorCodes>(options);
    if (options.from == "posterior") return std::make_unique<PosteriorCodes>(asked, options);
    return std::make_unique<MixtureCodes>(asked, options);
}

} // namespace elbo::commands
