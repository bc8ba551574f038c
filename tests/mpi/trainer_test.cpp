// A training saved in mid-epoch on all ranks and gone on with by one: the same bits as without the break.
#include "data/order.hpp"
#include "data/plan.hpp"
#include "mpi/small_training.hpp"
#include "numerics/matmul.hpp"
#include "storage/files.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using namespace elbo;
using namespace small_training;

TEST(Trainer, GoesOnInMidEpochOnOtherRanksWithTheSameBits) {
    const Data data;
    for (const auto& [clip, precision] : {std::pair{"~", "fp32"}, {"1.0", "fp32"}, {"~", "bf16"}, {"1.0", "bf16"}}) {
        SCOPED_TRACE(fmt::format("clip {}, {}", clip, precision));
        const config::Config config = configuration(data, clip, {fmt::format("training.precision={}", precision)});
        training::Trainer whole(world(), config, virtual_ranks);
        EXPECT_EQ(name_of(whole.precision()) == std::string(precision), matmul_supports(config.training.precision));
        whole.initialise();
        training::make_steps(whole, 2);
        const std::vector<std::byte> saved = image_of(whole);
        world().on_first([&] { storage::write_whole(data.file("saved.h5"), saved); });
        training::make_steps(whole, 3);
        whole.collect();
        EXPECT_EQ(whole.state().position, 100U);
        const std::vector<std::byte> expected = image_of(whole);

        // Every rank goes on by itself, computing all virtual ranks. The sums under way go on as well.
        const comm::Communicator alone = world().node(false);
        training::Trainer resumed(alone, config, virtual_ranks);
        resumed.restore(data.file("saved.h5"));
        EXPECT_EQ(resumed.state().position, 40U);
        training::make_steps(resumed, 3);
        resumed.collect();
        EXPECT_EQ(resumed.state().epoch_sum.reconstruction, whole.state().epoch_sum.reconstruction);
        EXPECT_EQ(resumed.state().epoch_sum.kl, whole.state().epoch_sum.kl);
        EXPECT_EQ(resumed.state().epoch_sum.samples, 100U);
        expect_same_images(data, expected, image_of(resumed));
    }
}

TEST(Trainer, SumsUnderWayOutliveAnotherNumberOfVirtualRanks) {
    const Data data;
    const config::Config config = configuration(data, "~");
    training::Trainer whole(world(), config, virtual_ranks);
    whole.initialise();
    training::make_steps(whole, 3);
    const std::vector<std::byte> saved = image_of(whole);
    world().on_first([&] { storage::write_whole(data.file("saved.h5"), saved); });
    whole.collect();
    training::Trainer resumed(world(), config, virtual_ranks + 1);
    resumed.restore(data.file("saved.h5"));
    resumed.collect();
    EXPECT_DOUBLE_EQ(resumed.state().epoch_sum.elbo(), whole.state().epoch_sum.elbo());
    EXPECT_EQ(resumed.state().epoch_sum.samples, 60U);
}

/// Which rank computes a sample in the first epoch, and at which step.
struct Presentation {
    std::uint64_t step;
    int rank;
};

Presentation presentation_of(std::uint64_t sample, const config::Config& config) {
    const data::EpochOrder order(config.seed, 0, samples);
    const comm::Nodes nodes(world(), true);
    for (std::uint64_t position = 0; position < samples; ++position) {
        if (order.at(position) != sample) continue;
        const data::Range batch = data::batch_at(position / 20 * 20, samples, 20);
        for (std::size_t shard = 0; shard < virtual_ranks; ++shard) {
            const data::Range part = data::shard_of(batch, shard, virtual_ranks);
            if (position < part.begin || position >= part.end) continue;
            const bool mine = nodes.my_leaves(virtual_ranks).contains({shard, shard + 1});
            return {position / 20 + 1, static_cast<int>(world().most(mine ? world().rank() : 0))};
        }
    }
    return {};
}

TEST(Trainer, AStepThatIsNotFiniteStopsTrainingWithRankAndSampleNamed) {
    const Data data(true);
    for (const char* clip : {"~", "1.0"}) {
        const config::Config config =
            configuration(data, clip, {"model.likelihood={gaussian: {variance: 1}}", "data.binarize=none"});
        const Presentation a = presentation_of(huge_samples[0], config), b = presentation_of(huge_samples[1], config);
        ASSERT_NE(a.step, b.step);
        const std::size_t first = a.step < b.step ? 0 : 1;
        const Presentation bad = first == 0 ? a : b;
        training::Trainer trainer(world(), config, virtual_ranks);
        trainer.initialise();
        training::make_steps(trainer, bad.step - 1);
        std::string message;
        try {
            trainer.step();
        } catch (const comm::AgreedError& error) {
            message = error.what();
            EXPECT_EQ(error.status(), Exit::diverged);
        }
        EXPECT_NE(message.find(fmt::format("diverged at step {} (epoch 1): rank {} on ", bad.step, bad.rank)),
                  std::string::npos)
            << message;
        EXPECT_NE(message.find(fmt::format("for sample {}", huge_samples[first])), std::string::npos) << message;
    }
}

