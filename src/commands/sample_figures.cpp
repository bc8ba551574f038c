#include "commands/sample_figures.hpp"

#include "base/error.hpp"
#include "storage/files.hpp"

#include <fmt/format.h>

#include <fstream>

namespace elbo::commands {
namespace {

using model::BoundSampler;

/// ELBO, its terms, the effective sample size, bounds, and what else there is.
std::vector<std::string> names_of(std::span<const std::size_t> levels, std::span<const char* const> further) {
    std::vector<std::string> names = {"elbo", "reconstruction", "kl", "effective_sample_size"};
    for (const std::size_t level : levels) names.push_back(fmt::format("bound_{}", level));
    names.insert(names.end(), further.begin(), further.end());
    return names;
}

/// A sample's, in that order.
std::vector<double> figures_of(std::span<const double> row, std::span<const double> further) {
    std::vector<double> figures = {row[BoundSampler::reconstruction] - row[BoundSampler::kl],
                                   row[BoundSampler::reconstruction], row[BoundSampler::kl],
                                   row[BoundSampler::effective]};
    const std::span<const double> bounds = row.subspan(BoundSampler::first_bound);
    figures.insert(figures.end(), bounds.begin(), bounds.end());
    figures.insert(figures.end(), further.begin(), further.end());
    return figures;
}

class Hdf5Figures final : public SampleFigures {
public:
    Hdf5Figures(const std::filesystem::path& file, std::uint64_t samples, const std::vector<std::string>& names)
        : writer_(file), samples_(samples) {
        for (const std::string& name : names) datasets_.push_back("/" + name);
        for (const std::string& dataset : datasets_) writer_.create(dataset, {samples}, storage::ElementType::f64);
        columns_.resize(datasets_.size());
    }

    void add(Matrix<const double> estimates, Matrix<const double> further) override {
        for (std::size_t i = 0; i < estimates.rows(); ++i) {
            std::size_t column = 0;
            for (const double figure : figures_of(estimates.row(i), further.row(i)))
                columns_[column++].push_back(figure);
        }
        if (columns_.front().size() >= storage::chunk_rows({samples_}, storage::ElementType::f64)) write();
    }

    void commit(const std::vector<std::pair<std::string, std::string>>& about) override {
        write();
        for (const auto& [name, text] : about) writer_.attribute("/", name, text);
        writer_.commit();
    }

private:
    void write() {
        const std::size_t rows = columns_.front().size();
        for (std::size_t c = 0; c < columns_.size() && rows > 0; ++c) {
            writer_.write_rows(datasets_[c], written_, rows, std::as_bytes(std::span(columns_[c])));
            columns_[c].clear();
        }
        written_ += rows;
    }

    storage::DatasetFileWriter writer_;
    std::uint64_t samples_, written_ = 0;
    std::vector<std::string> datasets_;
    std::vector<std::vector<double>> columns_; ///< rows that wait to be written
};

class CsvFigures final : public SampleFigures {
public:
    CsvFigures(const std::filesystem::path& file, const std::vector<std::string>& names)
        : pending_(file), name_(file.string()), out_(pending_.path()) {
        out_ << "sample";
        for (const std::string& name : names) out_ << ',' << name;
        out_ << '\n';
        require_written();
    }

    void add(Matrix<const double> estimates, Matrix<const double> further) override {
        for (std::size_t i = 0; i < estimates.rows(); ++i) {
            out_ << written_++;
            for (const double figure : figures_of(estimates.row(i), further.row(i))) out_ << fmt::format(",{}", figure);
            out_ << '\n';
        }
        require_written();
    }

    void commit(const std::vector<std::pair<std::string, std::string>>&) override {
        out_.close();
        require_written();
        pending_.commit();
    }

private:
    void require_written() const {
        if (!out_) fail("{}: cannot be written; is the disk full?", name_);
    }

    storage::PendingFile pending_;
    std::string name_;
    std::ofstream out_;
    std::uint64_t written_ = 0;
};

} // namespace

std::unique_ptr<SampleFigures> open_sample_figures(const std::filesystem::path& file, std::uint64_t samples,
                                                   std::span<const std::size_t> levels,
                                                   std::span<const char* const> further) {
    const std::string extension = file.extension().string();
    const bool csv = extension == ".csv";
    if (!csv && extension != ".h5" && extension != ".hdf5")
        reject("--per-sample {}: expected a name that ends in .h5 or .csv", file.string());
    const std::vector<std::string> names = names_of(levels, further);
    if (csv) return std::make_unique<CsvFigures>(file, names);
    return std::make_unique<Hdf5Figures>(file, samples, names);
}

} // namespace elbo::commands
