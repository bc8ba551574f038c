#include "classical/neighbours.hpp"

#include "comm/pieces.hpp"
#include "data/plan.hpp"
#include "numerics/matmul.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace elbo::classical {
namespace {

constexpr std::size_t query_rows = 128, sample_rows = 2048; ///< of a block of distances

struct Neighbour {
    float distance; ///< squared, less the query's own length
    std::uint32_t sample;
    // NOLINTNEXTLINE(modernize-use-nullptr): the zero is the language's own
    friend auto operator<=>(const Neighbour&, const Neighbour&) = default;
};

/// The nearest that have been seen, ascending.
class Nearest {
public:
    explicit Nearest(std::size_t count) : count_(count) { neighbours_.reserve(count + 1); }

    void clear() { neighbours_.clear(); }
    /// Samples come in the order of their numbers, so an equal distance is no nearer.
    void see(float distance, std::uint32_t sample) {
        if (neighbours_.size() == count_ && !(distance < neighbours_.back().distance)) return;
        const Neighbour neighbour{distance, sample};
        neighbours_.insert(std::ranges::upper_bound(neighbours_, neighbour), neighbour);
        if (neighbours_.size() > count_) neighbours_.pop_back();
    }

    std::uint32_t vote(std::size_t count, std::span<const std::uint32_t> classes) const {
        std::map<std::uint32_t, std::size_t> votes;
        for (std::size_t i = 0; i < std::min(count, neighbours_.size()); ++i) ++votes[classes[neighbours_[i].sample]];
        return std::ranges::max_element(votes, {}, [](const auto& entry) { return entry.second; })->first;
    }

private:
    std::size_t count_;
    std::vector<Neighbour> neighbours_;
};

/// Of each feature its mean, but rounded to the power of two below its deviation, so that differences to it of features
/// that are small whole numbers are exact, and equal distances equal.
std::vector<double> middle_of(Matrix<const float> x) {
    std::vector<double> middle(x.columns()), squares(x.columns());
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t c = 0; c < x.columns(); ++c) middle[c] += x(i, c);
    for (double& sum : middle) sum /= static_cast<double>(x.rows());
    for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t c = 0; c < x.columns(); ++c) squares[c] += std::pow(x(i, c) - middle[c], 2);
    for (std::size_t c = 0; c < x.columns(); ++c) {
        if (squares[c] == 0) continue;
        const double step = std::exp2(std::floor(std::log2(squares[c] / static_cast<double>(x.rows())) / 2));
        middle[c] = step * std::round(middle[c] / step);
    }
    return middle;
}

class Searching {
public:
    Searching(const Classified& samples, Matrix<const float> queries, std::span<const std::size_t> counts)
        : samples_(samples),
          queries_(queries),
          counts_(counts),
          nearest_(query_rows, Nearest(std::ranges::max(counts))),
          products_(query_rows * sample_rows),
          squares_(samples.x.rows()),
          middle_(middle_of(samples.x)),
          shifted_queries_(query_rows * middle_.size()),
          shifted_samples_(sample_rows * middle_.size()) {
        std::vector<float> row(middle_.size());
        for (std::size_t i = 0; i < squares_.size(); ++i) {
            shift(samples.x.row(i), row);
            squares_[i] = static_cast<float>(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
        }
    }

    /// Classes of a block of queries, a row of counts each.
    std::vector<std::uint32_t> classes_of(std::size_t begin, std::size_t rows) {
        for (Nearest& nearest : nearest_) nearest.clear();
        const Matrix<const float> queries = shifted(queries_.some_rows(begin, rows), shifted_queries_);
        for (std::size_t first = 0; first < squares_.size(); first += sample_rows) {
            const std::size_t count = std::min(sample_rows, squares_.size() - first);
            const Matrix<float> products(products_.data(), rows, count);
            product_(queries, shifted(samples_.x.some_rows(first, count), shifted_samples_), products);
            for (std::size_t i = 0; i < rows; ++i)
                for (std::size_t j = 0; j < count; ++j)
                    nearest_[i].see(squares_[first + j] - 2 * products(i, j), static_cast<std::uint32_t>(first + j));
        }
        std::vector<std::uint32_t> found;
        for (std::size_t i = 0; i < rows; ++i)
            for (const std::size_t count : counts_) found.push_back(nearest_[i].vote(count, samples_.classes));
        return found;
    }

private:
    /// Distances stay as they are, but are no more small differences of large numbers.
    void shift(std::span<const float> row, std::span<float> out) const {
        for (std::size_t c = 0; c < row.size(); ++c) out[c] = static_cast<float>(row[c] - middle_[c]);
    }
    Matrix<const float> shifted(Matrix<const float> x, std::vector<float>& room) const {
        const Matrix<float> out(room.data(), x.rows(), x.columns());
        for (std::size_t i = 0; i < x.rows(); ++i) shift(x.row(i), out.row(i));
        return out;
    }

    const Classified& samples_;
    Matrix<const float> queries_;
    std::span<const std::size_t> counts_;
    std::vector<Nearest> nearest_;
    std::vector<float> products_, squares_; ///< squares_: of shifted samples' lengths
    std::vector<double> middle_;            ///< of the samples
    std::vector<float> shifted_queries_, shifted_samples_;
    Product product_{Transpose::b};
};

} // namespace

std::vector<std::uint32_t> nearest_classes(const comm::Communicator& world, const Classified& samples,
                                           Matrix<const float> queries, std::span<const std::size_t> counts,
                                           const NeighboursProgress& progress) {
    Searching searching(samples, queries, counts);
    std::vector<std::uint32_t> all;
    comm::in_order(
        world, data::batches_from(0, queries.rows(), query_rows), comm::Makers::all,
        [&](std::size_t block, std::vector<std::byte>& bytes) {
            const data::Range rows = data::batch_at(block * query_rows, queries.rows(), query_rows);
            const std::vector<std::uint32_t> found = searching.classes_of(rows.begin, rows.size());
            const auto some = std::as_bytes(std::span(found));
            bytes.assign(some.begin(), some.end());
        },
        [&](std::size_t, std::span<const std::byte> bytes) {
            const auto* const found = reinterpret_cast<const std::uint32_t*>(bytes.data());
            all.insert(all.end(), found, found + bytes.size() / sizeof(std::uint32_t));
            if (progress) progress(all.size() / counts.size(), queries.rows());
        });
    return all;
}

} // namespace elbo::classical
