// Vectors from models with closed forms, and what they were made from: Gaussian mixtures, and probabilistic principal
// component analysis (Tipping & Bishop 1999). A sample follows from seed, part and its number alone; the truth from the
// seed, in /truth/.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "convert/generated.hpp"
#include "numerics/random.hpp"

#include <array>
#include <cmath>
#include <cstring>

namespace elbo::convert {

namespace {

using storage::ElementType;

constexpr std::size_t most_dimensions = 1 << 16, most_components = 1 << 10;

/// Epochs of the stream of synthesis, of which sprites have epoch 0.
constexpr std::uint32_t truth_epoch = 1, sample_epoch = 2, choice_epoch = 3;

struct Size {
    std::size_t dimensions, components;
};

Size size_of(const Request& request) {
    const Size size = {request.dimensions.value_or(16), request.components.value_or(4)};
    if (size.dimensions == 0 || size.dimensions > most_dimensions)
        reject("--dimensions {}: expected 1 to {}", size.dimensions, most_dimensions);
    if (size.components == 0 || size.components > most_components)
        reject("--components {}: expected 1 to {}", size.components, most_components);
    return size;
}

std::vector<float> normals(std::uint32_t seed, std::uint32_t draw, std::size_t count) {
    std::vector<float> values(count);
    fill_normal({seed, Purpose::synthesis, truth_epoch}, 0, draw, values);
    return values;
}

std::vector<double> widened(std::span<const float> values) { return {values.begin(), values.end()}; }

/// A generator of rows x: what its two kinds share.
class VectorSource : public Source {
public:
    VectorSource(const Request& request, const std::vector<Field>& fields)
        : seed_(request.seed), parts_(generated_parts(request, fields)) {}
    const std::vector<Part>& parts() const override { return parts_; }
    bool divisible() const override { return true; }
    std::vector<Note> notes() const override { return {{"", "seed", std::to_string(seed_)}}; }

protected:
    /// Numbers of a sample: of x (draw 0) and of what it is made from (draw 1).
    void fill_sample(std::size_t part, std::size_t sample, std::uint32_t draw, std::span<float> out) const {
        fill_normal({seed_, Purpose::synthesis, sample_epoch}, sample, 2 * static_cast<std::uint32_t>(part) + draw,
                    out);
    }

    std::uint32_t seed_;

private:
    std::vector<Part> parts_;
};

void store_row(std::span<std::byte> rows, std::size_t row, std::span<const float> values) {
    std::memcpy(rows.data() + row * values.size_bytes(), values.data(), values.size_bytes());
}

/// p(x) = sum over k of weight[k] N(x; mean[k], diag(deviation[k]^2)); y is k. Weights within a factor of 3 of each
/// other, means N(0, 3^2), deviations from 0.5 to 1.5.
class MixtureSource : public VectorSource {
public:
    MixtureSource(const Request& request, Size size)
        : VectorSource(request, {{"x", {size.dimensions}, ElementType::f32, {}}, {"y", {}, ElementType::u16, {}}}),
          size_(size),
          weights_(size.components),
          means_(normals(request.seed, 0, size.components * size.dimensions)),
          deviations_(size.components * size.dimensions) {
        const Stream stream = {request.seed, Purpose::synthesis, truth_epoch};
        fill_uniform(stream, 0, 1, weights_);
        fill_uniform(stream, 0, 2, deviations_);
        float sum = 0;
        for (float& weight : weights_) sum += weight += 0.5F;
        for (float& weight : weights_) weight /= sum;
        for (float& mean : means_) mean *= 3;
        for (float& deviation : deviations_) deviation += 0.5F;
    }

    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override {
        std::vector<float> x(size_.dimensions);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t component = choose(part, begin + i);
            fill_sample(part, begin + i, 0, x);
            for (std::size_t d = 0; d < x.size(); ++d) {
                const std::size_t place = component * size_.dimensions + d;
                x[d] = means_[place] + deviations_[place] * x[d];
            }
            store_row(rows[0], i, x);
            const auto label = static_cast<std::uint16_t>(component);
            std::memcpy(rows[1].data() + i * sizeof(label), &label, sizeof(label));
        }
        return {};
    }

    std::vector<Table> tables() const override {
        std::vector<double> variances = widened(deviations_);
        for (double& variance : variances) variance *= variance;
        const Shape shape = {size_.components, size_.dimensions};
        return {{"/truth/weights", {size_.components}, widened(weights_)},
                {"/truth/means", shape, widened(means_)},
                {"/truth/variances", shape, std::move(variances)}};
    }

private:
    std::size_t choose(std::size_t part, std::size_t sample) const {
        std::array<float, 1> u{};
        fill_uniform({seed_, Purpose::synthesis, choice_epoch}, sample, static_cast<std::uint32_t>(part), u);
        std::size_t component = 0;
        for (float rest = u[0]; component + 1 < weights_.size() && rest >= weights_[component]; ++component)
            rest -= weights_[component];
        return component;
    }

    Size size_;
    std::vector<float> weights_, means_, deviations_;
};

/// x = W z + mean + e, z ~ N(0, I), e ~ N(0, variance I); z is kept. Column k of W is N(0, 1 / (k + 1)) in each
/// element, so that components differ in strength.
class PpcaSource : public VectorSource {
public:
    PpcaSource(const Request& request, Size size)
        : VectorSource(request, {{"x", {size.dimensions}, ElementType::f32, {}},
                                 {"z", {size.components}, ElementType::f32, {}}}),
          size_(size),
          weights_(normals(request.seed, 3, size.dimensions * size.components)),
          mean_(normals(request.seed, 4, size.dimensions)) {
        for (std::size_t i = 0; i < weights_.size(); ++i)
            weights_[i] /= std::sqrt(static_cast<float>(i % size.components + 1));
    }

    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override {
        std::vector<float> x(size_.dimensions), z(size_.components);
        for (std::size_t i = 0; i < count; ++i) {
            fill_sample(part, begin + i, 0, x);
            fill_sample(part, begin + i, 1, z);
            for (std::size_t d = 0; d < x.size(); ++d) {
                x[d] = mean_[d] + deviation * x[d];
                for (std::size_t k = 0; k < z.size(); ++k) x[d] += weights_[d * z.size() + k] * z[k];
            }
            store_row(rows[0], i, x);
            store_row(rows[1], i, z);
        }
        return {};
    }

    std::vector<Table> tables() const override {
        return {{"/truth/weights", {size_.dimensions, size_.components}, widened(weights_)},
                {"/truth/mean", {size_.dimensions}, widened(mean_)},
                {"/truth/variance", {1}, {deviation * deviation}}};
    }

private:
    static constexpr float deviation = 0.5F; ///< of the noise; its square is exact

    Size size_;
    std::vector<float> weights_, mean_;
};

std::unique_ptr<Source> open_mixture(const Request& request) {
    return std::make_unique<MixtureSource>(request, size_of(request));
}

std::unique_ptr<Source> open_ppca(const Request& request) {
    return std::make_unique<PpcaSource>(request, size_of(request));
}

const std::vector<std::string_view> vector_options = {"--train", "--test", "--dimensions", "--components"};

} // namespace

Format gaussian_mixture_format() {
    return {"gaussian-mixture", "made vectors of a Gaussian mixture, whose truth is kept",
            [](const std::string& source) { return source == "gaussian-mixture"; }, open_mixture, vector_options};
}

Format ppca_format() {
    return {"ppca", "made vectors of probabilistic PCA, whose truth is kept",
            [](const std::string& source) { return source == "ppca"; }, open_ppca, vector_options};
}

} // namespace elbo::convert
