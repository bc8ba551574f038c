// Time of a training step's arithmetic on one rank: Vae::gradient and the optimiser's update, samples a second; and of
// its parts. Data already lies in memory, nothing is exchanged.
#include "model/vae.hpp"
#include "networks.hpp"
#include "numerics/matmul.hpp"
#include "optimizers/optimizer.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

namespace {

using namespace elbo;

using bench::Network;

/// A model with its arrays, a few batches of random binary pixels, and Adam.
struct Training {
    model::Vae vae;
    AlignedFloats values, gradients;
    std::vector<BFloat16> rounded;
    bench::Batches batches;
    std::unique_ptr<optimizers::Optimizer> adam;
    std::size_t batch;
    std::uint64_t step = 0;

    Training(const Network& network, std::size_t rows, Precision precision)
        : vae(bench::model_settings(network), {network.dimensions}, rows, precision),
          values(vae.parameters().size()),
          gradients(vae.parameters().size()),
          rounded(precision == Precision::bf16 ? vae.parameters().size() : 0),
          batches(rows, network.dimensions),
          batch(rows) {
        vae.allocate();
        vae.initialise(1, std::vector<double>(network.dimensions, 0.13), values.span());
        if (precision == Precision::bf16)
            copy({values.span().data(), 1, rounded.size()}, {rounded.data(), 1, rounded.size()});
        adam = optimizers::optimizer_kind("adam").make(bench::adam_settings(), values.span().size());
    }

    model::Batch next() const { return batches.at(step); }

    void gradient() {
        vae.gradient({values.span(), rounded}, next(), {1, Purpose::posterior, 0}, 1, 1.0 / static_cast<double>(batch),
                     gradients.span());
        ++step;
    }

    void update() {
        adam->update({0, values.span().size(), 0}, values.span(), gradients.span(), {1e-3, step + 1, 1}, rounded);
    }

    void evaluate() {
        vae.evaluate({values.span(), rounded}, next(), {1, Purpose::validation_posterior, 0});
        ++step;
    }
};

void measure(benchmark::State& state, const Network& network, Precision precision, void (*body)(Training&)) {
    Training training(network, static_cast<std::size_t>(state.range(0)), precision);
    for (int i = 0; i < 20; ++i) body(training);
    for (auto _ : state) body(training);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

void whole_step(Training& training) {
    training.gradient();
    training.update();
}

} // namespace

int main(int argc, char** argv) {
    using Body = void (*)(Training&);
    const std::pair<const char*, Body> bodies[] = {{"step", whole_step},
                                                   {"gradient", [](Training& t) { t.gradient(); }},
                                                   {"evaluate", [](Training& t) { t.evaluate(); }},
                                                   {"adam", [](Training& t) { t.update(); }}};
    for (const Network* network : {&bench::mlp, &bench::iwae, &bench::wide}) {
        for (const Precision precision : {Precision::fp32, Precision::bf16}) {
            if (!matmul_supports(precision)) continue;
            for (const auto& [name, body] : bodies) {
                const std::string title = std::string(network->name) + "/" + name_of(precision) + "/" + name;
                const auto run = [network, precision, call = body](benchmark::State& state) {
                    measure(state, *network, precision, call);
                };
                benchmark::RegisterBenchmark(title.c_str(), run)->Arg(128)->Arg(20)->Unit(benchmark::kMicrosecond);
            }
        }
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
