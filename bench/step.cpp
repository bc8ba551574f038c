// Time of a training step's arithmetic on one rank: Vae::gradient and the optimiser's update, samples a second; and of
// its parts. Data already lies in memory, nothing is exchanged.
#include "model/vae.hpp"
#include "optimizers/optimizer.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace {

using namespace elbo;

struct Network {
    const char* name;
    std::size_t dimensions;
    std::vector<std::int64_t> hidden; ///< of the encoder; the decoder has them in reverse
    std::size_t latent;
    const char* activation;
};

const Network mlp{"mlp 784-400-400-20", 784, {400, 400}, 20, "relu"};
const Network iwae{"iwae 784-200-200-50", 784, {200, 200}, 50, "tanh"};
const Network wide{"wide 4096-2048-1024-64", 4096, {2048, 1024}, 64, "relu"};

config::Model model_settings(const Network& network) {
    config::Model model;
    model.latent = network.latent;
    for (const std::int64_t units : network.hidden) {
        model.encoder.push_back({"dense", "", {{"dense", units}, {"activation", std::string(network.activation)}}});
    }
    model.decoder = {model.encoder.rbegin(), model.encoder.rend()};
    model.likelihood.kind = "bernoulli";
    return model;
}

/// A model with its arrays, a few batches of random binary pixels, and Adam.
struct Training {
    static constexpr std::size_t batches = 16;
    model::Vae vae;
    AlignedFloats values, gradients, x;
    std::vector<std::uint64_t> samples;
    std::unique_ptr<optimizers::Optimizer> adam;
    std::size_t batch;
    std::uint64_t step = 0;

    Training(const Network& network, std::size_t rows)
        : vae(model_settings(network), {network.dimensions}, rows),
          values(vae.parameters().size()),
          gradients(vae.parameters().size()),
          x(batches * rows * network.dimensions),
          samples(rows),
          batch(rows) {
        vae.allocate();
        vae.initialise(1, std::vector<double>(network.dimensions, 0.13), values.span());
        for (std::size_t i = 0; i < batches * rows; ++i) {
            const std::span<float> row = x.span().subspan(i * network.dimensions, network.dimensions);
            std::ranges::fill(row, 0.13f);
            binarize({1, Purpose::binarize, 0}, i, row);
        }
        std::iota(samples.begin(), samples.end(), 0);
        const config::Settings settings{"adam", "", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}}};
        adam = optimizers::optimizer_kind("adam").make(settings, 0, values.span().size());
    }

    model::Batch next() {
        const std::size_t at = step % batches * batch * vae.dimensions();
        return {{x.span().data() + at, batch, vae.dimensions()}, samples};
    }

    void gradient() {
        vae.gradient(values.span(), next(), {1, Purpose::posterior, 0}, 1, 1.0 / static_cast<double>(batch),
                     gradients.span());
        ++step;
    }

    void update() { adam->update(0, values.span().size(), values.span(), gradients.span(), {1e-3, step + 1, 1}); }

    void evaluate() {
        vae.evaluate(values.span(), next(), {1, Purpose::validation_posterior, 0});
        ++step;
    }
};

void measure(benchmark::State& state, const Network& network, void (*body)(Training&)) {
    Training training(network, static_cast<std::size_t>(state.range(0)));
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
    for (const Network* network : {&mlp, &iwae, &wide}) {
        for (const auto& [name, body] : bodies) {
            const std::string title = std::string(network->name) + "/" + name;
            const auto run = [network, call = body](benchmark::State& state) { measure(state, *network, call); };
            benchmark::RegisterBenchmark(title.c_str(), run)->Arg(128)->Arg(20)->Unit(benchmark::kMicrosecond);
        }
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
