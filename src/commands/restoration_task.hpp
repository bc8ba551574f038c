// The tasks of `elbo restore`: what is observed of samples, how it is shown, and what would be made of it without a
// model.
#pragma once

#include "commands/commands.hpp"
#include "data/dataset.hpp"
#include "model/observation.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace elbo::commands {

enum class Task { denoise, inpaint, superres, mask };

/// Throws InputError where there is no such task, or it does not go with the options.
Task task_of(const RestoreOptions& options);

/// A way to fill in what is missing that needs no model.
struct Plain {
    const char* key;   ///< in JSON
    const char* title; ///< in the table
};

/// Of some samples, [samples, dimensions] each.
struct Seen {
    model::Observation observation;
    std::vector<float> shown;    ///< what is observed as a picture
    std::vector<float> baseline; ///< the better plain way, which the encoder starts from too
    std::vector<float> other;    ///< another one
};

class RestorationTask {
public:
    /// mask: the file's elements as read_mask() gives them, for that task alone. Throws InputError where the task does
    /// not fit images of this shape.
    RestorationTask(const RestoreOptions& options, const Shape& image, const data::Dataset& dataset,
                    std::span<const float> mask, std::uint32_t seed);

    Task task() const { return task_; }
    /// 1 for elements that are observed as they are, 0 for hidden ones; empty for tasks that hide none.
    std::span<const float> observed() const { return observed_; }
    Plain baseline() const;
    Plain other() const;

    /// Where means of E[x | z] are observed: the mean squared difference between a sample's and its reconstruction's,
    /// the sum of which over samples, divided by their number, goes to set_residual().
    double residual(std::span<const float> truth, std::span<const float> reconstruction) const;
    /// The observation's variance becomes the noise's plus this.
    void set_residual(double variance) { residual_ = variance; }
    double variance() const { return noise_ * noise_ + residual_; }

    Seen observe(Matrix<const float> truth, std::span<const std::uint64_t> numbers) const;

    /// "inpaint: 196 of 784 elements hidden".
    std::string description() const;

private:
    Seen observe_elements(Matrix<const float> truth) const;
    Seen observe_means(Matrix<const float> truth, std::span<const std::uint64_t> numbers) const;

    Task task_;
    Shape image_;
    float least_, greatest_; ///< of values
    std::vector<float> mean_image_, observed_;
    double noise_ = 0, residual_ = 0;
    std::size_t factor_ = 1;
    std::uint32_t seed_;
};

/// A file of (H, W), or (H, W, C), elements for an image's shape: NumPy's, or a PNG's pixels. 0 becomes 0 and all else
/// 1, for each element of the image. Throws InputError where it is none.
std::vector<float> read_mask(const std::string& file, const Shape& image);

} // namespace elbo::commands
