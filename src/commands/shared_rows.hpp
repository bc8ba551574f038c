// Rows of floats in memory that the ranks of a node share, and samples in them.
#pragma once

#include "comm/node_memory.hpp"
#include "comm/nodes.hpp"
#include "data/loader.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace elbo::commands {

class SharedRows {
public:
    /// Collective, as all of it. what: in messages.
    SharedRows(const comm::Nodes& nodes, std::size_t rows, std::size_t columns, const std::string& what);

    Matrix<const float> matrix() const { return matrix_; }
    std::size_t columns() const { return matrix_.columns(); }

    /// Has make() fill blocks of at most pass_rows rows, which the ranks of a node divide.
    void fill(const std::function<void(data::Range rows, Matrix<float> block)>& make);

private:
    const comm::Nodes& nodes_;
    std::unique_ptr<comm::NodeMemory> memory_;
    Matrix<float> matrix_;
};

/// Samples of these numbers as the model sees them in validation, but binarised in this way; [numbers, elements].
void load_rows(const data::Dataset& samples, std::span<const std::uint64_t> numbers, data::Binarize binarize,
               std::uint32_t seed, Matrix<float> rows);

} // namespace elbo::commands
