// `elbo probe` where labels are classes: how well simple classifiers tell them apart on samples held out.
#include "base/text.hpp"
#include "classical/logistic.hpp"
#include "classical/neighbours.hpp"
#include "classical/ppca.hpp"
#include "commands/probing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>

namespace elbo::commands {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_pca_dimensions = 4096; ///< covariances beyond take minutes and hundreds of MiB
constexpr std::array<std::size_t, 2> neighbours = {1, 5};

/// Right answers of all.
struct Accuracy {
    std::size_t right = 0, samples = 0;
    double value() const { return static_cast<double>(right) / static_cast<double>(samples); }
    double error() const { return std::sqrt(value() * (1 - value()) / static_cast<double>(samples)); }
};

class ClassProbe {
public:
    ClassProbe(const Probing& probing, const Classes& classes) : probing_(probing), classes_(classes) {}

    void run() {
        tell(fmt::format("classes   {}", classes_.values.size()));
        tell(fmt::format("\n{:<24}{:>17}{:>17}{:>17}", "accuracy, %", "linear",
                         fmt::format("{} nearest", neighbours[0]), fmt::format("{} nearest", neighbours[1])));
        probe("codes", probing_.codes);
        const std::size_t dimensions = probing_.pixels.fit.columns();
        const std::size_t size = std::min(probing_.codes.fit.columns(), dimensions);
        if (dimensions <= most_pca_dimensions) probe("pca", components(size));
        probe("samples", probing_.pixels);
        tell_chance();
        if (dimensions > most_pca_dimensions)
            note(fmt::format("Principal components are left out: samples have {} values, more than {}.",
                             with_commas(dimensions), with_commas(most_pca_dimensions)));
        if (!about_pca_.empty()) note(about_pca_);
        note("linear: multinomial logistic regression on standardised features, L2 penalty |W|^2 / 2 on the summed "
             "log-likelihood. nearest: by majority among so many samples, Euclidean distances of features as they "
             "are. +-: a standard error.");
        for (const std::string& name : not_converged_)
            note(fmt::format("The linear classifier of {} had not converged after 1,000 iterations.", name));
        if (classes_.unseen > 0)
            note(fmt::format("{} samples held out are of classes that no sample to fit to has; they count as wrong.",
                             with_commas(classes_.unseen)));
    }

private:
    void tell(const std::string& text) const { probing_.terminal.line(text); }
    void note(const std::string& text) const { tell(wrapped("- " + text, 2)); }

    classical::Classified fitted(const Features& features) const { return {features.fit.matrix(), classes_.fit}; }

    Features components(std::size_t size) {
        const auto& world = probing_.world();
        live("principal components", 0);
        const classical::Covariance moments = classical::covariance_of(world, probing_.pixels.fit.matrix());
        classical::Pca pca;
        world.together([&] { pca = classical::principal_components(moments, size); });
        Features features{
            fmt::format("PCA, {} components", size),
            SharedRows(probing_.asked.nodes, probing_.data.fit.rows.size(), size, "principal components"),
            SharedRows(probing_.asked.nodes, probing_.data.held_out.rows.size(), size, "principal components")};
        const auto project = [&](const SharedRows& from, SharedRows& to) {
            to.fill([&](data::Range rows, Matrix<float> block) {
                pca.project(from.matrix().some_rows(rows.begin, rows.size()), block);
            });
        };
        project(probing_.pixels.fit, features.fit);
        project(probing_.pixels.held_out, features.held_out);
        probing_.fields.emplace_back("pca.explained", pca.explained());
        about_pca_ = fmt::format("PCA keeps {:.1f} % of the samples' variance.", 100 * pca.explained());
        tell_ppca(moments, size);
        return features;
    }

    /// What the same components are as a model of the samples' density.
    void tell_ppca(const classical::Covariance& moments, std::size_t latents) {
        const classical::Covariance others =
            classical::covariance_of(probing_.world(), probing_.pixels.held_out.matrix());
        probing_.world().on_first([&] {
            const std::optional<classical::Ppca> model = classical::fit_ppca(moments, latents);
            if (!model) return;
            const double fit = model->mean_log_density(moments), held_out = model->mean_log_density(others);
            about_pca_ += fmt::format(" As a model of their density (probabilistic PCA) it has log p(x) = {:.2f} nats "
                                      "a sample on those fitted to, {:.2f} on those held out.",
                                      fit, held_out);
            probing_.fields.emplace_back("ppca.log_likelihood.fit", fit);
            probing_.fields.emplace_back("ppca.log_likelihood.held_out", held_out);
        });
    }

