// `elbo probe --features`: Frechet distances between Gaussians of features in a small classifier's hidden units.
#include "base/text.hpp"
#include "classical/frechet.hpp"
#include "classical/perceptron.hpp"
#include "commands/probing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

namespace elbo::commands {
namespace {

using classical::Covariance;

constexpr auto prior_draws = Purpose::feature_samples;

class FeatureProbe {
public:
    FeatureProbe(const Probing& probing, const Classes& classes) : probing_(probing), classes_(classes) {}

    void run() {
        // Grey values where the model sees them binarised: its means are grey too.
        const bool binarised = probing_.asked.binarize() != data::Binarize::none;
        std::optional<Features> own;
        if (binarised) own.emplace(grey_samples());
        const Features& grey = own ? *own : probing_.pixels;
        train(grey);
        const auto of_rows = [](const SharedRows& rows) {
            return [&rows](data::Range range, std::vector<float>&) {
                return rows.matrix().some_rows(range.begin, range.size());
            };
        };
        const std::size_t held_out = grey.held_out.matrix().rows(), fit = grey.fit.matrix().rows();
        const Covariance truth = moments(held_out, of_rows(grey.held_out));
        tell(fmt::format("\n{:<44}{:>12}", fmt::format("distance of features, {} a sample", model_.hidden), "squared"));
        row("fit", "samples fitted to", truth, moments(fit, of_rows(grey.fit)));
        row("reconstructions", "reconstructions of those held out", truth,
            moments(held_out,
                    [&](data::Range range, std::vector<float>& room) { return reconstructions(range, room); }));
        row("prior", "means of as many draws from the prior", truth,
            moments(held_out, [&](data::Range range, std::vector<float>& room) { return draws(range, room); }));
        tell_definitions(held_out);
    }

private:
    void tell(const std::string& text) const { probing_.terminal.line(text); }

    Features grey_samples() const {
        const training::ProbeData& data = probing_.data;
        const std::size_t columns = probing_.pixels.fit.columns();
        Features grey{"grey samples", SharedRows(probing_.asked.nodes, data.fit.rows.size(), columns, "grey samples"),
                      SharedRows(probing_.asked.nodes, data.held_out.rows.size(), columns, "grey samples")};
        load_samples(data.fit, data::Binarize::none, 0, grey.fit);
        load_samples(data.held_out, data::Binarize::none, 0, grey.held_out);
        return grey;
    }

    void train(const Features& grey) {
        classical::PerceptronOptions options;
        options.stop.each = [&](std::size_t iterations, double value) {
            probing_.terminal.live({"features' classifier",
                                    static_cast<double>(iterations) / static_cast<double>(options.stop.iterations),
                                    fmt::format("{:.4f}", value), 0, 0});
        };
        model_ = classical::fit_perceptron(probing_.world(), {grey.fit.matrix(), classes_.fit}, classes_.values.size(),
                                           options);
        const std::vector<std::uint32_t> found = model_.classify(grey.held_out.matrix());
        const auto right = std::inner_product(found.begin(), found.end(), classes_.held_out.begin(), std::size_t{0},
                                              std::plus{}, std::equal_to{});
        accuracy_ = static_cast<double>(right) / static_cast<double>(found.size());
        probing_.fields.emplace_back("features.accuracy", accuracy_);
    }

    /// Of the features of so many rows; make(range, room) gives some of them.
    template <class Make>
    Covariance moments(std::size_t rows, const Make& make) const {
        SharedRows features(probing_.asked.nodes, rows, model_.hidden, "features");
        std::vector<float> room(pass_rows * probing_.pixels.fit.columns());
        features.fill([&](data::Range range, Matrix<float> block) { model_.features(make(range, room), block); });
        return classical::covariance_of(probing_.world(), features.matrix());
    }

    Matrix<const float> reconstructions(data::Range range, std::vector<float>& room) const {
        const Matrix<const float> x = probing_.pixels.held_out.matrix().some_rows(range.begin, range.size());
        const Matrix<float> out(room.data(), x.rows(), x.columns());
        probing_.asked.model().reconstruct(probing_.asked.values(), x, out);
        return out;
    }

    Matrix<const float> draws(data::Range range, std::vector<float>& room) const {
        AskedModel& asked = probing_.asked;
        std::vector<std::uint64_t> numbers(range.size());
        std::iota(numbers.begin(), numbers.end(), range.begin);
        std::vector<float> codes(range.size() * asked.latent());
        const Matrix<float> z(codes.data(), range.size(), asked.latent());
        fill_normal_rows({asked.seed(), prior_draws, 0}, numbers, 0, z);
        const Matrix<float> out(room.data(), range.size(), probing_.pixels.fit.columns());
        asked.model().decode(asked.values(), z, out);
        return out;
    }

    void row(const std::string& field, const std::string& name, const Covariance& truth,
             const Covariance& other) const {
        const double distance = classical::frechet_distance(truth, other);
        tell(fmt::format("  {:<42}{:>12.4f}", name, distance));
        probing_.fields.emplace_back("features.distance." + field, distance);
    }

    void tell_definitions(std::size_t held_out) const {
        tell("\n" +
             wrapped(fmt::format("- Frechet distances to the samples held out, between Gaussians of the {} hidden "
                                 "units (tanh) of a classifier trained here on the labels, {:.1f} % right: to be "
                                 "compared with those of other models of the same dataset and division alone. "
                                 "That of the samples fitted to is what equal distributions come to.",
                                 model_.hidden, 100 * accuracy_),
                     2));
        if (held_out < 10 * model_.hidden)
            tell(wrapped(fmt::format("- {} samples are few for covariances of {} features: distances are too large.",
                                     with_commas(held_out), model_.hidden),
                         2));
    }

    const Probing& probing_;
    const Classes& classes_;
    classical::Perceptron model_;
    double accuracy_ = 0;
};

} // namespace

void probe_features(const Probing& probing, const Classes& classes) { FeatureProbe(probing, classes).run(); }

} // namespace elbo::commands
