// What commands that draw pictures write: a PNG picture, an array for NumPy, or an HDF5 file, by the file's name.
#pragma once

#include "commands/asked.hpp"
#include "images/picture.hpp"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace elbo::commands {

struct NamedArray {
    std::string name;
    Shape shape;
    std::span<const float> values;
};

/// What there is to be written, in each form.
struct ImageResult {
    std::function<images::Picture()> picture;
    NamedArray array;               ///< NumPy's; its name is not written
    std::vector<NamedArray> tables; ///< HDF5's datasets
};

/// The output alone, for AskedModel to look at.
CommandFiles files_of(const ImageOptions& options);

class ImageOutput {
public:
    /// Throws AgreedError where the name ends in none of .png, .npy, .h5 (.hdf5). Collective.
    static ImageOutput open(const comm::Communicator& world, const ImageOptions& options);

    bool is_picture() const { return kind_ == Kind::png; }
    void write(const ImageResult& result, const Asked& asked) const;

private:
    enum class Kind { png, npy, hdf5 };
    ImageOutput(std::string file, Kind kind) : file_(std::move(file)), kind_(kind) {}

    std::string file_;
    Kind kind_;
};

/// Values as pictures have them: of data outside [0, 1], brought there by its range.
std::vector<float> shown(std::span<const float> values, const data::Dataset& dataset);

/// (count, shape...).
Shape several(std::size_t count, const Shape& shape);

} // namespace elbo::commands
