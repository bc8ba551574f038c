// Random damage to valid configurations: reading either succeeds, and then resolves to what reads back, or throws
// InputError. Nothing crashes, hangs or throws anything else.
#include "config/tables.hpp"

#include <fmt/format.h>

#include <array>
#include <random>

namespace elbo::config::testing {
namespace {

class Damage {
public:
    explicit Damage(std::uint64_t seed) : random_(seed) {}

    std::string operator()(std::string text) {
        for (std::size_t count = 1 + below(4); count-- > 0;) text = once(std::move(text));
        return text;
    }

    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_()) % bound; }

private:
    std::string once(std::string text) {
        static constexpr std::array<std::string_view, 24> pieces = {
            "{",      "}", "[", "]",     ": ",    ", ",  "\n",     "  ",  "'",  "\"",     "*a", "&a ",
            "!!int ", "~", "-", "---\n", "1e999", "nan", "{seed}", "|\n", "? ", "<<: *a", "# ", "\xff\xfe"};
        if (text.empty()) return text;
        const std::size_t at = below(text.size()), length = below(std::min<std::size_t>(text.size() - at, 20) + 1);
        switch (below(6)) {
        case 0:
            return text.erase(at, length);
        case 1:
            return text.insert(at, pieces[below(pieces.size())]);
        case 2:
            return text.insert(at, text.substr(below(text.size()), length));
        case 3:
            return text.replace(at, length, pieces[below(pieces.size())]);
        case 4:
            text[at] = static_cast<char>(below(256));
            return text;
        default:
            return text.substr(0, at);
        }
    }

    std::mt19937_64 random_;
};

TEST(Fuzz, DamagedConfigurationsAreReadOrRefused) {
    const std::string rich = read(valid, {"model.likelihood={student: 2, label: x}", "optimizer.rate.decay=cosine",
                                          "model.encoder=[flatten, {conv: 3}, {dense: 9}]", "training.patience=3"})
                                 .resolved;
    Damage damage(20240229);
    std::size_t accepted = 0;
    constexpr int trials = 6000;
    for (int i = 0; i < trials; ++i) {
        const std::string text = damage(i % 2 == 0 ? valid : rich);
        try {
            const Config config = read(text);
            EXPECT_EQ(read(config.resolved).resolved, config.resolved) << text;
            ++accepted;
        } catch (const InputError& error) {
            EXPECT_NE(std::string_view(error.what()), "");
        }
    }
    EXPECT_GT(accepted, trials / 100u); // neither half of the property is empty
    EXPECT_LT(accepted, trials / 2u);
}

TEST(Fuzz, DamagedOverridesAreReadOrRefused) {
    Damage damage(7);
    std::size_t accepted = 0;
    for (int i = 0; i < 3000; ++i) {
        static constexpr std::array<std::string_view, 7> overrides = {"training.epochs=40",
                                                                      "model.encoder[1].dense=30",
                                                                      "model.encoder=[{dense: 100, activation: tanh}]",
                                                                      "optimizer.rate={start: 1, decay: cosine}",
                                                                      "optimizer.rate.warmup=5",
                                                                      "model.likelihood.gaussian.variance=2",
                                                                      "output=runs/{seed}-{model.latent}"};
        const std::string text = damage(std::string(overrides[damage.below(overrides.size())]));
        try {
            const Config config = read(valid, {text});
            EXPECT_EQ(read(config.resolved).resolved, config.resolved) << text;
            ++accepted;
        } catch (const InputError& error) {
            EXPECT_NE(std::string_view(error.what()), "");
        }
    }
    EXPECT_GT(accepted, 30u);
}

} // namespace
} // namespace elbo::config::testing
