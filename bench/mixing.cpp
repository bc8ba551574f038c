// How well the windowed order mixes a file that is sorted by label: class counts of batches beside those of batches
// drawn at random, and how often two samples of a batch come from the same block. Needs no file: the order is a
// function.
//
//   bench_mixing SAMPLES BLOCK WINDOW BATCH VIRTUAL-RANKS [CLASSES]
#include "base/error.hpp"
#include "data/order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_map>
#include <vector>

namespace {

using namespace elbo;

constexpr std::uint64_t most_batches = 2000; ///< that are looked at, spread over an epoch

struct Mixing {
    double variance = 0;   ///< of class counts, over that of draws without replacement: 1 is as good as random
    double neighbours = 0; ///< that come from one block, of a virtual rank's neighbours in a batch
    double pairs = 0;      ///< that come from one block, of all pairs of a batch
};

double pairs_of(std::uint64_t count) { return 0.5 * static_cast<double>(count) * static_cast<double>(count - 1); }

Mixing measure(const data::Ordering& ordering, std::uint64_t block, std::uint64_t classes) {
    const data::EpochOrder order(1, 0, ordering);
    const std::uint64_t samples = ordering.samples, batch = ordering.batch, full = samples / batch;
    const double p = 1 / static_cast<double>(classes), n = static_cast<double>(batch);
    const double random = n * p * (1 - p) * static_cast<double>(samples - batch) / static_cast<double>(samples - 1);
    const std::uint64_t looked_at = std::min(full, most_batches);
    Mixing sum;
    for (std::uint64_t i = 0; i < looked_at; ++i) {
        const std::uint64_t begin = full * i / looked_at * batch;
        std::vector<std::uint64_t> counts(classes);
        std::unordered_map<std::uint64_t, std::uint64_t> blocks;
        std::uint64_t before = samples, same = 0;
        for (std::uint64_t position = begin; position < begin + batch; ++position) {
            const std::uint64_t sample = order.at(position);
            ++counts[sample * classes / samples];
            ++blocks[sample / block];
            same += sample / block == before / block ? 1 : 0;
            before = sample;
        }
        for (const std::uint64_t count : counts)
            sum.variance += std::pow(static_cast<double>(count) - n * p, 2) / random / static_cast<double>(classes);
        sum.neighbours += static_cast<double>(same) / (n - 1);
        for (const auto& [number, count] : blocks) sum.pairs += pairs_of(count) / pairs_of(batch);
    }
    const auto batches = static_cast<double>(looked_at);
    return {sum.variance / batches, sum.neighbours / batches, sum.pairs / batches};
}

std::uint64_t number(const char* text) {
    const std::uint64_t value = std::strtoull(text, nullptr, 10);
    if (value == 0) reject("'{}' is no number above 0", text);
    return value;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc < 6) reject("bench_mixing SAMPLES BLOCK WINDOW BATCH VIRTUAL-RANKS [CLASSES]");
        const data::Ordering windowed{number(argv[1]), number(argv[2]), number(argv[3]), number(argv[4]),
                                      number(argv[5])};
        data::Ordering full = windowed;
        full.block = 0;
        const std::uint64_t classes = argc > 6 ? number(argv[6]) : 10;
        fmt::print("| order | variance of class counts, random = 1 | neighbours of one block | pairs of one block |\n"
                   "|---|---|---|---|\n");
        for (const auto& [name, ordering] : {std::pair{"full", full}, {"windowed", windowed}}) {
            const Mixing mixing = measure(ordering, windowed.block, classes);
            fmt::print("| {} | {:.2f} | {:.2f} % | {:.2f} % |\n", name, mixing.variance, 100 * mixing.neighbours,
                       100 * mixing.pairs);
        }
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_mixing: {}\n", error.what());
        return 2;
    }
    return 0;
}
