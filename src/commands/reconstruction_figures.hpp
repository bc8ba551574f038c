// How well a model gives back the samples that it is evaluated on, as lines, JSON and columns of `elbo evaluate`.
#pragma once

#include "data/dataset.hpp"
#include "model/reconstruction.hpp"
#include "report/records.hpp"
#include "training/trained.hpp"

#include <span>
#include <string>
#include <vector>

namespace elbo::commands {

/// The values that a dataset's samples are compared by: [0, 1] where they lie within, else their own range.
std::pair<double, double> value_range(const data::Dataset& dataset);

/// A mean's standard error for a table, "-" where there is none.
std::string error_text(const model::Mean& mean, int digits);

class ReconstructionFigures {
public:
    ReconstructionFigures(const training::Trained& trained, const data::Dataset& dataset);

    std::span<const char* const> names() const { return meter_.names(); }
    std::size_t columns() const { return meter_.columns(); }

    /// Of some samples and their posteriors' means, [rows, columns()].
    std::vector<double> measure(Matrix<const float> x, Matrix<const float> mean);

    /// Rank 0's: rows of all samples in their order, and what they come to.
    void add(Matrix<const double> rows) { means_.add(rows); }
    std::vector<std::string> lines() const;
    report::Fields fields() const;

private:
    const training::Trained& trained_;
    model::ReconstructionMeter meter_;
    model::ReconstructionMeans means_;
};

} // namespace elbo::commands
