// A training saved in mid-epoch on all ranks and gone on with by one: the same bits as without the break.
#include "mpi/world.hpp"
#include "numerics/random.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"
#include "training/schema.hpp"
#include "training/trainer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace {

using namespace elbo;

constexpr std::size_t samples = 103, width = 40, virtual_ranks = 4;

/// A folder of rank 0's with a small dataset.
class Data {
public:
    Data() {
        world().on_first([&] {
            folder_ = std::make_unique<elbo::testing::TemporaryFolder>();
            std::vector<float> x(samples * width);
            fill_uniform({1, Purpose::synthesis, 0}, 0, 0, x);
            storage::DatasetFileWriter writer(*folder_ / "x.h5");
            writer.create("/train/x", {samples, width}, storage::ElementType::f32);
            writer.write_rows("/train/x", 0, samples, std::as_bytes(std::span(x)));
            writer.commit();
        });
        path_ = world().broadcast(folder_ ? folder_->path().string() : "");
    }
    std::string file(const char* name) const { return path_ + "/" + name; }

private:
    std::unique_ptr<elbo::testing::TemporaryFolder> folder_;
    std::string path_;
};

config::Config configuration(const Data& data, const char* clip) {
    const std::string text = "output: unused\n"
                             "data: {train: \"" +
                             data.file("x.h5") +
                             "\", binarize: dynamic}\n"
                             "model: {latent: 3, encoder: [{dense: 70}], decoder: [{dense: 90}]}\n"
                             "optimizer: {kind: adam, rate: 1e-2, clip: " +
                             clip +
                             "}\n"
                             "training: {epochs: 2, batch: 20}\n";
    return config::parse({"test", text}, {}, training::schema());
}

void steps(training::Trainer& trainer, int count) {
    for (int i = 0; i < count; ++i) trainer.step();
    trainer.collect();
}

TEST(Trainer, GoesOnInMidEpochOnOtherRanksWithTheSameBits) {
    const Data data;
    for (const char* clip : {"~", "1.0"}) {
        const config::Config config = configuration(data, clip);
        training::Trainer whole(world(), config, virtual_ranks);
        whole.initialise();
        steps(whole, 2);
        const std::vector<std::byte> saved = whole.checkpoint();
        world().on_first([&] { storage::write_whole(data.file("saved.h5"), saved); });
        steps(whole, 3);
        EXPECT_EQ(whole.state().position, 100U);
        const std::vector<std::byte> expected = whole.checkpoint();

        // Every rank goes on by itself, computing all virtual ranks.
        const comm::Communicator alone = world().node(false);
        training::Trainer resumed(alone, config, virtual_ranks);
        resumed.restore(data.file("saved.h5"));
        EXPECT_EQ(resumed.state().position, 40U);
        steps(resumed, 3);
        EXPECT_EQ(resumed.state().epoch_sum.elbo(), whole.state().epoch_sum.elbo());
        EXPECT_EQ(resumed.state().epoch_sum.samples, 100U);
        const std::vector<std::byte> found = resumed.checkpoint();
        world().on_first([&] {
            storage::write_whole(data.file("expected.h5"), expected);
            storage::write_whole(data.file("found.h5"), found);
            const storage::CheckpointReader a(data.file("expected.h5")), b(data.file("found.h5"));
            for (const storage::ArrayInfo& array : a.arrays()) {
                std::vector<float> x(elements(array.shape)), y(x.size());
                a.read(std::vector<storage::NamedArray<float>>{{array.path, array.shape, x}});
                b.read(std::vector<storage::NamedArray<float>>{{array.path, array.shape, y}});
                EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(float)), 0) << array.path;
            }
        });
    }
}

} // namespace
