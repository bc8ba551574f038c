// Matrix products on plain row-major memory by oneDNN. The only part of elbo, with its .cpp, that knows oneDNN's API.
#pragma once

#include "numerics/any_matrix.hpp"

#include <memory>
#include <span>
#include <string>

namespace elbo {

/// Which operand of a product stands transposed in memory.
enum class Transpose { none, a, b };

/// c[m, n] = a[m, k] b[k, n] (+ bias[n] to every row), where a operand said to be transposed is given as it stands in
/// memory (a: [k, m], or b: [n, k]). A product is made for one layout; its primitives, one for every m (or, where a is
/// transposed, every k) that occurs, are made on first use or by prepare(), and kept. a and b are of one precision;
/// sums are in float, rounded at the end where c is bf16.
class Product {
public:
    explicit Product(Transpose transpose, bool with_bias = false);
    Product(Product&&) noexcept;
    Product& operator=(Product&&) noexcept;
    ~Product();

    /// Makes the primitive for these operands ahead of the first step.
    void prepare(ConstAnyMatrix a, ConstAnyMatrix b, AnyMatrix c);

    /// Throws Error naming the shapes where they do not fit each other. bias: n values, exactly where made with_bias.
    /// An empty product (m = 0, or k = 0 with c set to zero) is allowed.
    void operator()(ConstAnyMatrix a, ConstAnyMatrix b, AnyMatrix c, std::span<const float> bias = {});

private:
    struct Cache;
    std::unique_ptr<Cache> cache_;
};

/// "oneDNN 2.6.3"; the instruction set that its kernels use on this CPU, "AVX-512 with bf16".
std::string matmul_library_version();
std::string matmul_instruction_set();

/// Whether products of this precision run on instructions made for it: bf16 emulated by others counts as no.
bool matmul_supports(Precision precision);

/// Whether products and convolutions may be computed by oneDNN's reference kernels where it has no others; not allowed
/// unless this is called.
void allow_reference_kernels(bool allowed);

/// Threads used by products of this process from now on.
void set_matmul_threads(int threads);

} // namespace elbo
