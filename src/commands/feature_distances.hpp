// `elbo evaluate --features`: how far reconstructions and samples of the prior are from data, as Frechet distances
// between Gaussians of features. These are the hidden units of a small classifier that is trained here on the labels of
// the run's training samples.
#pragma once

#include "classical/frechet.hpp"
#include "classical/perceptron.hpp"
#include "commands/asked.hpp"
#include "commands/classes.hpp"
#include "report/records.hpp"
#include "report/terminal.hpp"
#include "training/probe_data.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace elbo::commands {

class FeatureDistances {
public:
    /// labels: FILE:/dataset of the samples that the run was trained with; empty: as configured, or beside them. Throws
    /// AgreedError where they are no classes. Collective.
    FeatureDistances(Asked& asked, const std::string& labels);

    /// Collective.
    void measure(report::Terminal& terminal);

    std::vector<std::string> lines() const;
    report::Fields fields() const;

private:
    /// Squared, to the data that is evaluated.
    struct Distance {
        std::string field, title;
        double value;
    };
    using Make = std::function<Matrix<const float>(std::span<const std::uint64_t> numbers, std::vector<float>& room)>;

    void train(report::Terminal& terminal);
    /// Of the features of so many rows; make() gives those of some numbers, where it likes in memory as large as them.
    classical::Covariance moments_of(std::size_t rows, const Make& make) const;
    Matrix<const float> samples(std::span<const std::uint64_t> numbers, data::Binarize binarize,
                                std::vector<float>& room) const;
    Matrix<const float> reconstructions(std::span<const std::uint64_t> numbers, std::vector<float>& room) const;
    Matrix<const float> draws(std::span<const std::uint64_t> numbers, std::vector<float>& room) const;

    Asked& asked_;
    training::LabelledSamples fit_;
    Classes classes_;
    std::size_t compared_; ///< samples of the data, evenly over it
    classical::Perceptron model_;
    double accuracy_ = 0; ///< of the samples that the classifier is trained on
    std::vector<Distance> distances_;
};

} // namespace elbo::commands
