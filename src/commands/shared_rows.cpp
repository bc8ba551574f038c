#include "commands/shared_rows.hpp"

#include "commands/asked.hpp"

#include <algorithm>

namespace elbo::commands {

SharedRows::SharedRows(const comm::Nodes& nodes, std::size_t rows, std::size_t columns, const std::string& what)
    : nodes_(nodes),
      memory_(std::make_unique<comm::NodeMemory>(nodes, rows * columns * sizeof(float), what)),
      matrix_(reinterpret_cast<float*>(memory_->data()), rows, columns) {}

void SharedRows::fill(const std::function<void(data::Range rows, Matrix<float> block)>& make) {
    const auto rank = static_cast<std::uint64_t>(nodes_.node().rank());
    const auto ranks = static_cast<std::uint64_t>(nodes_.node().size());
    nodes_.world().together([&] {
        for (std::uint64_t block = rank; block * pass_rows < matrix_.rows(); block += ranks) {
            const data::Range rows = data::batch_at(block * pass_rows, matrix_.rows(), pass_rows);
            make(rows, matrix_.some_rows(rows.begin, rows.size()));
        }
    });
}

void load_rows(const data::Dataset& samples, std::span<const std::uint64_t> numbers, data::Binarize binarize,
               std::uint32_t seed, Matrix<float> rows) {
    data::Loader loader(samples, binarize, 1);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const data::Range one{numbers[i], numbers[i] + 1};
        std::ranges::copy(loader.take(one, {seed, Purpose::validation_binarize, 0}).x.row(0), rows.row(i).begin());
    }
}

} // namespace elbo::commands
