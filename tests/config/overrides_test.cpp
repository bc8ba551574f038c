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

} // namespace
} // namespace elbo::config::testing
