// A dataset with what training needs to know of it, in memory in its own type, or left in its file.
#pragma once

#include "data/facts.hpp"
#include "data/source.hpp"
#include "data/transform.hpp"
#include "numerics/view.hpp"
#include "storage/dataset.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace elbo::data {

/// How stored values become what the model sees.
enum class Binarize { none, threshold, dynamic };

/// A sample and where its bytes lie.
struct Located {
    std::uint64_t sample = 0;
    const std::byte* bytes = nullptr;
};

class Dataset {
public:
    /// Reads the dataset whole, and goes through it, in this process alone. scale: factor on the values; unset:
    /// integers by their type's range to [0, 1] (signed: to [-1, 1]), floats as they are. Throws InputError naming
    /// file, dataset and row where a value is not finite.
    Dataset(const storage::Location& location, std::optional<double> scale);

    /// Contents that are in memory: bytes are the rows of info, and live as long as their owner. Throws InputError
    /// where the facts tell of a problem.
    Dataset(storage::DatasetInfo info, Facts facts, std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
            std::optional<double> scale);

    /// Contents that stay in their file.
    Dataset(std::shared_ptr<const Source> source, Facts facts, std::optional<double> scale);

    const storage::DatasetInfo& info() const { return info_; }
    std::string name() const { return info_.file + ":" + info_.name; }
    std::uint64_t size() const { return info_.rows(); }
    std::size_t dimensions() const { return facts_.mean.size(); }
    std::size_t row_bytes() const { return row_bytes_; }

    /// Where it lies: in memory as bytes(), or in a file.
    bool in_memory() const { return !source_; }
    std::size_t bytes() const { return bytes_.size(); }
    const std::shared_ptr<const Source>& source() const { return source_; }

    /// Mean of each dimension, least and greatest value, all scaled.
    std::span<const double> mean() const { return facts_.mean; }
    double least() const { return least_; }
    double greatest() const { return greatest_; }
    /// True where some scaled value is neither 0 nor 1.
    bool grey() const { return facts_.grey; }

    /// The factor on stored values.
    float scale() const { return scale_; }

    /// A hash of shape, type and contents, and of stored figures that they are transformed by, as 16 hexadecimal
    /// digits: the same data, wherever it lies.
    const std::string& fingerprint() const { return facts_.fingerprint; }

    /// A sample of a dataset in memory.
    Located at(std::uint64_t sample) const { return {sample, bytes_.data() + sample * row_bytes_}; }
    /// Has samples go through these steps from now on: shape, dimensions, range and mean (that of the values, which the
    /// steps are applied to) are theirs. Throws InputError where a step does not take the values.
    void transform_by(const Transform& transform);
    /// What the model sees of a sample.
    Shape sample_shape() const { return transform_.empty() ? info_.sample_shape() : transform_.shape(); }
    /// Values that present() needs room for; 0 where nothing is transformed.
    std::size_t room() const { return transform_.empty() ? 0 : elements(info_.sample_shape()); }
    /// A sample as the model sees it, but for binarising; out has dimensions() values. noise: whose seed and epoch, and
    /// whether it is for training, decide on random steps.
    void present(const Located& row, const Stream& noise, std::span<float> room, std::span<float> out) const;

    /// A row's scaled values, before other steps; out has one for each element.
    void convert(const std::byte* row, std::span<float> out) const;
    /// Has a row's first cache lines fetched while others are worked on: rows of a shuffled order lie far from each
    /// other.
    void fetch(const std::byte* row) const;

private:
    void take_facts(std::optional<double> scale);

    storage::DatasetInfo info_;
    Facts facts_; ///< the mean is scaled
    std::span<const std::byte> bytes_;
    std::shared_ptr<const void> owner_; ///< of bytes_
    std::shared_ptr<const Source> source_;
    std::size_t row_bytes_ = 0;
    float scale_ = 1;
    Transform transform_;
    double least_ = 0, greatest_ = 0;
};

/// The factor that brings values of a type to [0, 1] or [-1, 1]; 1 for floats.
double natural_scale(storage::ElementType type);

/// The stored value that scales to 1.
double stored_one(storage::ElementType type, std::optional<double> scale);

} // namespace elbo::data
