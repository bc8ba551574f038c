// What invalid configurations are told: every mistake in one error, each with its place and the nearest known word.
#include "config/tables.hpp"

#include <algorithm>

namespace elbo::config::testing {
namespace {

TEST(Mistakes, AllAreListedAtOnceInTheOrderOfTheLines) {
    EXPECT_EQ(
        mistakes(R"(output: runs/mnist
data: {train: a.h5, binarise: dynamic}
model:
  latent: -2
  encoder: [{dense: 400}, {dens: 400}]
  likelihood: bernouli
optimizer: {kind: adam, momentum: 0.9}
training:
  epoch: 20
  epochs: many
)",
                 {"report.every=often"}),
        R"(test.yaml:2: data.binarise: unknown key; did you mean data.binarize? known: train, validation, labels, allow_external, shape, transform, binarize, scale, prefetch, memory, order, block, window
test.yaml:4: model.latent: expected an integer from 1 to 1000000, found '-2'
test.yaml:5: model.encoder[1]: 'dens' is not known; did you mean dense? known: dense, conv, flatten
test.yaml:6: model.likelihood: 'bernouli' is not known; did you mean bernoulli? known: bernoulli, gaussian, student
test.yaml:7: optimizer.momentum: belongs to sgd, not to adam
test.yaml:9: training.epoch: unknown key; did you mean training.epochs? known: epochs, batch, batch_per_rank, patience, threads, precision, accumulate, virtual_ranks, exact, time_limit, on_nan, skip_limit
test.yaml:10: training.epochs: expected an integer from 1 to 16777215, found 'many'
test.yaml: model.decoder: required but missing: from the latent variable to the likelihood's parameters, which follow the list
command line: report.every=often: expected an integer from 0 to 1000000000000, found 'often')");
}

TEST(Mistakes, AnEmptyFileLacksWhatIsRequired) {
    const std::string lines = mistakes("");
    for (const char* key : {"output", "data.train", "model.latent", "model.encoder", "model.decoder"}) {
        EXPECT_TRUE(contains(lines, std::string("test.yaml: ") + key + ": required but missing: "));
    }
    EXPECT_EQ(std::ranges::count(lines, '\n'), 4);
    EXPECT_EQ(mistakes("# nothing\n"), lines);
    EXPECT_EQ(mistakes("~"), lines);
}

TEST(Mistakes, DoubledKeysWhereverTheyStand) {
    EXPECT_EQ(mistakes(valid_and("seed: 1\nseed: 2\n")),
              "test.yaml:13: seed: doubled key; it stands on line 12 already");
    EXPECT_EQ(mistakes(valid_and("training: {epochs: 3}\n")),
              "test.yaml:12: training: doubled key; it stands on line 11 already");
    EXPECT_EQ(mistakes(valid_but("{dense: 400},", "{dense: 400, dense: 300},")),
              "test.yaml:8: model.encoder[0].dense: doubled key; it stands on line 8 already");
    EXPECT_EQ(mistakes(valid, {"training={epochs: 1, epochs: 2}"}),
              "command line: training={epochs: 1, epochs: 2}: training.epochs: doubled key");
}

TEST(Mistakes, KeysThatStandElsewhere) {
    EXPECT_TRUE(contains(mistakes(valid_and("epochs: 3\n")), "did you mean training.epochs?"));
    EXPECT_TRUE(contains(mistakes(valid_and("checkpoint: {seed: 3}\n")),
                         "checkpoint.seed: unknown key; did you mean seed? known: every, keep, verify"));
    EXPECT_EQ(mistakes(valid_and("training.patience: 3\n")),
              "test.yaml:12: training.patience: dots stand for maps on the command line alone; write training: "
              "{patience: ...}");
    EXPECT_TRUE(
        contains(mistakes(valid_and("zzz: 3\n")), "test.yaml:12: zzz: unknown key; known: output, seed, data, "));
}

TEST(Mistakes, AMisspeltSectionIsNotAlsoMissing) {
    const std::string lines = mistakes(valid_but("model:", "modle:"));
    EXPECT_TRUE(contains(lines, "test.yaml:6: modle: unknown key; did you mean model?"));
    EXPECT_FALSE(contains(lines, "missing"));
}

TEST(Mistakes, WrongTypes) {
    const auto refused = [](const std::string& override_text, const std::string& expected) {
        EXPECT_EQ(mistakes(valid, {override_text}), "command line: " + override_text + ": " + expected);
    };
    refused("training.epochs=1.5", "expected an integer from 1 to 16777215, found '1.5'");
    refused("training.epochs='3'", "expected an integer from 1 to 16777215, found '3'");
    refused("training.epochs=[3]", "expected an integer from 1 to 16777215, found a list");
    refused("training.epochs=", "expected an integer from 1 to 16777215, found nothing");
    refused("training.epochs=0x10", "expected an integer from 1 to 16777215, found '0x10'");
    refused("training.epochs=1e300", "expected an integer from 1 to 16777215, found '1e300'");
    refused("training.epochs=99999999999999999999",
            "expected an integer from 1 to 16777215, found '99999999999999999999'");
    refused("seed=4294967296", "expected an integer from 0 to 4294967295, found '4294967296'");
    refused("seed=-1", "expected an integer from 0 to 4294967295, found '-1'");
    refused("objective.beta=.nan", "expected a number of at least 0, found '.nan'");
    refused("objective.beta=nan", "expected a number of at least 0, found 'nan'");
    refused("objective.beta=inf", "expected a number of at least 0, found 'inf'");
    refused("objective.beta=1e999", "expected a number of at least 0, found '1e999'");
    refused("objective.beta=1,5", "expected a number of at least 0, found '1,5'");
    refused("objective.beta=+-1", "expected a number of at least 0, found '+-1'");
    refused("optimizer.clip=0", "expected a number above 0, found '0'");
    refused("optimizer.rate=0", "optimizer.rate.start: expected a number above 0, found '0'");
    refused("optimizer.rate=[1]",
            "expected a number above 0 or a map of keys, found a list; known: start, warmup, decay");
    refused("training=3",
            "expected a map of keys, found '3'; known: epochs, batch, batch_per_rank, patience, threads, precision, "
            "accumulate, virtual_ranks, exact, time_limit, on_nan, skip_limit");
    refused("data.binarize=dynamik",
            "expected one of none, threshold, dynamic, found 'dynamik'; did you mean dynamic?");
    refused("output=[a]", "expected a path, found a list");
    refused("output=''", "expected a path, found ''");
    refused("output=\"a\\nb\"", "expected a path, found 'a?b'");
    refused("data.train=", "expected a path, or a list of paths such as [a.h5, b.h5], found nothing");
    refused("data.train=[]", "expected a path, or a list of paths such as [a.h5, b.h5], found a list");
    refused("data.train=[a.h5, [b.h5]]", "expected a path, or a list of paths such as [a.h5, b.h5], found a list");
    refused("data.validation.fraction=1", "expected a number above 0 and below 1, found '1'");
}

TEST(Mistakes, WrongChoices) {
    const auto refused = [](const std::string& override_text, const std::string& expected) {
        EXPECT_EQ(mistakes(valid, {override_text}), "command line: " + override_text + ": " + expected);
    };
    refused("model.likelihood=[bernoulli]", "expected one of bernoulli, gaussian, student, found a list");
    refused("model.likelihood={}", "expected one of bernoulli, gaussian, student, found a map");
    refused("model.likelihood={gausian: {variance: 1}}",
            "'gausian' is not known; did you mean gaussian? known: bernoulli, gaussian, student");
    refused("model.likelihood={gaussian: 1}",
            "model.likelihood.gaussian: expected a map of keys such as {gaussian: {variance: ...}}, found '1'");
    refused("model.likelihood={gaussian: ~, variance: 1}",
            "model.likelihood.variance: unknown key; those of gaussian stand in {gaussian: {variance: ...}}");
    refused("model.likelihood={gaussian: {varianse: 1}}",
            "model.likelihood.gaussian.varianse: unknown key; did you mean variance? known: variance");
    refused(
        "model.likelihood={gaussian: {variance: learnt}}",
        "model.likelihood.gaussian.variance: expected a number above 0 and below 1e+06, or learned, found 'learnt'; "
        "did you mean learned?");
    refused("model.likelihood={bernoulli: {p: 1}}", "model.likelihood.bernoulli.p: unknown key; there are none");
    refused("model.likelihood={bernoulli: ~, gaussian: ~}", "names both bernoulli and gaussian, expected one of them");
    refused("model.activation={relu: 1}", "expected one of relu, tanh, softplus, found a map");
    refused("optimizer.rate.decay=cosin", "'cosin' is not known; did you mean cosine? known: constant, cosine, step");
    refused("optimizer.rate.final=1", "belongs to cosine, not to constant");
    refused("optimizer.beta3=1", "unknown key; did you mean optimizer.beta1? known: kind, rate, clip, beta1, beta2");
    refused("optimizer.rate.decay=step", "optimizer.rate.every: required but missing: epochs");
    EXPECT_EQ(mistakes(valid, {"optimizer.kind=adma", "optimizer.momentum=1", "optimizer.zzz=1"}),
              "command line: optimizer.kind=adma: 'adma' is not known; did you mean adam? known: sgd, adam\n"
              "command line: optimizer.zzz=1: unknown key; known: kind, rate, clip");
}

TEST(Mistakes, WrongLayers) {
    const auto refused = [](const std::string& layers, const std::string& expected) {
        EXPECT_EQ(mistakes(valid_but("[{dense: 400}]", layers)), "test.yaml:9: " + expected);
    };
    refused("400", "model.decoder: expected a list of layers, found '400'");
    refused("{dense: 400}", "model.decoder: expected a list of layers, found a map");
    refused("[400]", "model.decoder[0]: '400' is not known; known: dense, conv, flatten");
    refused("[[dense]]", "model.decoder[0]: expected one of dense, conv, flatten, found a list");
    refused("[dense]", "model.decoder[0]: dense needs a value, {dense: an integer from 1 to 1000000}");
    refused("[{dense: }]", "model.decoder[0].dense: expected an integer from 1 to 1000000, found nothing");
    refused("[{dense: {dense: 4}}]", "model.decoder[0].dense: expected an integer from 1 to 1000000, found a map");
    refused("[{dense: 4, activation: tahn}]",
            "model.decoder[0].activation: 'tahn' is not known; did you mean tanh? known: relu, tanh, softplus");
    refused("[{dense: 4, kernel: 3}]", "model.decoder[0].kernel: belongs to conv, not to dense");
    refused("[{dense: 4, conv: 3}]", "model.decoder[0]: names both dense and conv, expected one of them");
    refused("[{dense: 4, activaton: tanh}]",
            "model.decoder[0].activaton: unknown key; did you mean activation? known: dense, activation");
    refused("[{flatten: 3}]", "model.decoder[0].flatten: expected no value (just flatten), found '3'");
    EXPECT_TRUE(contains(mistakes(valid_but("[{dense: 400}]", "")), "expected a list of layers, found nothing"));
}

TEST(Mistakes, KeysThatDependOnEachOther) {
    EXPECT_EQ(mistakes(valid_but("batch: 128", "batch: 128, batch_per_rank: 64")),
              "test.yaml:11: training.batch_per_rank: given together with training.batch; give one of them");
    EXPECT_EQ(mistakes(valid_but("  validation: data/mnist.h5:/test/x\n", "") + "training: {patience: 3}\n")
                  .find("test.yaml:10: training.patience"),
              std::string::npos);
    EXPECT_EQ(mistakes(valid_but("validation: data/mnist.h5:/test/x", "validation: {files: a.h5, fraction: 0.1}")),
              "test.yaml:4: data.validation.fraction: given together with data.validation.files; give one of them");
    EXPECT_EQ(mistakes(valid, {"data.validation=", "training.patience=3"}),
              "command line: training.patience=3: needs data.validation: it waits for a better validation ELBO");
    EXPECT_EQ(
        mistakes(valid, {"communication.precision=bf16", "training.exact=true"}),
        "command line: communication.precision=bf16: bf16 makes the last bits depend on the number of nodes, which "
        "training.exact forbids; give one of them");
}

TEST(Mistakes, TextThatIsNotOneYamlDocument) {
    EXPECT_TRUE(contains(mistakes("output: [a\nseed: 1\n"), "test.yaml:2:5: not YAML: "));
    EXPECT_EQ(mistakes("\toutput: a\n"), "test.yaml:1: a tab; YAML indents by spaces alone");
    EXPECT_EQ(mistakes("output: a\ntraining:\n \tbatch: 3\n  epochs: 4\n"),
              "test.yaml:3: a tab; YAML indents by spaces alone");
    EXPECT_TRUE(contains(mistakes("a: *nothing\n"), "test.yaml:1:4: not YAML: "));
    EXPECT_EQ(mistakes(valid_and("---\nseed: 1\n")),
              "test.yaml:12: text after the end of the YAML document, expected one document");
    EXPECT_EQ(mistakes("just words"), "test.yaml:1: expected a map of keys, found 'just words'");
    EXPECT_EQ(mistakes("? [a, b]\n: 1\n"), "test.yaml:1: a key must be a word");
    EXPECT_EQ(mistakes("seed: !!int 3\n"),
              "test.yaml:1: the tag 'tag:yaml.org,2002:int' is not understood here; leave it out");
}

TEST(Mistakes, HostileDocumentsAreRefusedQuickly) {
    EXPECT_TRUE(
        contains(mistakes("a: " + std::string(100, '[') + std::string(100, ']')), "nested deeper than 32 levels"));
    mistakes(std::string(100'000, '['));
    mistakes(std::string(100'000, '{'));
    EXPECT_TRUE(contains(mistakes("a: &a [*a]\n"), "test.yaml:1: an alias stands within what it names"));
    std::string laughs = "a0: &a0 [ha, ha]\n";
    for (int i = 1; i < 25; ++i)
        laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" +
                  std::to_string(i - 1) + "]\n";
    EXPECT_TRUE(contains(mistakes(laughs), "more than 20000 values"));
    // Aliases count by their text too, that of scalars and that of names; three more of 300,000 bytes are too many.
    const std::string long_word(300'000, 'x');
    for (const std::string& anchored : {long_word, "{? " + long_word + " : 1}", "[[" + long_word + "]]"}) {
        std::string echoes = "a: &a " + anchored + "\n";
        for (int i = 0; i < 10'000; ++i) echoes += fmt::format("{}: *a\n", i);
        EXPECT_EQ(mistakes(echoes), "test.yaml:4: more than 1048576 bytes of text, aliases counted each time; a "
                                    "configuration has at most as many");
    }
    EXPECT_EQ(mistakes(std::string((1 << 20) + 1, ' ')),
              "test.yaml: 1048577 bytes; a configuration has at most 1048576");
    std::string many;
    for (int i = 0; i < 60; ++i) many += "k" + std::to_string(i) + ": 1\n";
    EXPECT_TRUE(contains(mistakes(many), "\nand 15 more"));
}

TEST(Mistakes, ControlCharactersDoNotReachTheTerminal) {
    const std::string lines = mistakes("\"\\e[31mred\": 1\noutput: \"\\e[2J\"\nmodel: {\"\\a\": 1}\n");
    EXPECT_TRUE(std::ranges::none_of(lines, [](char c) { return c == '\x1b' || c == '\a'; })) << lines;
}

} // namespace
} // namespace elbo::config::testing
