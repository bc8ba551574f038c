// Exported models compute what elbo's own do: onnxruntime runs the files (tests/onnx/check.py), where there is a Python
// that has it: ELBO_ONNX_PYTHON, or the one that tests/run.sh gets.
#include "numerics/random.hpp"
#include "onnx/files.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"
#include "training/inputs.hpp"
#include "training/schema.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace {

using namespace elbo;
namespace fs = std::filesystem;

struct Case {
    std::string name;
    Shape sample;
    config::Model model;
};

/// Of every kind of layer and every activation, with sizes that nothing divides.
constexpr std::pair<const char*, const char*> odd_models[] = {
    {"13 9 2", R"({latent: 3, activation: leaky_relu, likelihood: gaussian,
      encoder: [{conv: 6, kernel: 3, stride: 2, padding: 1}, {group_norm: 3, activation: gelu}, {dropout: 0.3},
                {conv: 5, kernel: 2, stride: 3, activation: silu}, {layer_norm: {activation: softplus}}, flatten,
                {dense: 7, activation: tanh}, layer_norm, {dense: 12}, {group_norm: 3, activation: sigmoid}],
      decoder: [{dense: 18, activation: gelu}, {reshape: [3, 3, 2]}, {upsample: 3},
                {deconv: 4, kernel: 3, stride: 2, padding: 2}, layer_norm,
                {residual: [{conv: 4, kernel: 5, padding: 2}, {group_norm: 2}], activation: relu},
                {reshape: [10, 18, 5]}, {conv: 3, kernel: 4, stride: 3}],
      output: [{dense: 234}]})"},
    {"5 7", R"({latent: 2, activation: relu, likelihood: {gaussian: {variance: 0.25}},
      encoder: [{group_norm: 1, activation: silu}, {residual: [flatten, {dense: 35}, {reshape: [5, 7]}]},
                {upsample: 2}, {residual: [{conv: 1, padding: 1}, {dense: 140}, {reshape: [10, 14, 1]}]}],
      decoder: [{dense: 20, activation: softplus}, {reshape: [5, 4]}, {deconv: 2, kernel: 2}],
      output: [{dense: 35}]})"},
    {"11", R"({latent: 4, activation: tanh,
      encoder: [{residual: [{dense: 11}, {layer_norm: {activation: relu}}], activation: gelu}],
      decoder: [{dropout: 0.5}]})"},
    {"8 8 1", R"({latent: 2, activation: relu,
      encoder: [flatten],
      decoder: [{dense: 16}, {reshape: [4, 4]}, {residual: [{conv: 1, padding: 1}, {reshape: [4, 4]}]}],
      output: [{deconv: 1, kernel: 2, stride: 2}]})"},
};

config::Config parsed(const std::string& text) { return config::parse({"test", text}, {}, training::schema()); }

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const auto& [sample, model] : odd_models) {
        std::string list = sample;
        std::ranges::replace(list, ' ', ',');
        const std::string text = fmt::format("output: x\ndata: {{train: x.h5, shape: [{}]}}\nmodel: {}", list, model);
        const config::Config config = parsed(text);
        all.push_back({fmt::format("odd-{}", all.size()), config.data.shape, config.model});
    }
    for (const auto& entry : fs::directory_iterator(ELBO_SOURCE_DIR "/configs")) {
        const std::string name = entry.path().stem();
        const config::Config config = config::parse(config::read_source(entry.path()), {}, training::schema());
        Shape sample = {28, 28};
        if (name.starts_with("sprites")) sample = {64, 64};
        if (name == "sprites-residual") sample = {64, 64, 3};
        if (name == "cifar") sample = {32, 32, 3};
        all.push_back({name, sample, config.model});
    }
    return all;
}

