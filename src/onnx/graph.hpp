// A graph of ONNX nodes as it is put together. For the files of this folder alone: it includes libonnx's classes.
#pragma once

#include "numerics/view.hpp"

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace elbo::onnx {

using Attribute = std::pair<std::string, std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>>>;

/// Values are known by name. Names follow from the order of calls, so that the same model gives the same bytes.
class Graph {
public:
    explicit Graph(::onnx::GraphProto& proto) : proto_(proto) {}

    /// Adds a node of one result, and returns its name. An input "" is one that is left out.
    std::string node(const std::string& type, const std::vector<std::string>& inputs,
                     const std::vector<Attribute>& attributes = {});
    /// Adds a constant array.
    std::string constant(const std::string& name, const Shape& shape, std::span<const float> values);
    std::string constant(const std::string& name, const std::vector<std::int64_t>& values);
    std::string number(float value); ///< a constant without axes, once for every value

    /// Arrays of floats, [N, shape] of any number of samples N, or (samples false) of the shape alone.
    std::string input(const std::string& name, const Shape& shape);
    void output(const std::string& name, const std::string& value, const Shape& shape, bool samples = true);

private:
    ::onnx::GraphProto& proto_;
    std::size_t nodes_ = 0;
    std::vector<std::string> constants_;
};

} // namespace elbo::onnx
