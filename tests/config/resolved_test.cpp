// The resolved configuration: canonical, complete, and read back to itself; and what differs between two of them.
#include "config/tables.hpp"

#include <bit>
#include <cmath>
#include <map>
#include <random>

namespace elbo::config::testing {
namespace {

TEST(Resolved, HoldsEveryKeyInTheTablesOrder) {
    EXPECT_EQ(read(valid_but("runs/mnist", "runs/z{model.latent}")).resolved, R"(output: runs/z20
seed: 1
data:
  train: data/mnist.h5:/train/x
  validation:
    files: data/mnist.h5:/test/x
    fraction: ~
    seed: 1
  labels: ~
  allow_external: false
  shape: ~
  transform: ~
  binarize: dynamic
  scale: ~
  prefetch: auto
  memory: ~
  order: full
  block: ~
  window: ~
model:
  latent: 20
  activation: relu
  encoder: [{dense: 400, activation: relu}, {dense: 200, activation: tanh}]
  decoder: [{dense: 400, activation: relu}]
  output: ~
  likelihood: bernoulli
  start: ~
optimizer:
  kind: adam
  beta1: 0.9
  beta2: 0.999
  rate:
    start: 0.001
    warmup: 0
    decay: constant
  clip: ~
objective:
  beta: 1
  warmup: 0
training:
  epochs: 20
  batch: 128
  batch_per_rank: ~
  patience: ~
  threads: 1
  precision: fp32
  accumulate: 1
  virtual_ranks: ~
  exact: false
  time_limit: ~
  on_nan: stop
  skip_limit: 10
numerics:
  allow_reference: false
communication:
  shared: true
  bucket_bytes: ~
  route: auto
  precision: fp32
  stall_seconds: 60
  stall_abort: 600
checkpoint:
  every:
    epochs: 1
    steps: ~
    minutes: ~
  keep: 3
  verify: false
evaluate:
  every: 0
  samples: 100
report:
  every: 100
  pictures: 1
  tensorboard: false
)");
}

TEST(Resolved, ReadsBackToItself) {
    const std::vector<std::vector<std::string>> variants = {
        {},
        {"training.batch_per_rank=3"},
        {"training.patience=3", "optimizer.clip=0.3", "data.scale=1e-300"},
        {"data.validation="},
        {"data.train=[a.h5:/x, 'part-*.h5', '[x].h5, y']", "data.validation=[b.h5]"},
        {"data.train='*.h5'"},
        {"data.validation={fraction: 0.125, seed: 7}"},
        {"model.likelihood=gaussian"},
        {"model.likelihood.gaussian.variance=0.30000000000000004"},
        {"model.likelihood={student: 2.5, label: 'a: \"b\" \\ #c'}"},
        {"model.likelihood={student: 2, label: 'true'}"},
        {"model.likelihood={student: 2, label: ''}"},
        {"model.likelihood={student: 2, label: 'null'}"},
        {"model.likelihood={student: 2, label: '- x'}"},
        {"model.likelihood={student: 2, label: 12}"},
        {"model.encoder=[]", "model.decoder=[flatten, {conv: 3, kernel: 1, activation: softplus}]"},
        {"optimizer.kind=sgd", "optimizer.nesterov=true", "optimizer.momentum=0.1"},
        {"optimizer.rate={start: 4.9e-324, warmup: 1e12, decay: step, every: 2}"},
        {"output='runs/with space: and colon'"},
        {"output=runs/\xc3\xbc"},
        {"output='~'"},
        {"output='12'"},
    };
    for (const auto& overrides : variants) {
        const Config once = read(valid, overrides);
        const Config twice = parse({"resolved", once.resolved}, {}, schema());
        EXPECT_EQ(twice.resolved, once.resolved);
        EXPECT_EQ(twice.output, once.output);
        EXPECT_EQ(twice.model.likelihood.values, once.model.likelihood.values);
        EXPECT_EQ(twice.optimizer.kind.values, once.optimizer.kind.values);
        EXPECT_EQ(twice.optimizer.rate, once.optimizer.rate);
        EXPECT_EQ(twice.data.scale, once.data.scale);
        EXPECT_EQ(twice.data.train, once.data.train);
        EXPECT_EQ(twice.data.validation, once.data.validation);
        EXPECT_EQ(twice.data.validation_fraction, once.data.validation_fraction);
        EXPECT_EQ(twice.data.split_seed, once.data.split_seed);
    }
}

TEST(Resolved, NumbersWithExponentsAreNumbersToYaml11Too) {
    EXPECT_TRUE(contains(read(valid, {"optimizer.rate=1e-5"}).resolved, "start: 1.0e-05\n"));
    EXPECT_TRUE(contains(read(valid, {"optimizer.rate=1.5e-5"}).resolved, "start: 1.5e-05\n"));
    EXPECT_EQ(read(valid, {"optimizer.rate=1e-5", "output=r{optimizer.rate}"}).output, "r1e-05");
}

TEST(Resolved, NumbersReadBackToTheSameBits) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 200; ++i) {
        const double rate = std::bit_cast<double>(random() & 0x7fffffffffffffff);
        if (!std::isfinite(rate) || rate == 0) continue;
        const Config once = read(valid, {"optimizer.rate=" + fmt::format("{:.17g}", rate)});
        EXPECT_EQ(once.optimizer.rate, rate);
        EXPECT_EQ(read(once.resolved).optimizer.rate, rate);
    }
}

using Lines = std::vector<std::string>;

