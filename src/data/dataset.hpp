// A dataset in memory, in its own type, with what training needs to know of it: means, range, fingerprint.
#pragma once

#include "numerics/view.hpp"
#include "storage/dataset.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace elbo::data {

/// How stored values become what the model sees.
enum class Binarize { none, threshold, dynamic };

class Dataset {
public:
    /// Reads the dataset whole. scale: factor on the values; unset: integers by their type's range to [0, 1] (signed:
    /// to
    /// [-1, 1]), floats as they are. Throws InputError naming file, dataset and row where a value is not finite.
    Dataset(const storage::Location& location, std::optional<double> scale);

    /// The same of contents that are in memory already: bytes are the rows of info, and live as long as their owner.
    Dataset(storage::DatasetInfo info, std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
            std::optional<double> scale);

    const storage::DatasetInfo& info() const { return info_; }
    std::string name() const { return info_.file + ":" + info_.name; }
    std::uint64_t size() const { return info_.rows(); }
    std::size_t dimensions() const { return mean_.size(); }
    std::size_t bytes() const { return bytes_.size(); }

    /// Mean of each dimension, least and greatest value, all scaled.
    std::span<const double> mean() const { return mean_; }
    double least() const { return least_; }
    double greatest() const { return greatest_; }
    /// True where some scaled value is neither 0 nor 1.
    bool grey() const { return grey_; }

    /// A hash of shape, type and contents, as 16 hexadecimal digits: the same data, wherever it lies.
    const std::string& fingerprint() const { return fingerprint_; }

    /// A sample's scaled values; out has dimensions() of them.
    void read(std::uint64_t sample, std::span<float> out) const;
    /// Has a sample's first cache lines fetched while others are worked on: rows of a shuffled order lie far from each
    /// other.
    void fetch(std::uint64_t sample) const;

private:
    Dataset(const storage::Location& location, const std::shared_ptr<const std::vector<std::byte>>& bytes,
            std::optional<double> scale);

    storage::DatasetInfo info_;
    std::span<const std::byte> bytes_;
    std::shared_ptr<const void> owner_; ///< of bytes_
    float scale_ = 1;
    std::vector<double> mean_;
    double least_ = 0, greatest_ = 0;
    bool grey_ = false;
    std::string fingerprint_;
};

/// The factor that brings values of a type to [0, 1] or [-1, 1]; 1 for floats.
double natural_scale(storage::ElementType type);

} // namespace elbo::data
