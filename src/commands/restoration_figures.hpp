// How near restored samples come to the truth, beside plain ways, as a table and JSON.
#pragma once

#include "commands/restoration_task.hpp"
#include "images/quality.hpp"
#include "model/reconstruction.hpp"
#include "model/restoration.hpp"
#include "report/records.hpp"
#include "training/trained.hpp"

#include <string>
#include <vector>

namespace elbo::commands {

class RestorationFigures {
public:
    RestorationFigures(const RestorationTask& task, const training::Trained& trained, const data::Dataset& dataset);

    std::size_t columns() const;
    /// Of some samples, [rows, columns()].
    std::vector<double> measure(Matrix<const float> truth, const Seen& seen, const model::Restored& restored) const;

    /// Rank 0's: rows of all samples in their order, and what they come to.
    void add(Matrix<const double> rows) { means_.add(rows); }
    std::vector<std::string> lines(std::uint64_t samples) const;
    report::Fields fields() const;

private:
    std::vector<Plain> ways() const; ///< of filling in, the model's last

    const RestorationTask& task_;
    images::Comparison comparison_;
    model::ReconstructionMeans means_;
};

} // namespace elbo::commands
