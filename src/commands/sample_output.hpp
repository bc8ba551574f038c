// Samples as files: a grid of images, a PNG file each, NumPy's format or HDF5, by the output's name.
#pragma once

#include "numerics/view.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace elbo::commands {

/// Values that images show as black and as white.
using Shades = std::pair<float, float>;

struct SampleOutputOptions {
    std::string name; ///< FILE.png, FOLDER/, FILE.npy, FILE.h5
    bool replace = false;
    std::uint64_t samples = 0;
    Shape sample_shape;
    std::optional<Shades> shades; ///< unset: the range of the samples, or of the first ones
    std::string about_values;     ///< what x is, as HDF5 files say it
};

class SampleOutput {
public:
    virtual ~SampleOutput() = default;
    /// Rows [count, elements of a sample] that follow those of the last call.
    virtual void add(Matrix<const float> rows) = 0;
    /// All is there, with texts that say where it comes from. Returns what has become of it: "a grid of 8 x 8 images".
    virtual std::string commit(const std::vector<std::pair<std::string, std::string>>& about) = 0;
};

/// Throws InputError where no output has such a name.
void require_sample_name(const std::string& name);
/// True where a name stands for images.
bool shows_images(const std::string& name);

/// Throws InputError that begins with "-o NAME" where the samples are no images and the name asks for them, where they
/// are too many for a grid, or where they are to go to a folder that cannot be made or holds other files. Other files
/// are looked at by the caller (require_output()).
std::unique_ptr<SampleOutput> open_sample_output(const SampleOutputOptions& options);

} // namespace elbo::commands
