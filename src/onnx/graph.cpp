#include "onnx/graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

namespace elbo::onnx {
namespace {

void set(::onnx::AttributeProto& proto, const Attribute& attribute) {
    proto.set_name(attribute.first);
    std::visit(
        [&](const auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, std::int64_t>) {
                proto.set_type(::onnx::AttributeProto::INT);
                proto.set_i(value);
            } else if constexpr (std::is_same_v<T, float>) {
                proto.set_type(::onnx::AttributeProto::FLOAT);
                proto.set_f(value);
            } else if constexpr (std::is_same_v<T, std::string>) {
                proto.set_type(::onnx::AttributeProto::STRING);
                proto.set_s(value);
            } else {
                proto.set_type(::onnx::AttributeProto::INTS);
                for (const std::int64_t number : value) proto.add_ints(number);
            }
        },
        attribute.second);
}

void describe(::onnx::ValueInfoProto& proto, const std::string& name, const Shape& shape, bool samples) {
    proto.set_name(name);
    ::onnx::TypeProto::Tensor& type = *proto.mutable_type()->mutable_tensor_type();
    type.set_elem_type(::onnx::TensorProto::FLOAT);
    ::onnx::TensorShapeProto& axes = *type.mutable_shape();
    if (samples) axes.add_dim()->set_dim_param("N");
    for (const std::size_t extent : shape) axes.add_dim()->set_dim_value(static_cast<std::int64_t>(extent));
}

} // namespace

std::string Graph::node(const std::string& type, const std::vector<std::string>& inputs,
                        const std::vector<Attribute>& attributes) {
    ::onnx::NodeProto& node = *proto_.add_node();
    const std::string name = fmt::format("{}_{}", type, ++nodes_);
    node.set_op_type(type);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(name);
    for (const Attribute& attribute : attributes) set(*node.add_attribute(), attribute);
    return name;
}

std::string Graph::constant(const std::string& name, const Shape& shape, std::span<const float> values) {
    ::onnx::TensorProto& tensor = *proto_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(::onnx::TensorProto::FLOAT);
    for (const std::size_t extent : shape) tensor.add_dims(static_cast<std::int64_t>(extent));
    tensor.set_raw_data(values.data(), values.size_bytes());
    return name;
}

std::string Graph::constant(const std::string& name, const std::vector<std::int64_t>& values) {
    ::onnx::TensorProto& tensor = *proto_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(::onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<std::int64_t>(values.size()));
    tensor.set_raw_data(values.data(), values.size() * sizeof(std::int64_t));
    return name;
}

std::string Graph::number(float value) {
    const std::string name = fmt::format("number_{}", value);
    if (std::ranges::find(constants_, name) != constants_.end()) return name;
    constants_.push_back(name);
    return constant(name, {}, std::span(&value, 1));
}

std::string Graph::input(const std::string& name, const Shape& shape) {
    describe(*proto_.add_input(), name, shape, true);
    return name;
}

void Graph::output(const std::string& name, const std::string& value, const Shape& shape, bool samples) {
    ::onnx::NodeProto& node = *proto_.add_node();
    node.set_op_type("Identity");
    node.set_name(name);
    node.add_input(value);
    node.add_output(name);
    describe(*proto_.add_output(), name, shape, samples);
}

} // namespace elbo::onnx
