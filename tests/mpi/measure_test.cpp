// Steps on made-up data are a training's steps: whole batches of the configured shape, and times of every rank.
#include "mpi/world.hpp"
#include "training/measure.hpp"
#include "training/schema.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace elbo;

config::Config configuration(const std::vector<std::string>& more = {}) {
    const std::string text = "output: unused\n"
                             "data: {train: \"nowhere.h5:/train/x\", validation: nowhere.h5, shape: [5, 8]}\n"
                             "model: {latent: 3, encoder: [{dense: 70}], decoder: [{dense: 90}]}\n"
                             "optimizer: {rate: {start: 1e-3, decay: plateau}}\n"
                             "training: {batch: 50, patience: 3}\n";
    return training::for_measuring(config::parse({"test", text}, more, training::schema()));
}

training::MakeInputs made_up(std::uint64_t batch) {
    return [batch](const comm::Nodes& nodes, const config::Config& config) {
        return training::synthetic_inputs(nodes, config, batch);
    };
}

TEST(Synthetic, DataIsInWholeBatchesAndWithinTheLikelihoodsValues) {
    const config::Config config = configuration();
    const comm::Nodes nodes(world(), true);
    const training::Inputs inputs = training::synthetic_inputs(nodes, config, 70);
    EXPECT_EQ(inputs.train.info().sample_shape(), (Shape{5, 8}));
    EXPECT_EQ(inputs.train.size() % 70, 0U);
    EXPECT_GT(inputs.train.size(), 50'000U);
    EXPECT_EQ(inputs.train.least(), 0);
    EXPECT_EQ(inputs.train.greatest(), 1);
    EXPECT_NEAR(inputs.train.mean()[17], 0.5, 0.02); // 60,000 uniform values: standard error 0.0012
    EXPECT_FALSE(inputs.validation);
    world().require_same("fingerprint", inputs.train.fingerprint());
    EXPECT_EQ(training::synthetic_inputs(nodes, config, 100'000).train.size(), 100'000U);
}

TEST(Synthetic, DataNeedsAShapeWhereThereIsNoFile) {
    const comm::Nodes nodes(world(), true);
    const config::Config config = configuration({"data.shape=~"});
    try {
        training::synthetic_inputs(nodes, config, 10);
        FAIL();
    } catch (const comm::AgreedError& error) {
        EXPECT_NE(std::string(error.what()).find("data.shape=[784]"), std::string::npos) << error.what();
        EXPECT_EQ(error.status(), Exit::wrong_input);
    }
}

TEST(Measure, StepsAreTheTrainersOwn) {
    const config::Config config = configuration();
    const auto ranks = static_cast<std::size_t>(world().size());
    training::Trainer trainer(world(), config, ranks, made_up(50));
    trainer.initialise();
    training::make_steps(trainer, 2 * trainer.steps_an_epoch() + 1);
    EXPECT_EQ(trainer.state().epoch, 2U);
    EXPECT_EQ(trainer.state().position, 50U);

    const std::uint64_t before = trainer.state().step;
    const training::Measured measured = training::measure(world(), trainer, 0.2);
    EXPECT_GT(trainer.state().step, before + measured.steps); // the warm-up's besides
    EXPECT_EQ(measured.rates.size(), 10U);
    EXPECT_TRUE(std::ranges::is_sorted(measured.rates));
    EXPECT_GT(measured.rates.front(), 0);
    EXPECT_LE(measured.rates[4], measured.median());
    EXPECT_GE(measured.rates[5], measured.median());
    ASSERT_EQ(measured.ranks.size(), ranks);
    for (const training::RankAccounts& rank : measured.ranks) {
        EXPECT_EQ(rank.seconds[training::Account::start], 0);
        EXPECT_GT(rank.seconds[training::Account::forward], 0);
        EXPECT_GT(rank.seconds[training::Account::backward], 0);
        EXPECT_LE(training::fastest_of(measured.ranks).seconds.work(), rank.seconds.work());
        EXPECT_GE(training::slowest_of(measured.ranks).seconds.work(), rank.seconds.work());
    }
}

} // namespace
