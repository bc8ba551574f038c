#include "commands/feature_distances.hpp"

#include "base/text.hpp"
#include "commands/shared_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>

namespace elbo::commands {
namespace {

using classical::Covariance;

constexpr std::size_t most_compared = 100000; ///< as many as a classifier is trained on at most

training::LabelledSamples read_fit(const Asked& asked, const std::string& labels) {
    training::ProbeRequest request;
    request.labels = labels;
    request.fit_alone = true;
    return training::read_probe_data(asked.nodes, asked.trained, request).fit;
}

Classes read_classes(const Asked& asked, const training::LabelledSamples& fit) {
    Classes classes;
    asked.world.together([&] {
        if (fit.labels.columns.size() != 1)
            reject("{}: --features needs classes, one number a sample; found {} columns", fit.labels.name,
                   fit.labels.columns.size());
        classes = classes_of({fit, {}});
    });
    return classes;
}

} // namespace

FeatureDistances::FeatureDistances(Asked& asked, const std::string& labels)
    : asked_(asked),
      fit_(read_fit(asked, labels)),
      classes_(read_classes(asked, fit_)),
      compared_(std::min<std::uint64_t>(asked.data.size(), most_compared)) {}

void FeatureDistances::measure(report::Terminal& terminal) {
    terminal.line(fmt::format("features of a classifier of {} classes, to be trained on {} samples",
                              classes_.values.size(), with_commas(fit_.rows.size())));
    train(terminal);
    terminal.line(fmt::format("         {:.1f} % of these right; features follow of them, the data, its\n"
                              "         reconstructions and as many draws",
                              100 * accuracy_));
    const auto moments = [&](const char* of, std::size_t rows, const Make& make) {
        const auto began = std::chrono::steady_clock::now();
        return moments_of(rows, [&](std::span<const std::uint64_t> numbers, std::vector<float>& room) {
            if (terminal.wants_live())
                terminal.live(report::progress(fmt::format("features of {}", of), static_cast<double>(numbers.front()),
                                               static_cast<double>(rows), began));
            return make(numbers, room);
        });
    };
    // Grey values also where the model sees them binarised: its means are grey too.
    const Covariance truth = moments(
        "data", compared_, [&](auto numbers, auto& room) { return samples(numbers, data::Binarize::none, room); });
    const auto add = [&](const char* field, const char* title, const Covariance& other) {
        distances_.push_back({field, title, classical::frechet_distance(truth, other)});
    };
    add("reconstructions", "reconstructions", moments("reconstructions", compared_, [&](auto numbers, auto& room) {
            return reconstructions(numbers, room);
        }));
    add("prior", "means of prior draws",
        moments("draws", compared_, [&](auto numbers, auto& room) { return draws(numbers, room); }));
    add("train", "samples trained with",
        moments("samples trained with", fit_.rows.size(), [&](auto numbers, auto& room) {
            std::vector<std::uint64_t> rows;
            for (const std::uint64_t number : numbers) rows.push_back(fit_.rows[number]);
            const Matrix<float> out(room.data(), rows.size(), asked_.dimensions());
            load_rows(*fit_.samples, rows, data::Binarize::none, 0, out);
            return Matrix<const float>(out);
        }));
}

void FeatureDistances::train(report::Terminal& terminal) {
    SharedRows rows(asked_.nodes, fit_.rows.size(), asked_.dimensions(), "samples for a classifier");
    rows.fill([&](data::Range range, Matrix<float> block) {
        load_rows(*fit_.samples, std::span(fit_.rows).subspan(range.begin, range.size()), data::Binarize::none, 0,
                  block);
    });
    classical::PerceptronOptions options;
    options.stop.each = [&](std::size_t iterations, double value) {
        terminal.live({"features' classifier",
                       static_cast<double>(iterations) / static_cast<double>(options.stop.iterations),
                       fmt::format("{:.4f}", value), 0, 0});
    };
    model_ = classical::fit_perceptron(asked_.world, {rows.matrix(), classes_.fit}, classes_.values.size(), options);
    const std::vector<std::uint32_t> found = model_.classify(rows.matrix());
    const auto right = std::inner_product(found.begin(), found.end(), classes_.fit.begin(), std::size_t{0}, std::plus{},
                                          std::equal_to{});
    accuracy_ = static_cast<double>(right) / static_cast<double>(found.size());
}

Covariance FeatureDistances::moments_of(std::size_t rows, const Make& make) const {
    SharedRows features(asked_.nodes, rows, model_.hidden, "features");
    std::vector<float> room(pass_rows * asked_.dimensions());
    features.fill([&](data::Range range, Matrix<float> block) {
        std::vector<std::uint64_t> numbers(range.size());
        std::iota(numbers.begin(), numbers.end(), range.begin);
        model_.features(make(numbers, room), block);
    });
    return classical::covariance_of(asked_.world, features.matrix());
}

Matrix<const float> FeatureDistances::samples(std::span<const std::uint64_t> numbers, data::Binarize binarize,
                                              std::vector<float>& room) const {
    std::vector<std::uint64_t> rows;
    for (const std::uint64_t number : numbers) rows.push_back(number * asked_.data.size() / compared_);
    const Matrix<float> out(room.data(), rows.size(), asked_.dimensions());
    load_rows(asked_.data, rows, binarize, asked_.seed(), out);
    return out;
}

Matrix<const float> FeatureDistances::reconstructions(std::span<const std::uint64_t> numbers,
                                                      std::vector<float>& room) const {
    std::vector<float> seen(numbers.size() * asked_.dimensions());
    const Matrix<const float> x = samples(numbers, asked_.binarize(), seen);
    const Matrix<float> out(room.data(), x.rows(), x.columns());
    asked_.model().reconstruct(asked_.values(), x, out);
    return out;
}

Matrix<const float> FeatureDistances::draws(std::span<const std::uint64_t> numbers, std::vector<float>& room) const {
    std::vector<float> codes(numbers.size() * asked_.latent());
    const Matrix<float> z(codes.data(), numbers.size(), asked_.latent());
    fill_normal_rows({asked_.seed(), Purpose::feature_samples, 0}, numbers, 0, z);
    const Matrix<float> out(room.data(), numbers.size(), asked_.dimensions());
    asked_.model().decode(asked_.values(), z, out);
    return out;
}

std::vector<std::string> FeatureDistances::lines() const {
    std::vector<std::string> lines = {fmt::format("{:<24} {:>12}", "feature distance", "squared")};
    for (const Distance& distance : distances_)
        lines.push_back(fmt::format("{:<24} {:>12.4f}", "  " + distance.title, distance.value));
    lines.push_back(wrapped(
        fmt::format("(Frechet distances from the data, between Gaussians of the {} hidden units of a classifier "
                    "trained here on {}, {:.1f} % right of these: comparable on one dataset only. That of the samples "
                    "trained with is what equal distributions come to.)",
                    model_.hidden, fit_.labels.name, 100 * accuracy_),
        2));
    if (compared_ < 10 * model_.hidden)
        lines.push_back(wrapped(fmt::format("- {} samples are few for covariances of {} features: distances are too "
                                            "large.",
                                            with_commas(compared_), model_.hidden),
                                2));
    return lines;
}

report::Fields FeatureDistances::fields() const {
    report::Fields fields;
    for (const Distance& distance : distances_)
        fields.emplace_back("feature_distance." + distance.field, distance.value);
    fields.emplace_back("feature_distance.classifier.labels", fit_.labels.name);
    fields.emplace_back("feature_distance.classifier.accuracy", accuracy_);
    return fields;
}

} // namespace elbo::commands
