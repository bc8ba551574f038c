#include "data/stored_moments.hpp"

#include "base/error.hpp"
#include "data/types.hpp"
#include "storage/attributes.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace elbo::data {
namespace {

/// What lies beside the samples of one file.
class Beside {
public:
    Beside(const storage::Location& samples, const Shape& sample, storage::Outside outside)
        : samples_(samples), sample_(sample.empty() ? Shape{1} : sample), outside_(outside) {}

    /// Figures of so many rows.
    Moments moments(std::uint64_t rows) const {
        Moments moments{read("mean"), read("variance")};
        if (std::ranges::any_of(moments.variance, [](double variance) { return variance < 0; }))
            reject("{} has a variance below 0", where("variance"));
        const auto counted = storage::text_attribute(samples_.file, dataset("mean"), "rows");
        if (counted && *counted != std::to_string(rows))
            reject("{} is of {} rows, but {} has {}", where("mean"), *counted, samples_.dataset, rows);
        return moments;
    }

private:
    std::string dataset(const char* name) const { return fmt::format("/stats{}/{}", samples_.dataset, name); }
    std::string where(const char* name) const { return fmt::format("{}:{}", samples_.file.string(), dataset(name)); }

    /// A figure of each element.
    std::vector<double> read(const char* name) const {
        const storage::DatasetReader reader(samples_.file, dataset(name), outside_);
        const storage::DatasetInfo& info = reader.info();
        if (info.shape != sample_)
            reject("{} is {}, but a sample of {} is {}", where(name), describe(info.shape), samples_.dataset,
                   describe(sample_));
        std::vector<std::byte> bytes(info.rows() * info.row_bytes());
        reader.read_rows(0, info.rows(), bytes);
        std::vector<double> figures;
        with_type(info.type, [&](auto zero) {
            for (const auto value : values_of<decltype(zero)>(bytes)) figures.push_back(static_cast<double>(value));
        });
        const auto bad = std::ranges::find_if(figures, [](double figure) { return !std::isfinite(figure); });
        if (bad != figures.end())
            reject("{} holds {} for element {}, expected finite numbers", where(name), *bad, bad - figures.begin());
        return figures;
    }

    const storage::Location& samples_;
    Shape sample_;
    storage::Outside outside_;
};

} // namespace

Moments stored_moments(const storage::DatasetInfo& info, storage::Outside outside) {
    std::vector<storage::Location> files = info.locations;
    std::vector<std::size_t> ends = info.ends;
    if (files.empty()) {
        files.push_back({info.file, info.name});
        ends.push_back(info.rows());
    }
    Statistics all(elements(info.sample_shape()));
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::uint64_t rows = ends[i] - (i == 0 ? 0 : ends[i - 1]);
        try {
            all.merge(Statistics(Beside(files[i], info.sample_shape(), outside).moments(rows), rows));
        } catch (const InputError& error) {
            reject("data.transform: standardise by stored figures: {}; `elbo convert {} OUT.h5 --stats` stores them, "
                   "and without "
                   "figures: stored they are computed at the start",
                   error.what(), files[i].file.string());
        }
    }
    return all.moments();
}

} // namespace elbo::data
