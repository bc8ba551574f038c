// The table of core keys: name, type, default, meaning, effect, bounds, and the member of Config that it fills. Those
// of data stand in data_keys.cpp.
#include "config/keys.hpp"

#include "config/values.hpp"

#include <array>

namespace elbo::config {
namespace {

constexpr double most_epochs = 16'777'215; // 24 bits of the counter that addresses random numbers
constexpr double most_steps = 1e12;
constexpr double most_draws = 1 << 24;
constexpr double most_bucket = 1 << 30; // MPI counts in int

constexpr std::string_view placeholders =
    "folder of the run; {key} stands for the value of another key, as in runs/z{model.latent}-s{seed}";

Precision precision_in(const Checked& v) { return v.text() == "bf16" ? Precision::bf16 : Precision::fp32; }

const auto run_table = std::to_array<CoreKey>({
    {{"output", Type::path, "", placeholders, Effect::none}, [](Config& c, const Checked& v) { c.output = v.text(); }},
    {{"seed", Type::integer, "1", "of initial values, sample order and noise", Effect::model, 0, 4294967295.0},
     [](Config& c, const Checked& v) { c.seed = static_cast<std::uint32_t>(v.count()); }},
});

const auto table = std::to_array<CoreKey>({
    {{"model.latent", Type::integer, "", "dimensions of the latent variable", Effect::model, 1, 1e6},
     [](Config& c, const Checked& v) { c.model.latent = v.count(); }},
    {{"model.activation", Type::choice, "relu", "of every layer that does not name its own", Effect::model},
     [](Config&, const Checked&) {},
     &Schema::activations},
    {{"model.encoder", Type::layers, "",
      "from a sample to the posterior's mean and log variance, which follow the list", Effect::model},
     [](Config& c, const Checked& v) { c.model.encoder = v.layers; },
     &Schema::layers,
     Stand::within},
    {{"model.decoder", Type::layers, "",
      "from the latent variable to the likelihood's parameters, which follow the list", Effect::model},
     [](Config& c, const Checked& v) { c.model.decoder = v.layers; },
     &Schema::layers,
     Stand::within},
    {{"model.output", Type::layers, "~",
      "the layer that follows the decoder's list and gives the likelihood's parameters, without activation, in a list "
      "of "
      "one; unset: dense",
      Effect::model},
     [](Config& c, const Checked& v) { c.model.output = v.layers; },
     &Schema::layers,
     Stand::within},
    {{"model.likelihood", Type::choice, "bernoulli", "p(x | z), which the decoder's outputs are the parameters of",
      Effect::model},
     [](Config& c, const Checked& v) { c.model.likelihood = v.choice; },
     &Schema::likelihoods,
     Stand::within},
    {{"model.start", Type::path, "~",
      "initial values from another run (its best checkpoint) or a checkpoint; RUN:encoder or RUN:decoder takes that "
      "part "
      "alone",
      Effect::model},
     [](Config& c, const Checked& v) { c.model.start = v.text(); }},

    {{"optimizer.kind", Type::choice, "adam", "its own keys stand beside it", Effect::model},
     [](Config& c, const Checked& v) { c.optimizer.kind = v.choice; },
     &Schema::optimizers,
     Stand::beside},
    {{"optimizer.rate.start",
      Type::number,
      "1e-3",
      "learning rate after the warm-up; optimizer.rate: 1e-3 is short for it",
      Effect::trajectory,
      0,
      no_bound,
      {},
      true},
     [](Config& c, const Checked& v) { c.optimizer.rate = v.number(); },
     nullptr,
     Stand::name,
     true},
    {{"optimizer.rate.warmup", Type::integer, "0", "steps over which the rate rises linearly to its start",
      Effect::trajectory, 0, most_steps},
     [](Config& c, const Checked& v) { c.optimizer.warmup = v.count(); }},
    {{"optimizer.rate.decay", Type::choice, "constant", "how the rate falls later; its own keys stand beside it",
      Effect::trajectory},
     [](Config& c, const Checked& v) { c.optimizer.decay = v.choice; },
     &Schema::decays,
     Stand::beside},
    {{"optimizer.clip",
      Type::number,
      "~",
      "largest global norm of the gradient; longer ones are scaled down to it",
      Effect::trajectory,
      0,
      no_bound,
      {},
      true},
     [](Config& c, const Checked& v) { c.optimizer.clip = v.optional_number(); }},

    {{"objective.beta", Type::number, "1", "weight of the KL term in the objective (the logged ELBO has weight 1)",
      Effect::trajectory, 0},
     [](Config& c, const Checked& v) { c.objective.beta = v.number(); }},
    {{"objective.warmup", Type::number, "0", "epochs over which the KL term's weight rises linearly from 0 to beta",
      Effect::trajectory, 0, most_epochs},
     [](Config& c, const Checked& v) { c.objective.warmup = v.number(); }},

    {{"training.epochs", Type::integer, "20", "passes over the training samples", Effect::trajectory, 1, most_epochs},
     [](Config& c, const Checked& v) { c.training.epochs = v.count(); }},
    {{"training.batch", Type::integer, "128", "samples a step over all ranks", Effect::trajectory, 1, most_rows},
     [](Config& c, const Checked& v) { c.training.batch = v.optional_count(); },
     nullptr,
     Stand::name,
     false,
     "training.batch_per_rank"},
    {{"training.batch_per_rank", Type::integer, "~", "samples a step on each rank, instead of training.batch",
      Effect::trajectory, 1, most_rows},
     [](Config& c, const Checked& v) { c.training.batch_per_rank = v.optional_count(); },
     nullptr,
     Stand::name,
     false,
     "training.batch"},
    {{"training.patience", Type::integer, "~",
      "epochs without a better validation ELBO after which training stops early", Effect::trajectory, 1, most_epochs},
     [](Config& c, const Checked& v) { c.training.patience = v.optional_count(); }},
    {{"training.threads", Type::integer, "1", "threads a rank; the last bits of every sum depend on it",
      Effect::trajectory, 1, 1024},
     [](Config& c, const Checked& v) { c.training.threads = v.count(); }},
    {{"training.precision",
      Type::text,
      "fp32",
      "what matrix products read and activations are stored in; bf16: values, sums and the optimiser stay in fp32; a "
      "CPU without bf16 products takes fp32, and says so",
      Effect::trajectory,
      -no_bound,
      no_bound,
      {"fp32", "bf16"}},
     [](Config& c, const Checked& v) { c.training.precision = precision_in(v); }},
    {{"training.accumulate", Type::integer, "1",
      "rounds in which each rank computes its part of a batch, with one exchange and one update: memory of activations "
      "for one round alone; training.virtual_ranks is then the number of ranks at the first start times the rounds",
      Effect::model, 1, 1 << 16},
     [](Config& c, const Checked& v) { c.training.accumulate = v.count(); }},
    {{"training.virtual_ranks", Type::integer, "~",
      "parts of a batch whose gradients are summed in a fixed order, whoever computes them: the same bits on any "
      "number of ranks up to it; unset: the number of ranks at the first start, times training.accumulate",
      Effect::trajectory, 1, 1 << 20},
     [](Config& c, const Checked& v) { c.training.virtual_ranks = v.optional_count(); }},
    {{"training.exact", Type::flag, "false", "refuse to go on where the last bits could change, rather than say so",
      Effect::none},
     [](Config& c, const Checked& v) { c.training.exact = v.flag(); }},
    {{"training.time_limit", Type::duration, "~",
      "of one start, as in 3h50m: training saves and stops early enough to be done by then", Effect::none},
     [](Config& c, const Checked& v) { c.training.time_limit = v.optional_seconds(); }},
    {{"training.on_nan",
      Type::text,
      "stop",
      "what a step does whose ELBO or gradient is not finite: stop with the checkpoint from before, or skip it on all "
      "ranks",
      Effect::trajectory,
      -no_bound,
      no_bound,
      {"stop", "skip"}},
     [](Config& c, const Checked& v) { c.training.skip_not_finite = v.text() == "skip"; }},
    {{"training.skip_limit", Type::integer, "10", "steps in a row that on_nan: skip may skip before training stops",
      Effect::trajectory, 1, most_steps},
     [](Config& c, const Checked& v) { c.training.skip_limit = v.count(); }},

    {{"numerics.allow_reference", Type::flag, "false",
      "layers for which oneDNN has only its reference kernels, a thousand times slower, are computed by them; false: "
      "they are refused",
      Effect::trajectory},
     [](Config& c, const Checked& v) { c.numerics.allow_reference = v.flag(); }},

    {{"communication.shared", Type::flag, "true",
      "ranks of a host share one copy of the parameters and read each other's gradients in place", Effect::none},
     [](Config& c, const Checked& v) { c.communication.shared = v.flag(); }},
    {{"communication.bucket_bytes", Type::integer, "~",
      "of gradients that are sent between nodes at once, while the backward pass goes on; unset: chosen at the start "
      "by "
      "the network's latency and bandwidth",
      Effect::none, 1 << 14, most_bucket},
     [](Config& c, const Checked& v) { c.communication.bucket_bytes = v.optional_count(); }},
    {{"communication.route",
      Type::text,
      "auto",
      "how gradients are summed between nodes; direct: each sends all to all; scattered: each sums a share; halving: "
      "recursive halving, messages growing as the logarithm of the nodes; auto: chosen by measuring; the same bits by "
      "all",
      Effect::none,
      -no_bound,
      no_bound,
      {"auto", "direct", "scattered", "halving"}},
     [](Config& c, const Checked& v) { c.communication.route = v.text(); }},
    {{"communication.precision",
      Type::text,
      "fp32",
      "what gradients are rounded to where they leave a node; bf16: half the bytes, and the last bits then depend on "
      "the "
      "number of nodes",
      Effect::trajectory,
      -no_bound,
      no_bound,
      {"fp32", "bf16"}},
     [](Config& c, const Checked& v) { c.communication.precision = precision_in(v); }},
    {{"communication.stall_seconds",
      Type::number,
      "60",
      "seconds without a step after which the ranks that are waited for are named",
      Effect::none,
      0,
      no_bound,
      {},
      true},
     [](Config& c, const Checked& v) { c.communication.stall_seconds = v.number(); }},
    {{"communication.stall_abort", Type::number, "600", "seconds without a step after which the run is ended; 0: never",
      Effect::none, 0},
     [](Config& c, const Checked& v) {
         if (v.number() > 0)
             c.communication.stall_abort = v.number();
         else
             c.communication.stall_abort.reset();
     }},

    {{"checkpoint.every.epochs", Type::integer, "1",
      "epochs between checkpoints; 0: none for epochs' sake; checkpoint.every: 1 is short for it", Effect::none, 0,
      most_epochs},
     [](Config& c, const Checked& v) { c.checkpoint.epochs = v.count(); },
     nullptr,
     Stand::name,
     true},
    {{"checkpoint.every.steps", Type::integer, "~", "steps between further checkpoints within an epoch", Effect::none,
      1, most_steps},
     [](Config& c, const Checked& v) { c.checkpoint.steps = v.optional_count(); }},
    {{"checkpoint.every.minutes",
      Type::number,
      "~",
      "minutes after which there is a checkpoint, wherever in an epoch",
      Effect::none,
      0,
      no_bound,
      {},
      true},
     [](Config& c, const Checked& v) { c.checkpoint.minutes = v.optional_number(); }},
    {{"checkpoint.keep", Type::integer, "3", "newest checkpoints that are kept; the best is kept besides", Effect::none,
      1, most_epochs},
     [](Config& c, const Checked& v) { c.checkpoint.keep = v.count(); }},
    {{"checkpoint.verify", Type::flag, "false", "read every checkpoint back from the disk and compare its checksum",
      Effect::none},
     [](Config& c, const Checked& v) { c.checkpoint.verify = v.flag(); }},

    {{"evaluate.every", Type::integer, "0",
      "epochs between estimates of the validation data's log-likelihood by the importance-weighted bound L_K; 0: none",
      Effect::none, 0, most_epochs},
     [](Config& c, const Checked& v) { c.evaluate.every = v.count(); }},
    {{"evaluate.samples", Type::integer, "100", "draws K for each sample", Effect::none, 1, most_draws},
     [](Config& c, const Checked& v) { c.evaluate.samples = v.count(); }},

    {{"report.every", Type::integer, "100",
      "steps between lines of metrics.jsonl within an epoch; 0: at epochs' ends alone", Effect::none, 0, most_steps},
     [](Config& c, const Checked& v) { c.report.every = v.count(); }},
    {{"report.pictures", Type::integer, "1", "epochs between pictures of reconstructions and samples; 0: none",
      Effect::none, 0, most_epochs},
     [](Config& c, const Checked& v) { c.report.pictures = v.count(); }},
    {{"report.tensorboard", Type::flag, "false",
      "an event file for TensorBoard beside metrics.jsonl: figures, pictures, histograms of the posterior, "
      "hyper-parameters",
      Effect::none},
     [](Config& c, const Checked& v) { c.report.tensorboard = v.flag(); }},
});

} // namespace

std::span<const CoreKey> core_keys() {
    static const std::vector<CoreKey> all = [] {
        std::vector<CoreKey> rows(run_table.begin(), run_table.end());
        const std::span<const CoreKey> data = data_keys();
        rows.insert(rows.end(), data.begin(), data.end());
        rows.insert(rows.end(), table.begin(), table.end());
        return rows;
    }();
    return all;
}

} // namespace elbo::config