Lines differences(const std::vector<std::string>& before, const std::vector<std::string>& after) {
    Lines lines;
    for (const Difference& d : compare(read(valid, before).resolved, read(valid, after).resolved, schema())) {
        const char* effect = d.effect == Effect::model        ? "model"
                             : d.effect == Effect::trajectory ? "trajectory"
                                                              : "none";
        lines.push_back(fmt::format("{}: {} -> {}, {}", d.key, d.before, d.after, effect));
    }
    return lines;
}

TEST(Compare, NamesWhatDiffersWithItsEffect) {
    EXPECT_EQ(differences({}, {}), Lines());
    EXPECT_EQ(differences({}, {"report.every=5", "training.epochs=40", "seed=2", "output=x", "optimizer.rate=0.01"}),
              (Lines{"output: runs/mnist -> x, none", "seed: 1 -> 2, model",
                     "optimizer.rate.start: 0.001 -> 0.01, trajectory", "training.epochs: 20 -> 40, trajectory",
                     "report.every: 100 -> 5, none"}));
    EXPECT_EQ(differences({}, {"data.train=elsewhere.h5", "training.threads=2"}),
              (Lines{"data.train: data/mnist.h5:/train/x -> elsewhere.h5, trajectory",
                     "training.threads: 1 -> 2, trajectory"}));
    EXPECT_EQ(differences({"training.batch_per_rank=64"}, {}),
              (Lines{"training.batch: ~ -> 128, trajectory", "training.batch_per_rank: 64 -> ~, trajectory"}));
}

TEST(Compare, ListsAndLikelihoodsAreOneValueEach) {
    EXPECT_EQ(differences({}, {"model.decoder=[{dense: 400}, flatten]"}),
              (Lines{"model.decoder: [{dense: 400, activation: relu}] -> [{dense: 400, activation: relu}, "
                     "flatten], model"}));
    EXPECT_EQ(differences({}, {"model.likelihood.gaussian.variance=2"}),
              (Lines{"model.likelihood: bernoulli -> {gaussian: {variance: 2}}, model"}));
}

TEST(Compare, AnEarlierElbosConfigurationMeansTheDefaultsOfLaterKeys) {
    std::string before = read(valid).resolved;
    const auto take_out = [&](const std::string& text, const std::string& instead) {
        ASSERT_NE(before.find(text), std::string::npos) << text;
        before.replace(before.find(text), text.size(), instead);
    };
    take_out("  start: ~\n", "");
    take_out("  validation:\n    files: data/mnist.h5:/test/x\n    fraction: ~\n    seed: 1\n",
             "  validation: data/mnist.h5:/test/x\n");
    take_out("  on_nan: stop\n", "");
    take_out("  every:\n    epochs: 1\n    steps: ~\n    minutes: ~\n", "  every: 1\n");
    EXPECT_TRUE(compare(before, read(valid).resolved, schema()).empty());
    const auto changes =
        compare(before, read(valid, {"checkpoint.every=3", "training.on_nan=skip"}).resolved, schema());
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[0].key + changes[0].before + changes[0].after, "training.on_nanstopskip");
    EXPECT_EQ(changes[1].key + changes[1].before + changes[1].after, "checkpoint.every.epochs13");
}

TEST(Compare, KeysOfAnotherKindAreMissingOnOneSide) {
    EXPECT_EQ(differences({}, {"optimizer.beta1=0.8"}), (Lines{"optimizer.beta1: 0.9 -> 0.8, trajectory"}));
    EXPECT_EQ(differences({}, {"optimizer.kind=sgd"}),
              (Lines{"optimizer.kind: adam -> sgd, model", "optimizer.momentum: (none) -> 0, trajectory",
                     "optimizer.nesterov: (none) -> false, trajectory", "optimizer.beta1: 0.9 -> (none), trajectory",
                     "optimizer.beta2: 0.999 -> (none), trajectory"}));
    EXPECT_EQ(differences({"optimizer.rate.decay=cosine"}, {}),
              (Lines{"optimizer.rate.decay: cosine -> constant, trajectory",
                     "optimizer.rate.final: 0 -> (none), trajectory"}));
}

TEST(Compare, AKeyThatNoTableKnowsCountsAsAnotherModel) {
    const auto found = compare("a: {b: 1}\n", "seed: 3\n", schema());
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].key, "seed");
    EXPECT_EQ(found[0].before, "1"); // its default
    EXPECT_EQ(found[1].key, "a.b");
    EXPECT_EQ(found[1].after, "(none)");
    EXPECT_EQ(found[1].effect, Effect::model);
}

TEST(Resolved, AssignmentsAreEveryKeyWithItsEffect) {
    const std::string resolved = read(valid, {"optimizer.kind=sgd", "model.likelihood=gaussian"}).resolved;
    std::map<std::string, std::pair<std::string, Effect>> found;
    for (const Assignment& one : assignments(resolved, schema())) found[one.key] = {one.value, one.effect};
    EXPECT_EQ(found["model.latent"], std::pair(std::string("20"), Effect::model));
    EXPECT_EQ(found["optimizer.rate.start"], std::pair(std::string("0.001"), Effect::trajectory));
    EXPECT_EQ(found["optimizer.momentum"], std::pair(std::string("0"), Effect::trajectory));
    EXPECT_EQ(found["report.every"], std::pair(std::string("100"), Effect::none));
    EXPECT_EQ(found["training.patience"], std::pair(std::string("~"), Effect::trajectory));
    EXPECT_EQ(found["model.encoder"].first.find('\n'), std::string::npos);
    EXPECT_FALSE(found.contains("optimizer.beta1"));
}

} // namespace
} // namespace elbo::config::testing
