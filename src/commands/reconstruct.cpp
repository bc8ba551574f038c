// `elbo reconstruct`: samples and what a trained model makes of them, E[x | z = posterior mean].
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/commands.hpp"
#include "commands/image_output.hpp"
#include "commands/on_ranks.hpp"
#include "commands/reconstruction_figures.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::commands {
namespace {

constexpr std::size_t usual_samples = 32, most_in_picture = 1000, images_a_row = 16;

class Reconstructing {
public:
    Reconstructing(const comm::Communicator& world, const ReconstructOptions& options)
        : options_(options),
          output_(ImageOutput::open(world, options)),
          asked_(world, options, files_of(options)),
          figures_(asked_.trained, asked_.data),
          terminal_(world.first(), report::Verbosity::normal) {}

    void run() {
        asked_.world.together([&] { check(); });
        for (const std::string& line : asked_.introduction()) terminal_.line(line);
        comm::in_order(
            asked_.world, data::batches_from(0, samples_.size(), pass_rows), comm::Makers::all,
            [&](std::size_t block, std::vector<std::byte>& bytes) { make(block, bytes); },
            [&](std::size_t block, std::span<const std::byte> bytes) { take(block, bytes); });
        asked_.world.on_first([&] { conclude(); });
    }

private:
    void check() {
        if (output_.is_picture()) asked_.require_images(options_.output);
        samples_ = asked_.samples("-n", options_.from, options_.samples, usual_samples);
        if (output_.is_picture() && samples_.size() > most_in_picture)
            reject("-n {}: a picture shows {} samples at most; name a file that ends in .npy or .h5", samples_.size(),
                   with_commas(most_in_picture));
    }

    data::Range block_of(std::size_t number) const {
        const data::Range range = data::batch_at(number * pass_rows, samples_.size(), pass_rows);
        return {samples_.begin + range.begin, samples_.begin + range.end};
    }

    /// Inputs, reconstructions, and then figures.
    void make(std::size_t number, std::vector<std::byte>& bytes) {
        const data::Range some = block_of(number);
        const std::vector<float> x = asked_.copy(some);
        const Matrix<const float> rows(x.data(), some.size(), asked_.dimensions());
        const std::vector<float> codes = asked_.means(rows), back = asked_.decode(codes);
        const std::vector<double> figures = figures_.measure(rows, {codes.data(), some.size(), asked_.latent()});
        for (const auto part :
             {std::as_bytes(std::span(figures)), std::as_bytes(std::span(x)), std::as_bytes(std::span(back))})
            bytes.insert(bytes.end(), part.begin(), part.end());
    }

    void take(std::size_t number, std::span<const std::byte> bytes) {
        const std::size_t rows = block_of(number).size(), width = asked_.dimensions();
        figures_.add({reinterpret_cast<const double*>(bytes.data()), rows, figures_.columns()});
        const auto* const values =
            reinterpret_cast<const float*>(bytes.data() + rows * figures_.columns() * sizeof(double));
        inputs_.insert(inputs_.end(), values, values + rows * width);
        outputs_.insert(outputs_.end(), values + rows * width, values + 2 * rows * width);
    }

    images::Picture picture() const {
        const std::vector<float> inputs = shown(inputs_, asked_.data), outputs = shown(outputs_, asked_.data);
        const std::size_t width = asked_.dimensions(), count = samples_.size();
        std::vector<images::Block> pairs;
        for (std::size_t begin = 0; begin < count; begin += images_a_row) {
            const std::size_t some = std::min(images_a_row, count - begin);
            pairs.push_back({{Matrix<const float>(&inputs[begin * width], some, width),
                              Matrix<const float>(&outputs[begin * width], some, width)},
                             images_a_row,
                             {}});
        }
        return images::grid(asked_.trained.sample_shape, pairs);
    }

    void conclude() {
        const Shape shape = several(samples_.size(), asked_.trained.sample_shape);
        std::vector<float> both = inputs_;
        both.insert(both.end(), outputs_.begin(), outputs_.end());
        output_.write({[&] { return picture(); },
                       {{}, several(2, shape), both},
                       {{"/input", shape, inputs_}, {"/reconstruction", shape, outputs_}}},
                      asked_);
        terminal_.line("");
        for (const std::string& line : figures_.lines()) terminal_.line(line);
        terminal_.line(fmt::format("\nwrote {}: samples {} to {}, inputs over reconstructions", options_.output,
                                   samples_.begin, samples_.end - 1));
    }

    const ReconstructOptions& options_;
    ImageOutput output_;
    Asked asked_;
    ReconstructionFigures figures_;
    report::Terminal terminal_;
    data::Range samples_;
    std::vector<float> inputs_, outputs_; ///< rank 0's
};

} // namespace

Exit reconstruct(const ReconstructOptions& options) {
    return on_ranks([&](const comm::Communicator& world) {
        Reconstructing(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
