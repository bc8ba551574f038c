// Convolutions by oneDNN's primitives, in either precision and on any number of threads.
#pragma once

#include "numerics/convolution.hpp"

#include <memory>

namespace elbo {

/// Primitives, one for every number of rows that occurs, are made on first use and kept.
class OnednnConvolution {
public:
    enum class Way { forward, to_input, to_weight };

    explicit OnednnConvolution(const ConvolutionShape& shape);
    OnednnConvolution(OnednnConvolution&&) noexcept;
    OnednnConvolution& operator=(OnednnConvolution&&) noexcept;
    ~OnednnConvolution();

    /// Throws Error where oneDNN has nothing but its reference kernels for this way, and these are not allowed.
    void require_kernels(Way way, std::size_t rows, Precision precision) const;

    /// x: the images, y: the results, or their gradients, and weight's; the one that the way computes is written.
    void run(Way way, ConstAnyMatrix x, ConstAnyMatrix weight, ConstAnyMatrix y);

private:
    struct Cache;
    std::unique_ptr<Cache> cache_;
};

} // namespace elbo