    void live(const std::string& what, double fraction, double rate = 0, double seconds_left = 0) const {
        probing_.terminal.live({what, fraction, "", rate, seconds_left});
    }

    void probe(const std::string& field, const Features& features) {
        const std::vector<Accuracy> found = accuracies(features);
        std::string row = fmt::format("{:<24}", features.name);
        const std::vector<std::string> names = {"linear", fmt::format("nearest_{}", neighbours[0]),
                                                fmt::format("nearest_{}", neighbours[1])};
        for (std::size_t i = 0; i < found.size(); ++i) {
            row += fmt::format("{:>9.2f} +- {:<4.2f}", 100 * found[i].value(), 100 * found[i].error());
            probing_.fields.emplace_back(fmt::format("{}.{}.accuracy", field, names[i]), found[i].value());
            probing_.fields.emplace_back(fmt::format("{}.{}.error", field, names[i]), found[i].error());
        }
        tell(row);
    }

    /// Of the linear classifier, then of each number of neighbours; rank 0's.
    std::vector<Accuracy> accuracies(const Features& features) {
        std::vector<Accuracy> found;
        const Clock::time_point began = Clock::now();
        classical::Stop stop;
        stop.each = [&](std::size_t iterations, double value) {
            const std::chrono::duration<double> passed = Clock::now() - began;
            probing_.terminal.live(
                {fmt::format("linear, {}: iteration {},", features.name, iterations),
                 static_cast<double>(iterations) / static_cast<double>(stop.iterations), fmt::format("{:.4f}", value),
                 static_cast<double>(iterations * features.fit.matrix().rows()) / passed.count(),
                 passed.count() / static_cast<double>(iterations) * static_cast<double>(stop.iterations - iterations)});
        };
        const classical::Logistic linear =
            classical::fit_logistic(probing_.world(), fitted(features), classes_.values.size(), 1, stop);
        if (!linear.fit.converged) not_converged_.push_back(features.name);
        found.push_back(compare(linear.classify(features.held_out.matrix()), 0, 1));

        const Clock::time_point then = Clock::now();
        const auto progress = [&](std::size_t done, std::size_t of) {
            const std::chrono::duration<double> passed = Clock::now() - then;
            const double rate = static_cast<double>(done) / std::max(passed.count(), 1e-9);
            live("neighbours, " + features.name, static_cast<double>(done) / static_cast<double>(of), rate,
                 static_cast<double>(of - done) / rate);
        };
        const std::vector<std::uint32_t> votes = classical::nearest_classes(
            probing_.world(), fitted(features), features.held_out.matrix(), neighbours, progress);
        if (!probing_.world().first()) return found;
        for (std::size_t i = 0; i < neighbours.size(); ++i) found.push_back(compare(votes, i, neighbours.size()));
        return found;
    }

    /// Answers are every stride-th from the first on.
    Accuracy compare(const std::vector<std::uint32_t>& answers, std::size_t first, std::size_t stride) const {
        Accuracy accuracy{0, classes_.held_out.size()};
        for (std::size_t i = 0; i < classes_.held_out.size(); ++i)
            accuracy.right += answers[first + i * stride] == classes_.held_out[i] ? 1 : 0;
        return accuracy;
    }

    void tell_chance() const {
        std::vector<std::size_t> counts(classes_.values.size());
        for (const std::uint32_t c : classes_.fit) ++counts[c];
        const auto commonest = static_cast<std::uint32_t>(std::ranges::max_element(counts) - counts.begin());
        const Accuracy chance = compare(std::vector<std::uint32_t>(classes_.held_out.size(), commonest), 0, 1);
        tell(fmt::format("{:<24}{:>9.2f} +- {:<4.2f}\n", "always the commonest", 100 * chance.value(),
                         100 * chance.error()));
        probing_.fields.emplace_back("commonest.accuracy", chance.value());
        probing_.fields.emplace_back("classes", static_cast<std::int64_t>(classes_.values.size()));
    }

    const Probing& probing_;
    const Classes& classes_;
    std::vector<std::string> not_converged_;
    std::string about_pca_;
};

} // namespace

void probe_classes(const Probing& probing, const Classes& classes) { ClassProbe(probing, classes).run(); }

} // namespace elbo::commands