TEST(Trainer, SkipsStepsThatAreNotFiniteOnAllRanksAlike) {
    const Data data(true);
    const config::Config config = configuration(
        data, "~", {"model.likelihood={gaussian: {variance: 1}}", "data.binarize=none", "training.on_nan=skip"});
    const Presentation a = presentation_of(huge_samples[0], config), b = presentation_of(huge_samples[1], config);
    training::Trainer trainer(world(), config, virtual_ranks);
    trainer.initialise();
    while (!trainer.epoch_done()) {
        const training::StepOutcome outcome = trainer.step();
        const std::uint64_t step = trainer.state().step;
        EXPECT_EQ(outcome.skipped.empty(), step != a.step && step != b.step) << step << outcome.skipped;
    }
    trainer.collect();
    EXPECT_EQ(trainer.state().skipped, 2U);
    EXPECT_EQ(trainer.state().epoch_sum.samples, samples - 2 * 20);
    EXPECT_TRUE(std::isfinite(trainer.state().epoch_sum.elbo()));
    trainer.compare_nodes();
}

/// A configuration whose first step has a huge sample, and whose second has none.
config::Config configuration_that_skips_first(const Data& data) {
    for (int seed = 1;; ++seed) {
        const config::Config config = configuration(data, "~",
                                                    {"model.likelihood={gaussian: {variance: 1}}", "data.binarize=none",
                                                     "training.on_nan=skip", fmt::format("seed={}", seed)});
        if (presentation_of(huge_samples[0], config).step == 1 && presentation_of(huge_samples[1], config).step > 2)
            return config;
    }
}

TEST(Trainer, TheFirstUpdateIsAdamsFirstHoweverManyStepsWereSkipped) {
    const Data data(true);
    const config::Config config = configuration_that_skips_first(data);
    training::Trainer trainer(world(), config, virtual_ranks);
    trainer.initialise();
    EXPECT_FALSE(trainer.step().skipped.empty());
    const auto now = [&] { return trainer.exchange().values(); };
    const std::vector<float> before(now().begin(), now().end());
    EXPECT_TRUE(trainer.step().skipped.empty());
    trainer.collect();
    double largest = 0; // with both moments from 0 on, a value moves by the rate times its gradient's sign
    for (std::size_t i = 0; i < before.size(); ++i) largest = std::max(largest, std::abs(1.0 * now()[i] - before[i]));
    EXPECT_NEAR(static_cast<double>(world().most(std::llround(1e8 * largest))), 1e8 * 1e-2, 1e8 * 1e-4);
}

TEST(Trainer, SkipsNoMoreStepsInARowThanAllowed) {
    const Data data;
    // A rate that no parameter survives: the second step's ELBO overflows, and so does every one after it.
    const config::Config config = configuration(
        data, "~",
        {"optimizer.rate=1e30", "training.on_nan=skip", "training.skip_limit=2", "model.likelihood=gaussian"});
    training::Trainer trainer(world(), config, virtual_ranks);
    trainer.initialise();
    EXPECT_TRUE(trainer.step().skipped.empty());
    EXPECT_FALSE(trainer.step().skipped.empty());
    EXPECT_FALSE(trainer.step().skipped.empty());
    EXPECT_THROW(trainer.step(), comm::AgreedError);
}

TEST(Trainer, ValidationIsTheSameOfOneRankAndOfAll) {
    const Data data;
    const std::string file = data.file("x.h5");
    const config::Config config =
        configuration(data, "~", {"data.validation=" + file, "evaluate.every=1", "evaluate.samples=7"});
    const comm::Communicator alone = world().node(false);
    training::Trainer one(alone, config, virtual_ranks), all(world(), config, virtual_ranks);
    for (training::Trainer* trainer : {&one, &all}) {
        trainer->initialise();
        training::make_steps(*trainer, 3);
    }
    for (const std::uint64_t most : {103U, 98U, 2U}) {
        const auto a = one.validate(most), b = all.validate(most);
        ASSERT_EQ(a->bound.samples, most);
        EXPECT_EQ(a->bound.elbo(), b->bound.elbo());
        EXPECT_EQ(a->weighted->value, b->weighted->value);
        EXPECT_EQ(a->weighted->draws, 7U);
        ASSERT_EQ(a->latents.size(), 3U);
        double kl = 0;
        for (std::size_t d = 0; d < 3; ++d) {
            EXPECT_EQ(a->latents[d].kl, b->latents[d].kl);
            EXPECT_EQ(a->latents[d].variance, b->latents[d].variance);
            EXPECT_GT(a->latents[d].variance, 0);
            kl += a->latents[d].kl;
        }
        // The same in one sum over floats.
        EXPECT_NEAR(kl, a->bound.kl / static_cast<double>(most), 1e-5 * (1 + kl));
    }
    // A mean over the samples, as the bound is, and no lower than it.
    const auto whole = all.validate(103);
    EXPECT_GT(whole->weighted->value, whole->bound.elbo() / 103);
}

} // namespace
