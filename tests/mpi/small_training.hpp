// A small training for tests of the trainer: a dataset in a folder of rank 0's, its configuration, what it came to.
#pragma once

#include "mpi/world.hpp"
#include "numerics/random.hpp"
#include "storage/checkpoint.hpp"
#include "storage/dataset.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"
#include "training/measure.hpp"
#include "training/schema.hpp"
#include "training/trainer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace small_training {

using namespace elbo;

constexpr std::size_t huge_samples[] = {5, 77};
constexpr std::size_t samples = 103, width = 40, virtual_ranks = 4;

/// A folder of rank 0's with a small dataset.
class Data {
public:
    /// huge: two samples have an element so large that their ELBO overflows, of opposite signs, so that the mean does
    /// not.
    explicit Data(bool huge = false) {
        world().on_first([&] {
            folder_ = std::make_unique<elbo::testing::TemporaryFolder>();
            std::vector<float> x(samples * width);
            fill_uniform({1, Purpose::synthesis, 0}, 0, 0, x);
            if (huge) {
                x[huge_samples[0] * width + 7] = 1e30F;
                x[huge_samples[1] * width + 7] = -1e30F;
            }
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

inline config::Config configuration(const Data& data, const char* clip, const std::vector<std::string>& more = {}) {
    const std::string text = "output: unused\n"
                             "data: {train: \"" +
                             data.file("x.h5") +
                             "\", binarize: dynamic}\n"
                             "model: {latent: 3, encoder: [{dense: 70}], decoder: [{dense: 90}]}\n"
                             "optimizer: {kind: adam, rate: 1e-2, clip: " +
                             clip +
                             "}\n"
                             "training: {epochs: 2, batch: 20}\n";
    return config::parse({"test", text}, more, training::schema());
}

/// The checkpoint of the trainer's state, on rank 0.
inline std::vector<std::byte> image_of(training::Trainer& trainer) {
    std::vector<std::byte> image;
    trainer.checkpoint([&](std::span<const storage::NamedArray<const float>> arrays,
                           const storage::CheckpointText& text) { image = storage::checkpoint_image(arrays, text); });
    return image;
}

inline void expect_same_arrays(const std::string& first, const std::string& second) {
    const storage::CheckpointReader a(first), b(second);
    for (const storage::ArrayInfo& array : a.arrays()) {
        std::vector<float> x(elements(array.shape)), y(x.size());
        a.read(std::vector<storage::NamedArray<float>>{{array.path, array.shape, x}});
        b.read(std::vector<storage::NamedArray<float>>{{array.path, array.shape, y}});
        EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(float)), 0) << array.path;
    }
}

/// Arrays of checkpoints that rank 0 has.
inline void expect_same_images(const Data& data, std::span<const std::byte> first, std::span<const std::byte> second) {
    world().barrier(); // rank 0 removes the folder when it is done: all have read it
    world().on_first([&] {
        storage::write_whole(data.file("first.h5"), first);
        storage::write_whole(data.file("second.h5"), second);
        expect_same_arrays(data.file("first.h5"), data.file("second.h5"));
    });
}

} // namespace small_training
