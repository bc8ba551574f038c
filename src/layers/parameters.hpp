// Where every parameter stands in the flat arrays of values and gradients, and how it begins.
#pragma once

#include "numerics/view.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace elbo::layers {

/// How a parameter's values begin.
struct Initial {
    enum class Kind { zero, constant, normal, uniform } kind = Kind::zero;
    double scale = 0; ///< the constant, the standard deviation, or the bound of a uniform distribution around 0
};

/// One array of a layer: "encoder/dense1/weight", its shape, and its place in the flat arrays.
struct Parameter {
    std::string path;
    Shape shape;
    std::size_t offset = 0, size = 0;
    Initial initial;
};

/// Parameters in the order in which layers add them: contiguous but for padding that `align` asks for.
class ParameterTable {
public:
    /// Returns the offset of the new parameter. Throws std::logic_error where the path exists.
    std::size_t add(std::string path, Shape shape, Initial initial);
    /// Makes the next offset a multiple of 16 floats (a cache line); the gap belongs to nobody and stays zero.
    void align();

    std::span<const Parameter> all() const { return parameters_; }
    std::size_t size() const { return size_; } ///< floats of a flat array, gaps included
    std::size_t trainable() const;             ///< numbers that are learnt, gaps excluded

    /// Zeroes what belongs to nobody in a flat array.
    void clear_gaps(std::span<float> array) const;

    /// Fills values (size() floats, gaps with zeros) by addressed random numbers: sample = the parameter's index in
    /// this table.
    void initialise(std::uint32_t seed, std::span<float> values) const;

private:
    std::vector<Parameter> parameters_;
    std::size_t size_ = 0;
};

} // namespace elbo::layers
