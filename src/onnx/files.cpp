#include "onnx/files.hpp"

#include "base/error.hpp"
#include "base/version.hpp"
#include "onnx/operations.hpp"

namespace elbo::onnx {
namespace {

constexpr int operator_set = 17, file_version = 8;
constexpr std::size_t most_bytes = (std::size_t{1} << 31) - (std::size_t{1} << 20); ///< of a message of protobuf's

/// As model::bounded_log_variance() has it: raw within [-10, 10], beyond it 10 + log(|raw| - 9) with raw's sign.
std::string bounded(Graph& graph, const std::string& raw) {
    const std::string size = graph.node("Min", {graph.node("Abs", {raw}), graph.number(1e30F)});
    const std::string beyond = graph.node("Max", {graph.node("Sub", {size, graph.number(9)}), graph.number(1)});
    const std::string bent = graph.node("Add", {graph.node("Log", {beyond}), graph.number(10)});
    const std::string is_beyond = graph.node("Greater", {size, graph.number(10)});
    return graph.node("Where", {is_beyond, graph.node("Mul", {graph.node("Sign", {raw}), bent}), raw});
}

std::string bytes_of(const ::onnx::ModelProto& proto) {
    if (proto.ByteSizeLong() > most_bytes)
        reject("the model takes {} bytes, more than an ONNX file holds (2 GiB)", proto.ByteSizeLong());
    return proto.SerializeAsString();
}

::onnx::ModelProto started(const char* name, const char* meaning, const Notes& notes) {
    ::onnx::ModelProto proto;
    proto.set_ir_version(file_version);
    proto.set_producer_name("elbo");
    proto.set_producer_version(version);
    proto.set_doc_string(meaning);
    proto.add_opset_import()->set_version(operator_set);
    proto.mutable_opset_import(0)->set_domain("");
    proto.mutable_graph()->set_name(name);
    for (const auto& [key, text] : notes) {
        ::onnx::StringStringEntryProto& entry = *proto.add_metadata_props();
        entry.set_key(key);
        entry.set_value(text);
    }
    return proto;
}

} // namespace

Files files_of(const model::Vae& model, std::span<const float> values, const Notes& notes) {
    const model::Computation computation = model.computation(values);
    const Shape code = {model.latent()};
    Files files;
    {
        ::onnx::ModelProto proto =
            started("encoder", "The posterior q(z | x) of a variational autoencoder: a normal distribution.", notes);
        Graph graph(*proto.mutable_graph());
        Operations operations(graph, model.parameters(), values);
        const Flow hidden = operations.apply({graph.input("x", computation.sample), computation.sample}, //
                                             computation.encoder);
        graph.output("mean", operations.apply(hidden, computation.mean).name, code);
        graph.output("log_variance", bounded(graph, operations.apply(hidden, computation.log_variance).name), code);
        files.encoder = bytes_of(proto);
    }
    {
        ::onnx::ModelProto proto =
            started("decoder",
                    "The likelihood p(x | z) of a variational autoencoder: its mean, and the variance of "
                    "every element about it where that is one number.",
                    notes);
        Graph graph(*proto.mutable_graph());
        Operations operations(graph, model.parameters(), values);
        Flow flow = operations.apply({graph.input("z", code), code}, computation.decoder);
        flow = operations.reshaped(flow, computation.sample);
        graph.output("mean", operations.activate(flow.name, computation.expectation), computation.sample);
        if (computation.variance)
            graph.output("variance", graph.number(static_cast<float>(*computation.variance)), {}, false);
        files.decoder = bytes_of(proto);
    }
    return files;
}

} // namespace elbo::onnx