/// Values as a training might have left them: no bias is zero, no gain one. Raw log variances go beyond their bound.
std::vector<float> values_of(const model::Vae& vae) {
    std::vector<float> values(vae.parameters().size());
    vae.initialise(1, std::vector<double>(vae.dimensions(), 0.3), values);
    for (const layers::Parameter& parameter : vae.parameters().all()) {
        const std::span<float> own = std::span(values).subspan(parameter.offset, parameter.size);
        std::vector<float> uniform(own.size());
        fill_uniform({2, Purpose::synthesis, 0}, parameter.offset, 0, uniform);
        if (parameter.shape.size() == 1)
            for (std::size_t i = 0; i < own.size(); ++i) own[i] += 0.6F * (uniform[i] - 0.5F);
        if (parameter.path == "encoder/log_variance/weight")
            for (float& value : own) value *= 60;
    }
    return values;
}

void write(const fs::path& file, std::span<const float> values) { storage::write_whole(file, std::as_bytes(values)); }

void write_case(const fs::path& folder, const Case& some) {
    constexpr std::size_t rows = 5;
    model::Vae vae(some.model, some.sample, 4);
    vae.allocate();
    const std::vector<float> values = values_of(vae);
    const onnx::Files files = onnx::files_of(vae, values, {{"case", some.name}});
    const onnx::Files again = onnx::files_of(vae, values, {{"case", some.name}});
    EXPECT_TRUE(files.encoder == again.encoder && files.decoder == again.decoder);
    const std::size_t width = vae.dimensions(), latent = vae.latent();
    std::vector<float> x(rows * width), z(rows * latent), mean(z), log_variance(z), decoded(x);
    fill_uniform({3, Purpose::synthesis, 0}, 0, 0, x);
    fill_normal({4, Purpose::synthesis, 0}, 0, 0, z);
    vae.encode(values, {x.data(), rows, width}, {mean.data(), rows, latent}, {log_variance.data(), rows, latent});
    vae.decode(values, {z.data(), rows, latent}, {decoded.data(), rows, width});
    fs::create_directory(folder);
    storage::write_whole(folder / "encoder.onnx", files.encoder);
    storage::write_whole(folder / "decoder.onnx", files.decoder);
    write(folder / "x.bin", x);
    write(folder / "z.bin", z);
    write(folder / "mean.bin", mean);
    write(folder / "log_variance.bin", log_variance);
    write(folder / "decoded.bin", decoded);
    if (const auto variance = vae.computation(values).variance) {
        const float number = static_cast<float>(*variance);
        write(folder / "variance.bin", {&number, 1});
    }
}

/// What a command says, and its status behind it.
std::string said_by(const std::string& command) {
    std::FILE* const pipe = popen((command + " 2>&1; echo status $?").c_str(), "r");
    std::string text;
    std::array<char, 4096> some;
    while (const std::size_t count = std::fread(some.data(), 1, some.size(), pipe)) text.append(some.data(), count);
    pclose(pipe);
    return text;
}

TEST(OnnxFiles, ComputeWhatTheModelDoes) {
    const char* const given = std::getenv("ELBO_ONNX_PYTHON");
    const std::string python = given ? given : ELBO_SOURCE_DIR "/build/wheels/onnxruntime/bin/python";
    if (said_by("'" + python + "' -c 'import onnx, onnxruntime'") != "status 0\n")
        GTEST_SKIP() << "no onnx and onnxruntime in " << python << ": tests/run.sh gets them, or set ELBO_ONNX_PYTHON";
    const elbo::testing::TemporaryFolder folder;
    const std::vector<Case> all = cases();
    for (const Case& some : all) {
        SCOPED_TRACE(some.name);
        write_case(folder / some.name.c_str(), some);
    }
    const std::string said =
        said_by(fmt::format("'{}' '{}' '{}'", python, ELBO_SOURCE_DIR "/tests/onnx/check.py", folder.path().string()));
    EXPECT_NE(said.find("status 0"), std::string::npos) << said;
    for (const Case& some : all) EXPECT_NE(said.find(some.name + ": the same"), std::string::npos) << said;
}

} // namespace
