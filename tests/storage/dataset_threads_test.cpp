// Several threads at once in one file: HDF5 has one mutex for all of them, and nobody sees another's rows.
#include "storage/dataset.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

#include <atomic>
#include <cstring>
#include <thread>

namespace elbo::storage {
namespace {

constexpr std::size_t rows = 3000, width = 7;

std::vector<std::int32_t> numbers(std::int32_t sign) {
    std::vector<std::int32_t> all(rows * width);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = sign * static_cast<std::int32_t>(i);
    return all;
}

/// Reads stretches all over the dataset; how many were not as written.
int wrong_stretches(const DatasetReader& reader, std::int32_t sign, std::size_t seed) {
    const std::vector<std::int32_t> expected = numbers(sign);
    std::vector<std::int32_t> found;
    int wrong = 0;
    for (std::size_t round = 0; round < 300; ++round) {
        const std::size_t begin = (round * 769 + seed * 331) % rows, count = std::min(rows - begin, 1 + round % 90);
        found.assign(count * width, 0);
        reader.read_rows(begin, count, std::as_writable_bytes(std::span(found)));
        wrong += std::memcmp(found.data(), &expected[begin * width], found.size() * sizeof found[0]) != 0;
    }
    return wrong;
}

TEST(DatasetReader, SeveralThreadsReadAtOnce) {
    const testing::TemporaryFolder folder;
    {
        DatasetFileWriter writer(folder / "d.h5", Compression::gzip);
        for (const auto& [name, sign] : {std::pair("/up", 1), std::pair("/down", -1)}) {
            const std::vector<std::int32_t> all = numbers(sign);
            writer.create(name, {rows, width}, ElementType::i32);
            writer.write_rows(name, 0, rows, std::as_bytes(std::span(all)));
        }
        writer.commit();
    }
    const DatasetReader shared(folder / "d.h5", "/up");
    std::atomic<int> wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (std::size_t seed = 0; seed < 3; ++seed) {
            threads.emplace_back([&, seed] { wrong += wrong_stretches(shared, 1, seed); });
            threads.emplace_back(
                [&, seed] { wrong += wrong_stretches(DatasetReader(folder / "d.h5", "/down"), -1, seed); });
        }
        threads.emplace_back([&] { // a file that is no such thing, meanwhile: errors are a thread's own
            for (int i = 0; i < 100; ++i) EXPECT_THROW(DatasetReader(folder / "d.h5", "/none"), InputError);
        });
    }
    EXPECT_EQ(wrong, 0);
}

} // namespace
} // namespace elbo::storage
