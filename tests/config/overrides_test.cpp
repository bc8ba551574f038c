// Overrides of the command line on top of the file.
#include "config/tables.hpp"

namespace elbo::config::testing {
namespace {

TEST(Overrides, ReplaceAndAddKeys) {
    const Config config = read(valid, {"training.epochs=1", "output=runs/try", "training.patience=4", "report.every=7",
                                       "optimizer.beta1=0.5"});
    EXPECT_EQ(config.training.epochs, 1u);
    EXPECT_EQ(config.training.batch, 128u);
    EXPECT_EQ(config.output, "runs/try");
    EXPECT_EQ(config.training.patience, 4u);
    EXPECT_EQ(config.report.every, 7u);
    EXPECT_EQ(config.optimizer.kind.number("beta1"), 0.5);
}

TEST(Overrides, TheLastOfSeveralCounts) {
    EXPECT_EQ(read(valid, {"training.epochs=1", "training.epochs=2"}).training.epochs, 2u);
}

TEST(Overrides, WholeListsAndSections) {
    const Config config = read(valid, {"model.encoder=[{dense: 100}, flatten]", "training={batch_per_rank: 8}"});
    ASSERT_EQ(config.model.encoder.size(), 2u);
    EXPECT_EQ(config.model.encoder[0].integer("dense"), 100);
    EXPECT_EQ(config.model.encoder[0].where, "command line: model.encoder=[{dense: 100}, flatten]");
    EXPECT_EQ(config.training.batch, std::nullopt);
    EXPECT_EQ(config.training.batch_per_rank, 8u);
}

TEST(Overrides, BatchAndBatchPerRankReplaceEachOther) {
    const Config per_rank = read(valid, {"training.batch_per_rank=64"});
    EXPECT_EQ(per_rank.training.batch, std::nullopt);
    EXPECT_EQ(per_rank.training.batch_per_rank, 64u);
    const Config again = read(per_rank.resolved, {"training.batch=32"});
    EXPECT_EQ(again.training.batch, 32u);
    EXPECT_EQ(again.training.batch_per_rank, std::nullopt);
    EXPECT_EQ(read(valid, {"training.batch_per_rank="}).training.batch, 128u);
}

TEST(Overrides, ValidationFilesAndFractionReplaceEachOther) {
    const Config part = read(valid, {"data.validation.fraction=0.2"});
    EXPECT_TRUE(part.data.validation.empty());
    EXPECT_EQ(part.data.validation_fraction, 0.2);
    for (const char* files : {"data.validation=a.h5", "data.validation=[a.h5]", "data.validation.files=a.h5"}) {
        const Config again = read(part.resolved, {files});
        EXPECT_EQ(again.data.validation, std::vector<std::string>{"a.h5"}) << files;
        EXPECT_EQ(again.data.validation_fraction, std::nullopt);
    }
    EXPECT_TRUE(read(valid, {"data.validation=~"}).data.validation.empty());
}

TEST(Overrides, PartsOfARateThatIsASingleNumber) {
    const Config config =
        read(valid_but("rate: 1e-3", "rate: 5e-3"), {"optimizer.rate.decay=cosine", "optimizer.rate.final=0.1"});
    EXPECT_EQ(config.optimizer.rate, 5e-3);
    EXPECT_EQ(config.optimizer.decay.number("final"), 0.1);
    EXPECT_EQ(read(valid, {"optimizer.rate.start=2e-3"}).optimizer.rate, 2e-3);
}

TEST(Overrides, ASingleRateKeepsWarmupAndDecay) {
    const Config config =
        read(valid_but("rate: 1e-3", "rate: {start: 1e-3, warmup: 9, decay: cosine}"), {"optimizer.rate=5"});
    EXPECT_EQ(config.optimizer.rate, 5);
    EXPECT_EQ(config.optimizer.warmup, 9u);
    EXPECT_EQ(config.optimizer.decay.kind, "cosine");
}

TEST(Overrides, ReachIntoALikelihood) {
    const Config config = read(valid, {"model.likelihood.gaussian.variance=0.5"});
    EXPECT_EQ(config.model.likelihood.kind, "gaussian");
    EXPECT_EQ(config.model.likelihood.number("variance"), 0.5);
}

TEST(Overrides, ReachIntoTheItemsOfAList) {
    const std::string three = valid_but("encoder: [{dense: 400}", "encoder: [{dense: 9}, {conv: 8}, {dense: 400}");
    const Config config = read(three, {"model.encoder[0].dense=100", "model.encoder[1].conv=4",
                                       "model.encoder[1].kernel=5", "model.encoder[2]={dense: 7, activation: tanh}"});
    EXPECT_EQ(config.model.encoder[0].integer("dense"), 100);
    EXPECT_EQ(config.model.encoder[1].integer("conv"), 4);
    EXPECT_EQ(config.model.encoder[1].integer("kernel"), 5);
    EXPECT_EQ(config.model.encoder[2].integer("dense"), 7);
    EXPECT_EQ(config.model.encoder[2].text("activation"), "tanh");
}

TEST(Overrides, ItemsThatAListDoesNotHaveAreMistakes) {
    const auto said = [](const std::string& text) {
        const std::string place = "command line: " + text + ": ", found = mistakes(valid, {text});
        return found.starts_with(place) ? found.substr(place.size()) : found;
    };
    const std::string most = std::to_string(read(valid, {}).model.encoder.size() - 1);
    EXPECT_EQ(said("model.encoder[9].dense=5"), "model.encoder has the items [0] to [" + most + "]");
    EXPECT_EQ(said("model.encoder[-1].dense=5"), "model.encoder has the items [0] to [" + most + "]");
    EXPECT_EQ(said("model.encoder[0x].dense=5"), "model.encoder has the items [0] to [" + most + "]");
    EXPECT_EQ(said("model.encoder[0.dense=5"), "model.encoder has the items [0] to [" + most + "]");
    EXPECT_EQ(said("model.encoder.dense=5"),
              "model.encoder is a list; name one of its items, as in model.encoder[0].dense");
    EXPECT_EQ(said("model.encoder.1.dense=5"),
              "model.encoder is a list; name one of its items, as in model.encoder[1]");
    EXPECT_EQ(said("training[0]=5"), "training is a map, not a list");
    EXPECT_EQ(said("[0]=5"), "the whole is a map, not a list");
    EXPECT_EQ(said("model.encoder[0].kernl=5"), "unknown key; known: dense, activation");
}

TEST(Overrides, MistakesNameTheCommandLine) {
    EXPECT_EQ(mistakes(valid, {"training.epochs=x"}),
              "command line: training.epochs=x: expected an integer from 1 to 16777215, found 'x'");
    EXPECT_EQ(mistakes(valid, {"training.epoch=3"}),
              "command line: training.epoch=3: unknown key; did you mean training.epochs? known: epochs, batch, "
              "batch_per_rank, patience, threads, precision, accumulate, virtual_ranks, exact, time_limit, on_nan, "
              "skip_limit");
    EXPECT_TRUE(contains(mistakes(valid, {"trainign.epochs=3"}),
                         "command line: trainign.epochs=3: trainign: unknown key; did you mean training?"));
    EXPECT_EQ(
        mistakes(valid, {"model.encoder=[{dense: x}]"}),
        "command line: model.encoder=[{dense: x}]: model.encoder[0].dense: expected an integer from 1 to 1000000, "
        "found 'x'");
    EXPECT_TRUE(
        contains(mistakes(valid, {"model.encoder=[{dense"}), "command line: model.encoder=[{dense: not YAML: "));
    for (const char* text :
         {"epochs", "=3", ".seed=3", "training..epochs=3", "training.=3", "", "a.b.c.d.e.f.g.h.i=1"}) {
        EXPECT_EQ(mistakes(valid, {text}),
                  std::string("command line: ") + text + ": expected key=value, such as training.epochs=40");
    }
}

TEST(Overrides, AreNotBlamedForWhatTheFileLacks) {
    EXPECT_EQ(mistakes("just words", {"training.epochs=1"}), "test.yaml:1: expected a map of keys, found 'just words'");
    const std::string missing = mistakes("", {"training.epochs=1"});
    EXPECT_TRUE(contains(missing, "required but missing")) << missing;
    EXPECT_FALSE(contains(missing, "command line")) << missing;
}

} // namespace
} // namespace elbo::config::testing
