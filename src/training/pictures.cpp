#include "training/pictures.hpp"

#include "images/picture.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace elbo::training {
namespace {

constexpr std::size_t images_a_row = 10, input_rows = 2, prior_rows = 4;

/// Values of data outside [0, 1] are brought there by the data's range, so that they can be seen.
void to_unit_range(std::vector<float>& values, const data::Dataset& dataset) {
    if (dataset.least() >= 0 && dataset.greatest() <= 1) return;
    const auto least = static_cast<float>(dataset.least());
    const auto range = static_cast<float>(std::max(dataset.greatest() - dataset.least(), 1e-30));
    for (float& value : values) value = (value - least) / range;
}

} // namespace

void draw_samples(model::Vae& model, const layers::Values& values, const data::Dataset& dataset, data::Loader& loader,
                  std::size_t max_rows, std::uint32_t seed, const std::filesystem::path& png) {
    const std::size_t width = dataset.dimensions();
    const std::size_t inputs = std::min<std::size_t>(images_a_row * input_rows, dataset.size());
    const std::size_t priors = images_a_row * prior_rows;
    std::vector<float> shown(inputs * width), reconstructed(inputs * width), sampled(priors * width);

    for (std::size_t begin = 0; begin < inputs; begin += max_rows) {
        const data::Range range = data::batch_at(begin, inputs, max_rows);
        const data::Rows rows = loader.take(range, {seed, Purpose::validation_binarize, 0});
        for (std::size_t i = 0; i < rows.x.rows(); ++i)
            std::copy_n(rows.x.row(i).data(), width, &shown[(begin + i) * width]);
        model.reconstruct(values, rows.x, {&reconstructed[begin * width], range.size(), width});
    }

    std::vector<float> codes(priors * model.latent());
    std::vector<std::uint64_t> numbers(priors);
    std::iota(numbers.begin(), numbers.end(), 0);
    fill_normal_rows({seed, Purpose::pictures, 0}, numbers, 0, {codes.data(), priors, model.latent()});
    for (std::size_t begin = 0; begin < priors; begin += max_rows) {
        const std::size_t count = std::min(max_rows, priors - begin);
        model.decode(values, {&codes[begin * model.latent()], count, model.latent()},
                     {&sampled[begin * width], count, width});
    }

    for (std::vector<float>* pixels : {&shown, &reconstructed, &sampled}) to_unit_range(*pixels, dataset);
    images::Block pairs{{}, images_a_row};
    for (std::size_t begin = 0; begin < inputs; begin += images_a_row) {
        const std::size_t count = std::min(images_a_row, inputs - begin);
        pairs.rows.emplace_back(&shown[begin * width], count, width);
        pairs.rows.emplace_back(&reconstructed[begin * width], count, width);
    }
    const images::Block prior{{Matrix<const float>(sampled.data(), priors, width)}, images_a_row};
    images::write_png(png, images::grid(dataset.sample_shape(), {pairs, prior}));
}

} // namespace elbo::training
