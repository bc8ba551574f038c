// What valid configurations give: values, defaults, every form of a choice, and the filled-in output.
#include "config/tables.hpp"

#include <cmath>
#include <fstream>

namespace elbo::config::testing {
namespace {

TEST(Parse, ASamplesShapeIsAListOfIntegers) {
    EXPECT_TRUE(read(valid).data.shape.empty());
    EXPECT_EQ(read(valid, {"data.shape=[784]"}).data.shape, std::vector<std::size_t>{784});
    EXPECT_EQ(read(valid, {"data.shape=[28, 1e1, 3]"}).data.shape, (std::vector<std::size_t>{28, 10, 3}));
    const Config config = read(valid, {"data.shape=[28,28]"});
    EXPECT_TRUE(contains(config.resolved, "  shape: [28, 28]\n"));
    EXPECT_EQ(read(config.resolved).data.shape, config.data.shape);
    EXPECT_EQ(read(config.resolved).resolved, config.resolved);
    const std::vector<Difference> differences = compare(read(valid).resolved, config.resolved, schema());
    ASSERT_EQ(differences.size(), 1U);
    EXPECT_EQ(differences[0].key, "data.shape");
    EXPECT_EQ(differences[0].after, "[28, 28]");
    EXPECT_EQ(differences[0].effect, Effect::none);
}

TEST(Parse, RefusesShapesThatAreNone) {
    for (const char* shape : {"784", "[]", "[0]", "[-1]", "[28, x]", "[28, 2.5]", "[[28]]", "[\"28\"]", "{a: 1}", "''",
                              "[1,1,1,1,1,1,1,1,1]", "[28, ~]", "[99999999999]"})
        EXPECT_TRUE(contains(mistakes(valid, {std::string("data.shape=") + shape}), "a list of integers from 1 to"))
            << shape;
    EXPECT_TRUE(contains(mistakes(valid, {"data.shape=[28, 28]", "output=runs/{data.shape}"}), "no key with a single"));
}

TEST(Parse, DataLargerThanMemory) {
    const Config config =
        read(valid, {"data.memory=1.5GiB", "data.order=windowed", "data.block=10", "data.window=1e3"});
    EXPECT_EQ(config.data.memory, 3U << 29U);
    EXPECT_TRUE(config.data.windowed);
    EXPECT_EQ(config.data.block, 10U);
    EXPECT_EQ(config.data.window, 1000U);
    EXPECT_TRUE(contains(config.resolved, "  memory: 1.5GiB\n  order: windowed\n  block: 10\n  window: 1000\n"));
    const Config plain = read(valid);
    EXPECT_FALSE(plain.data.memory || plain.data.windowed || plain.data.block || plain.data.window);
    for (const Difference& difference : compare(plain.resolved, config.resolved, schema()))
        EXPECT_EQ(difference.effect, difference.key == "data.memory" ? Effect::none : Effect::model) << difference.key;
    EXPECT_TRUE(
        contains(mistakes(valid, {"data.memory=8 elephants"}), "bytes such as 512MiB or 8GiB, found '8 elephants'"));
    EXPECT_TRUE(contains(mistakes(valid, {"data.order=window"}), "did you mean windowed?"));
    EXPECT_TRUE(contains(mistakes(valid, {"data.window=0"}), "an integer from 1 to"));
}

TEST(Parse, FillsEveryMemberThatIsGiven) {
    const Config config = read(R"(
output: runs/a
seed: 4294967295
data: {train: a.h5, validation: b.h5, binarize: threshold, scale: 0.5}
model:
  latent: 7
  start: "runs/b:encoder"
  activation: tanh
  encoder: []
  decoder: [flatten, {conv: 8, kernel: 5}]
  likelihood: {gaussian: {variance: 0.1}}
optimizer: {kind: sgd, momentum: 0.9, nesterov: true, clip: 5, rate: {start: 0.5, warmup: 100, decay: step, every: 3}}
objective: {beta: 4, warmup: 2.5}
training: {epochs: 3, batch_per_rank: 64, patience: 2, threads: 4, time_limit: 3h50m, on_nan: skip, skip_limit: 4}
communication: {shared: false, bucket_bytes: 65536, route: halving, precision: bf16, stall_seconds: 5, stall_abort: 0}
checkpoint: {every: {epochs: 2, steps: 50, minutes: 0.5}, keep: 9, verify: true}
report: {every: 0, pictures: 0}
)");
    EXPECT_EQ(config.output, "runs/a");
    EXPECT_EQ(config.seed, 4294967295u);
    EXPECT_EQ(config.data.train, std::vector<std::string>{"a.h5"});
    EXPECT_EQ(config.data.validation, std::vector<std::string>{"b.h5"});
    EXPECT_EQ(config.data.binarize, "threshold");
    EXPECT_EQ(config.data.scale, 0.5);
    EXPECT_EQ(config.model.latent, 7u);
    EXPECT_EQ(config.model.start, "runs/b:encoder");
    EXPECT_TRUE(config.model.encoder.empty());
    ASSERT_EQ(config.model.decoder.size(), 2u);
    EXPECT_EQ(config.model.decoder[0].kind, "flatten");
    EXPECT_EQ(config.model.decoder[1].kind, "conv");
    EXPECT_EQ(config.model.decoder[1].integer("conv"), 8);
    EXPECT_EQ(config.model.decoder[1].integer("kernel"), 5);
    EXPECT_EQ(config.model.decoder[1].text("activation"), "tanh");
    EXPECT_EQ(config.model.decoder[1].where, "test.yaml:10");
    EXPECT_EQ(config.model.likelihood.kind, "gaussian");
    EXPECT_EQ(config.model.likelihood.number("variance"), 0.1);
    EXPECT_FALSE(config.model.likelihood.is_word("variance"));
    EXPECT_EQ(config.optimizer.kind.kind, "sgd");
    EXPECT_EQ(config.optimizer.kind.number("momentum"), 0.9);
    EXPECT_TRUE(config.optimizer.kind.flag("nesterov"));
    EXPECT_EQ(config.optimizer.clip, 5.0);
    EXPECT_EQ(config.optimizer.rate, 0.5);
    EXPECT_EQ(config.optimizer.warmup, 100u);
    EXPECT_EQ(config.optimizer.decay.kind, "step");
    EXPECT_EQ(config.optimizer.decay.number("every"), 3);
    EXPECT_EQ(config.optimizer.decay.number("factor"), 0.1);
    EXPECT_EQ(config.objective.beta, 4);
    EXPECT_EQ(config.objective.warmup, 2.5);
    EXPECT_EQ(config.training.epochs, 3u);
    EXPECT_EQ(config.training.batch, std::nullopt);
    EXPECT_EQ(config.training.batch_per_rank, 64u);
    EXPECT_EQ(config.training.patience, 2u);
    EXPECT_EQ(config.training.threads, 4u);
    EXPECT_EQ(config.training.time_limit, 13800.0);
    EXPECT_TRUE(config.training.skip_not_finite);
    EXPECT_EQ(config.training.skip_limit, 4u);
    EXPECT_FALSE(config.communication.shared);
    EXPECT_EQ(config.communication.bucket_bytes, 65536u);
    EXPECT_EQ(config.communication.route, "halving");
    EXPECT_EQ(config.communication.precision, elbo::Precision::bf16);
    EXPECT_EQ(config.communication.stall_seconds, 5);
    EXPECT_EQ(config.communication.stall_abort, std::nullopt);
    EXPECT_EQ(config.checkpoint.epochs, 2u);
    EXPECT_EQ(config.checkpoint.steps, 50u);
    EXPECT_EQ(config.checkpoint.minutes, 0.5);
    EXPECT_EQ(config.checkpoint.keep, 9u);
    EXPECT_TRUE(config.checkpoint.verify);
    EXPECT_EQ(config.report.every, 0u);
    EXPECT_EQ(config.report.pictures, 0u);
}

TEST(Parse, DataOfSeveralFilesAndAFractionOfThem) {
    const std::string files = "  validation: data/mnist.h5:/test/x\n";
    using Texts = std::vector<std::string>;
    const Config several = read(valid_but(files, "  validation: [a.h5:/x, 'b-*.h5']\n"), {"data.train=[c.h5, d.h5]"});
    EXPECT_EQ(several.data.train, (Texts{"c.h5", "d.h5"}));
    EXPECT_EQ(several.data.validation, (Texts{"a.h5:/x", "b-*.h5"}));
    const Config part = read(valid_but(files, "  validation: {fraction: 0.1, seed: 3}\n  allow_external: true\n"),
                             {"training.patience=2"});
    EXPECT_TRUE(part.data.validation.empty());
    EXPECT_EQ(part.data.validation_fraction, 0.1);
    EXPECT_EQ(part.data.split_seed, 3u);
    EXPECT_TRUE(part.data.allow_external);
}

TEST(Parse, StepsOfATransform) {
    const Config config = read(valid, {"data.transform=[log1p, {scale: 2, offset: -1}, {scale: 0.5}]"});
    ASSERT_EQ(config.data.transform.size(), 3u);
    EXPECT_EQ(config.data.transform[0].kind, "log1p");
    EXPECT_EQ(config.data.transform[1].number("offset"), -1);
    EXPECT_EQ(config.data.transform[2].number("scale"), 0.5);
    EXPECT_TRUE(contains(config.resolved, "  transform: [log1p, {scale: 2, offset: -1}, {scale: 0.5, offset: 0}]\n"));
    EXPECT_EQ(read(config.resolved).resolved, config.resolved);
    EXPECT_TRUE(contains(mistakes(valid, {"data.transform=[log2p]"}), "did you mean log1p?"));
    EXPECT_TRUE(contains(mistakes(valid, {"data.transform=log1p"}), "expected a list of steps, found 'log1p'"));
    EXPECT_TRUE(contains(mistakes(valid, {"data.transform=[{scale: x}]"}), "expected a number, found 'x'"));
}

TEST(Parse, DefaultsOfWhatIsNotGiven) {
    const Config config = read("output: o\ndata: {train: a.h5}\nmodel: {latent: 2, encoder: [], decoder: []}\n");
    EXPECT_EQ(config.seed, 1u);
    EXPECT_TRUE(config.data.validation.empty());
    EXPECT_EQ(config.data.validation_fraction, std::nullopt);
    EXPECT_FALSE(config.data.allow_external);
    EXPECT_EQ(config.data.binarize, "none");
    EXPECT_EQ(config.data.scale, std::nullopt);
    EXPECT_EQ(config.model.likelihood.kind, "bernoulli");
    EXPECT_EQ(config.optimizer.kind.kind, "adam");
    EXPECT_EQ(config.optimizer.kind.number("beta2"), 0.999);
    EXPECT_EQ(config.optimizer.rate, 1e-3);
    EXPECT_EQ(config.optimizer.warmup, 0u);
    EXPECT_EQ(config.optimizer.decay.kind, "constant");
    EXPECT_EQ(config.optimizer.clip, std::nullopt);
    EXPECT_EQ(config.objective.beta, 1);
    EXPECT_EQ(config.objective.warmup, 0);
    EXPECT_EQ(config.training.epochs, 20u);
    EXPECT_EQ(config.training.batch, 128u);
    EXPECT_EQ(config.training.batch_per_rank, std::nullopt);
    EXPECT_EQ(config.training.patience, std::nullopt);
    EXPECT_EQ(config.training.threads, 1u);
    EXPECT_EQ(config.training.time_limit, std::nullopt);
    EXPECT_FALSE(config.training.skip_not_finite);
    EXPECT_TRUE(config.communication.shared);
    EXPECT_EQ(config.communication.bucket_bytes, std::nullopt);
    EXPECT_EQ(config.communication.route, "auto");
    EXPECT_EQ(config.communication.precision, elbo::Precision::fp32);
    EXPECT_EQ(config.communication.stall_abort, 600.0);
    EXPECT_EQ(config.checkpoint.epochs, 1u);
    EXPECT_EQ(config.checkpoint.steps, std::nullopt);
    EXPECT_EQ(config.checkpoint.minutes, std::nullopt);
    EXPECT_EQ(config.checkpoint.keep, 3u);
    EXPECT_FALSE(config.checkpoint.verify);
    EXPECT_EQ(config.report.every, 100u);
    EXPECT_EQ(config.report.pictures, 1u);
}

TEST(Parse, LayersTakeTheModelsActivationUnlessTheyNameTheirOwn) {
    const Config config = read(valid_but("latent: 20", "latent: 20\n  activation: softplus"));
    EXPECT_EQ(config.model.encoder[0].text("activation"), "softplus");
    EXPECT_EQ(config.model.encoder[1].text("activation"), "tanh");
    EXPECT_EQ(config.model.encoder[1].integer("dense"), 200);
    EXPECT_EQ(config.model.decoder[0].text("activation"), "softplus");
    EXPECT_EQ(read(valid).model.decoder[0].text("activation"), "relu");
}

TEST(Parse, EveryFormOfALikelihood) {
    const auto likelihood = [](const std::string& yaml) {
        return read(valid_but("latent: 20", "latent: 20\n  likelihood: " + yaml)).model.likelihood;
    };
    EXPECT_EQ(likelihood("bernoulli").kind, "bernoulli");
    EXPECT_TRUE(likelihood("bernoulli").values.empty());
    EXPECT_EQ(likelihood("gaussian").text("variance"), "learned");
    EXPECT_TRUE(likelihood("{gaussian: {variance: learned}}").is_word("variance"));
    EXPECT_EQ(likelihood("{gaussian: }").text("variance"), "learned");
    EXPECT_EQ(likelihood("{gaussian: {variance: 1}}").number("variance"), 1);
    EXPECT_EQ(likelihood("{student: 3, label: x}").number("student"), 3);
    EXPECT_EQ(likelihood("\n    gaussian:\n      variance: 2").where, "test.yaml:9");
}

TEST(Parse, NumbersInEveryFormThatIsAllowed) {
    EXPECT_EQ(read(valid, {"training.epochs=1e3"}).training.epochs, 1000u);
    EXPECT_EQ(read(valid, {"training.epochs=+12"}).training.epochs, 12u);
    EXPECT_EQ(read(valid, {"training.epochs=007"}).training.epochs, 7u);
    EXPECT_EQ(read(valid, {"training.epochs=3.0"}).training.epochs, 3u);
    EXPECT_EQ(read(valid, {"seed=0"}).seed, 0u);
    EXPECT_EQ(read(valid, {"optimizer.rate=.5"}).optimizer.rate, 0.5);
    EXPECT_EQ(read(valid, {"optimizer.rate=+1E-4"}).optimizer.rate, 1e-4);
    EXPECT_EQ(read(valid, {"optimizer.rate=2"}).optimizer.rate, 2);
}

TEST(Parse, AliasesStandForWhatTheyName) {
    const Config config = read(valid_but("[{dense: 400}]", "&layers [{dense: 100}, {dense: 50}]") + "report: {}\n");
    EXPECT_EQ(config.model.decoder.size(), 2u);
    const Config shared = read("output: o\ndata: {train: a}\nmodel:\n  latent: 2\n  encoder: &e [{dense: 3}]\n"
                               "  decoder: *e\n");
    EXPECT_EQ(shared.model.decoder[0].integer("dense"), 3);
}

TEST(Parse, EmptySectionsAreNotThere) {
    EXPECT_EQ(read(valid_and("checkpoint:\nreport: {}\nobjective: ~\n")).resolved, read(valid).resolved);
}

TEST(Output, FillsInOtherKeys) {
    const auto output = [](const std::string& pattern, std::vector<std::string> overrides = {}) {
        return read(valid_but("runs/mnist", "'" + pattern + "'"), overrides).output;
    };
    EXPECT_EQ(output("runs/z{model.latent}-s{seed}"), "runs/z20-s1");
    EXPECT_EQ(output("runs/z{model.latent}-s{seed}", {"seed=7", "model.latent=2"}), "runs/z2-s7");
    EXPECT_EQ(output("r{optimizer.rate}-{optimizer.rate.start}-{optimizer.kind}-{optimizer.beta1}"),
              "r0.001-0.001-adam-0.9");
    EXPECT_EQ(output("{model.likelihood}-{model.likelihood.gaussian.variance}", {"model.likelihood=gaussian"}),
              "gaussian-learned");
    EXPECT_EQ(output("{model.activation}-{training.batch}"), "relu-128");
}

TEST(Output, RefusesPlaceholdersThatStandForNothing) {
    const auto refusal = [](const std::string& pattern) { return mistakes(valid_but("runs/mnist", pattern)); };
    EXPECT_EQ(refusal("runs/{model.latnet}"),
              "test.yaml:1: output: {model.latnet} is no key with a single value; did you mean {model.latent}?");
    EXPECT_EQ(refusal("runs/{model.encoder}"), "test.yaml:1: output: {model.encoder} is no key with a single value");
    EXPECT_EQ(refusal("runs/{output}"), "test.yaml:1: output: {output} is no key with a single value");
    EXPECT_EQ(refusal("runs/{training.patience}"),
              "test.yaml:1: output: {training.patience} stands for a key that is not set");
    EXPECT_EQ(refusal("runs/{seed"), "test.yaml:1: output: 'runs/{seed' has a brace without its partner");
    EXPECT_EQ(refusal("runs/seed}"), "test.yaml:1: output: 'runs/seed}' has a brace without its partner");
    EXPECT_EQ(refusal("runs/{}"), "test.yaml:1: output: {} is no key with a single value");
    EXPECT_TRUE(contains(refusal("runs/{data.train}\ndata: {train: '{a}'}"), "stands for text that has braces itself"));
}

TEST(Settings, AskingForWhatTheTableLacksIsAProgrammingError) {
    const Settings settings{"adam", "here", {{"beta1", 0.9}, {"steps", std::int64_t{3}}, {"unset", {}}}};
    EXPECT_EQ(settings.number("beta1"), 0.9);
    EXPECT_EQ(settings.number("steps"), 3.0);
    EXPECT_TRUE(settings.has("beta1"));
    EXPECT_FALSE(settings.has("unset"));
    EXPECT_THROW(settings.number("beta3"), std::logic_error);
    EXPECT_THROW(settings.has("beta3"), std::logic_error);
    EXPECT_THROW(settings.number("unset"), std::logic_error);
    EXPECT_THROW(settings.integer("beta1"), std::logic_error);
    EXPECT_THROW(settings.text("beta1"), std::logic_error);
}

TEST(ReadSource, ReadsAFileWholeAndNamesWhatItCannotRead) {
    const std::string path = ::testing::TempDir() + "elbo_config_source.yaml";
    std::ofstream(path) << valid;
    EXPECT_EQ(read_source(path).text, valid);
    EXPECT_EQ(read_source(path).name, path);
    std::ofstream(path) << std::string((1 << 20) + 1, '#');
    EXPECT_THROW(read_source(path), InputError);
    std::remove(path.c_str());
    try {
        read_source("no/such/file.yaml");
        FAIL();
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(), "no/such/file.yaml: the configuration cannot be read: No such file or directory");
    }
    EXPECT_THROW(read_source("/"), InputError);
}

} // namespace
} // namespace elbo::config::testing
