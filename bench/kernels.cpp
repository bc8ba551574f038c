// Kernels one by one on one thread, operands in the cache: products in the three forms that a dense layer has, and the
// elementwise passes. build/bench_kernels --benchmark_filter=product; FLOP/s for products, elements/s for passes.
#include "layers/activation.hpp"
#include "model/likelihood.hpp"
#include "model/posterior.hpp"
#include "networks.hpp"
#include "numerics/any_matrix.hpp"
#include "numerics/convolution.hpp"
#include "numerics/denormals.hpp"
#include "numerics/matmul.hpp"
#include "numerics/row_product.hpp"
#include "numerics/sums.hpp"
#include "optimizers/optimizer.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <functional>
#include <string>

namespace {

using namespace elbo;
using benchmark::State;

/// Uniform numbers in [0, 1), as a matrix of either precision.
class Numbers {
public:
    Numbers(std::size_t rows, std::size_t columns, Precision precision = Precision::fp32)
        : exact_(rows * columns), rounded_(precision == Precision::bf16 ? rows * columns : 0), rows_(rows) {
        fill_uniform({1, Purpose::posterior, 0}, ++made_, 0, exact_.span());
        if (!rounded_.empty()) copy(floats(), matrix());
    }

    AnyMatrix matrix() {
        if (rounded_.empty()) return floats();
        return {rounded_.data(), rows_, rounded_.size() / rows_};
    }
    Matrix<float> floats() { return {exact_.span().data(), rows_, exact_.span().size() / rows_}; }
    std::span<float> span() { return exact_.span(); }

private:
    inline static std::uint64_t made_ = 0;
    AlignedFloats exact_;
    std::vector<BFloat16> rounded_;
    std::size_t rows_;
};

/// The products of a dense layer, named by what they compute.
struct Form {
    const char* name;
    Transpose transpose;
};
constexpr Form forms[] = {
    {"forward", Transpose::b}, {"weight_gradient", Transpose::a}, {"input_gradient", Transpose::none}};

void product(State& state, const Form& form, std::size_t batch, std::size_t in, std::size_t out, Precision precision) {
    Numbers x(batch, in, precision), weight(out, in, precision), y(batch, out, precision), gradient(out, in);
    Product multiply(form.transpose);
    for (auto _ : state) {
        if (form.transpose == Transpose::b) multiply(x.matrix(), weight.matrix(), y.matrix());
        if (form.transpose == Transpose::a) multiply(y.matrix(), x.matrix(), gradient.matrix());
        if (form.transpose == Transpose::none) multiply(y.matrix(), weight.matrix(), x.matrix());
    }
    const double each = 2.0 * static_cast<double>(batch) * static_cast<double>(in) * static_cast<double>(out);
    state.counters["FLOP/s"] =
        benchmark::Counter(each * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// The forward product as dot products of rows.
void rows(State& state, std::size_t batch, std::size_t in, std::size_t out) {
    Numbers x(batch, in), weight(out, in), y(batch, out);
    for (auto _ : state) product_of_rows(x.floats(), weight.floats(), y.floats(), {});
    const double each = 2.0 * static_cast<double>(batch) * static_cast<double>(in) * static_cast<double>(out);
    state.counters["FLOP/s"] =
        benchmark::Counter(each * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// The ways of a convolution of so many images, of which it has each in the cache when its turn comes.
enum class Way { forward, input_gradient, weight_gradient };

void convolution(State& state, Way way, const ConvolutionShape& shape, std::size_t images, Precision precision) {
    Numbers x(images, shape.inputs(), precision), weight(1, shape.weights(), precision);
    Numbers y(images, shape.outputs(), precision), gradient(1, shape.weights());
    Convolution convolution(shape);
    for (auto _ : state) {
        if (way == Way::forward) convolution.forward(x.matrix(), weight.matrix(), y.matrix());
        if (way == Way::input_gradient) convolution.back_to_input(y.matrix(), weight.matrix(), x.matrix());
        if (way == Way::weight_gradient) convolution.back_to_weight(x.matrix(), y.matrix(), gradient.floats());
    }
    state.counters["FLOP/s"] =
        benchmark::Counter(shape.flops() * static_cast<double>(images) * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate);
}

/// A pass over so many elements; body does it once.
void pass(const std::string& name, std::size_t elements, std::function<void()> body) {
    benchmark::RegisterBenchmark(name.c_str(), [elements, body = std::move(body)](State& state) {
        for (auto _ : state) body();
        state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(elements));
    });
}

void register_products() {
    struct Shape {
        std::size_t in, out;
    };
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
        if (!matmul_supports(precision)) continue;
        for (const Shape shape : {Shape{784, 400}, Shape{400, 400}, Shape{200, 200}, Shape{20, 400}, Shape{2048, 1024}})
            for (const std::size_t batch : {std::size_t{128}, std::size_t{20}})
                for (const Form& form : forms) {
                    const std::string name = fmt::format("product/{}/{}/{}x{}/{}", form.name, name_of(precision),
                                                         shape.in, shape.out, batch);
                    benchmark::RegisterBenchmark(name.c_str(), [=](State& state) {
                        product(state, form, batch, shape.in, shape.out, precision);
                    });
                }
    }
}

void register_convolutions() {
    constexpr std::pair<const char*, Way> ways[] = {
        {"forward", Way::forward}, {"input_gradient", Way::input_gradient}, {"weight_gradient", Way::weight_gradient}};
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
        if (!matmul_supports(precision)) continue;
        for (const ConvolutionShape& s :
             {ConvolutionShape{64, 64, 1, 32, 4, 2, 1}, ConvolutionShape{32, 32, 32, 32, 4, 2, 1},
              ConvolutionShape{16, 16, 32, 32, 4, 2, 1}, ConvolutionShape{8, 8, 32, 32, 4, 2, 1},
              ConvolutionShape{16, 16, 64, 64, 3, 1, 1}, ConvolutionShape{32, 32, 3, 64, 3, 1, 1},
              ConvolutionShape{28, 28, 16, 24, 5, 1, 2}})
            for (const auto& [name, way] : ways) {
                const std::string full =
                    fmt::format("convolution/{}/{}/{}x{}x{}/to_{}_kernel_{}_stride_{}", name, name_of(precision),
                                s.height, s.width, s.channels, s.out_channels, s.kernel, s.stride);
                benchmark::RegisterBenchmark(full.c_str(),
                                             [=, w = way](State& state) { convolution(state, w, s, 32, precision); });
            }
    }
}

void register_rows() {
    for (const std::size_t in : {20, 200, 400, 784, 2048})
        for (const std::size_t batch : {1, 5, 8, 12, 20, 32, 48, 64}) {
            const std::string name = fmt::format("rows/{}x400/{}", in, batch);
            benchmark::RegisterBenchmark(name.c_str(), [=](State& state) { rows(state, batch, in, 400); });
            const std::string by_library = fmt::format("oneDNN/{}x400/{}", in, batch);
            benchmark::RegisterBenchmark(
                by_library.c_str(), [=](State& state) { product(state, forms[0], batch, in, 400, Precision::fp32); });
        }
}

void register_activations(std::size_t rows, std::size_t columns) {
    for (const layers::ActivationKind& kind : layers::activation_kinds()) {
        const std::string shape = fmt::format("{}/{}x{}", kind.schema.name, rows, columns);
        const auto y = std::make_shared<Numbers>(rows, columns), diff = std::make_shared<Numbers>(rows, columns);
        const auto slope = std::make_shared<Numbers>(rows, columns), bias = std::make_shared<Numbers>(1, columns);
        pass("activate/" + shape, rows * columns,
             [=, &kind] { layers::activate(kind.activation, bias->span(), y->matrix(), slope->matrix()); });
        pass("activation_gradient/" + shape, rows * columns, [=, &kind] {
            const ConstAnyMatrix kept = kind.keeps_slope ? slope->matrix() : y->matrix();
            layers::backpropagate_activation(kind.activation, kept, diff->matrix(), bias->span());
        });
    }
}

void register_model(std::size_t rows, std::size_t dimensions, std::size_t latent) {
    const auto x = std::make_shared<Numbers>(rows, dimensions), outputs = std::make_shared<Numbers>(rows, dimensions);
    const auto diff = std::make_shared<Numbers>(rows, dimensions);
    const auto terms = std::make_shared<std::vector<double>>(rows);
    for (const model::LikelihoodKind& kind : model::likelihood_kinds()) {
        config::Settings settings{std::string(kind.schema.name), "", {}};
        if (settings.kind == "gaussian") settings.values["variance"] = 0.1;
        const auto parameters = std::make_shared<layers::ParameterTable>();
        const std::shared_ptr<model::Likelihood> likelihood = kind.make(settings, *parameters);
        pass(fmt::format("likelihood/{}/{}x{}", kind.schema.name, rows, dimensions), rows * dimensions,
             [=] { likelihood->evaluate({}, outputs->floats(), x->floats(), 1, *terms, diff->matrix(), {}); });
    }
    const auto heads = std::make_shared<Numbers>(rows, 2 * latent), noise = std::make_shared<Numbers>(rows, latent);
    const auto z = std::make_shared<Numbers>(rows, latent), by_heads = std::make_shared<Numbers>(rows, 2 * latent);
    const std::string shape = fmt::format("{}x{}", rows, latent);
    pass("posterior/" + shape, rows * latent,
         [=] { model::sample_posterior(heads->floats(), noise->floats(), z->matrix(), *terms); });
    pass("posterior_gradient/" + shape, rows * latent,
         [=] { model::backpropagate_posterior(heads->floats(), noise->floats(), z->floats(), 1, by_heads->matrix()); });
    pass("normals/" + shape, rows * latent, [=] {
        for (std::size_t i = 0; i < rows; ++i) fill_normal({1, Purpose::posterior, 0}, i, 0, noise->floats().row(i));
    });
    pass(fmt::format("binarize/{}x{}", rows, dimensions), rows * dimensions, [=] {
        for (std::size_t i = 0; i < rows; ++i) binarize({1, Purpose::binarize, 0}, i, diff->floats().row(i));
    });
}

void register_updates(std::size_t elements) {
    const auto values = std::make_shared<Numbers>(1, elements), gradients = std::make_shared<Numbers>(1, elements);
    const auto rounded = std::make_shared<std::vector<BFloat16>>(elements);
    const config::Settings sgd{"sgd", "", {{"momentum", 0.9}, {"nesterov", false}, {"weight_decay", 0.0}}};
    for (const config::Settings& settings : {bench::adam_settings(), sgd}) {
        const std::shared_ptr<optimizers::Optimizer> optimizer =
            optimizers::optimizer_kind(settings.kind).make(settings, elements);
        const auto update = [=](std::span<BFloat16> bf16_copy) {
            optimizer->update({0, elements, 0}, values->span(), gradients->span(), {1e-6, 1000, 1}, bf16_copy);
        };
        pass(fmt::format("update/{}/{}", settings.kind, elements), elements, [=] { update({}); });
        pass(fmt::format("update/{}/with_bf16_copy/{}", settings.kind, elements), elements, [=] { update(*rounded); });
    }
    pass(fmt::format("add/{}", elements), elements, [=] { add(values->span(), gradients->span(), values->span()); });
    pass(fmt::format("sum_of_squares/{}", sum_block), sum_block,
         [=] { benchmark::DoNotOptimize(sum_of_squares(gradients->span().first(sum_block))); });
}

} // namespace

int main(int argc, char** argv) {
    flush_denormals();
    set_matmul_threads(1);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    register_products();
    register_convolutions();
    register_rows();
    register_activations(128, 400);
    register_model(128, 784, 20);
    register_updates(std::size_t{1} << 16U); // state, values and gradients: 1 MiB
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
