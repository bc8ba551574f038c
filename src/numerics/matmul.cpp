// Products by oneDNN's matmul primitive on row-major buffers, transposes and row distances expressed as strides. oneDNN
// 2 and 3 differ in how a primitive is described; all of that is in describe_primitive().
#include "numerics/matmul.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "numerics/memory.hpp"
#include "numerics/onednn.hpp"
#include "numerics/row_product.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <dlfcn.h>
#include <utility>
#include <vector>

namespace elbo {
namespace {

using Memory = dnnl::memory;

/// OpenMP keeps the number for each thread that starts teams, so each one that runs products takes it over.
std::atomic<int> wanted_threads = 0;
std::atomic<bool> reference_allowed = false;
thread_local int threads_here = 0;

/// What a primitive is made for.
struct Layout {
    std::size_t m, n, k, a_stride, b_stride, c_stride;
    Precision operands, result;
    int threads;
    bool operator==(const Layout&) const = default;
};

/// A primitive with everything that a call needs.
struct Prepared {
    Layout layout;
    dnnl::matmul primitive;
    Memory a, b, c, bias, scratch;
    AlignedFloats scratchpad;
    std::array<dnnl_exec_arg_t, 5> arguments;
    int argument_count;
};

Memory::desc plain(std::size_t rows, std::size_t columns, std::size_t row_stride, std::size_t column_stride,
                   Precision precision = Precision::fp32) {
    const auto extent = [](std::size_t n) { return static_cast<Memory::dim>(n); };
    return {{extent(rows), extent(columns)},
            precision == Precision::bf16 ? Memory::data_type::bf16 : Memory::data_type::f32,
            Memory::dims{extent(row_stride), extent(column_stride)}};
}

/// A matrix [rows, columns] of a product that stands as it is or transposed.
Memory::desc operand(std::size_t rows, std::size_t columns, std::size_t stride, Precision precision, bool transposed) {
    return transposed ? plain(rows, columns, 1, stride, precision) : plain(rows, columns, stride, 1, precision);
}

dnnl::matmul::primitive_desc describe_primitive(const Layout& layout, Transpose transpose, bool with_bias) {
    const Memory::desc a = operand(layout.m, layout.k, layout.a_stride, layout.operands, transpose == Transpose::a);
    const Memory::desc b = operand(layout.k, layout.n, layout.b_stride, layout.operands, transpose == Transpose::b);
    const Memory::desc c = operand(layout.m, layout.n, layout.c_stride, layout.result, false);
    const Memory::desc bias = plain(1, layout.n, layout.n, 1);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
    return with_bias ? dnnl::matmul::primitive_desc(onednn_cpu(), a, b, bias, c, attributes)
                     : dnnl::matmul::primitive_desc(onednn_cpu(), a, b, c, attributes);
#else
    const auto product = with_bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
    return {product, attributes, onednn_cpu()};
#endif
}

std::string describe_operands(ConstAnyMatrix a, ConstAnyMatrix b, ConstAnyMatrix c, Transpose transpose) {
    const auto operand_text = [](const char* name, ConstAnyMatrix matrix, bool transposed) {
        return fmt::format("{} {} x {} (stride {}, {}){}", name, matrix.rows(), matrix.columns(), matrix.stride(),
                           name_of(matrix.precision()), transposed ? " transposed" : "");
    };
    return fmt::format("{}, {}, {}", operand_text("a", a, transpose == Transpose::a),
                       operand_text("b", b, transpose == Transpose::b), operand_text("c", c, false));
}

/// c = bias in every row, or 0: what a product over nothing is.
void fill_rows(AnyMatrix c, std::span<const float> bias) {
    const std::vector<float> zeros(bias.empty() ? c.columns() : 0);
    copy(Matrix<const float>(bias.empty() ? zeros.data() : bias.data(), c.rows(), c.columns(), 0), c);
}

} // namespace

const dnnl::engine& onednn_cpu() {
    static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

namespace {

/// Instruction sets of x86 are sets of bits, of which a larger one has all. Elsewhere false.
bool onednn_uses([[maybe_unused]] dnnl::cpu_isa instructions) {
#if defined(__x86_64__)
    const auto wanted = static_cast<unsigned>(instructions);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
#else
    return false;
#endif
}

} // namespace

bool onednn_has_tiles() { return onednn_uses(dnnl::cpu_isa::avx512_core_amx); }

int onednn_threads() { return wanted_threads.load(std::memory_order_relaxed); }

/// The OpenMP runtime is the one that oneDNN brought along, whichever compiler elbo is built with.
void take_over_threads() {
    const int wanted = onednn_threads();
    if (wanted == threads_here) return;
    using SetThreads = void (*)(int);
    const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
    if (set != nullptr) set(wanted);
    threads_here = wanted;
}

struct Product::Cache {
    Cache(Transpose of, bool bias) : transpose(of), with_bias(bias) {}

    const Transpose transpose;
    const bool with_bias;
    dnnl::engine engine = onednn_cpu(); ///< kept as long as the primitives made on it
    dnnl::stream stream{engine};
    std::vector<std::unique_ptr<Prepared>> primitives; ///< few: a full and a last batch, training and validation

    Layout layout_of(ConstAnyMatrix a, ConstAnyMatrix b, ConstAnyMatrix c) const;
    /// Whether product_of_rows() is the faster way.
    bool by_rows(const Layout& layout) const;
    Prepared& find(const Layout& layout);
    std::unique_ptr<Prepared> make(const Layout& layout) const;
};

/// Throws where the operands do not fit.
Layout Product::Cache::layout_of(ConstAnyMatrix a, ConstAnyMatrix b, ConstAnyMatrix c) const {
    const auto extents = [](ConstAnyMatrix m, bool transposed) {
        return transposed ? std::pair(m.columns(), m.rows()) : std::pair(m.rows(), m.columns());
    };
    const auto [m, k] = extents(a, transpose == Transpose::a);
    const auto [b_k, n] = extents(b, transpose == Transpose::b);
    const auto overlapping = [](ConstAnyMatrix matrix) { return matrix.stride() < matrix.columns(); };
    if (k != b_k || c.rows() != m || c.columns() != n || overlapping(a) || overlapping(b) || overlapping(c) ||
        a.precision() != b.precision())
        fail("these do not fit into a product c = a b: {}", describe_operands(a, b, c, transpose));
    return {m, n, k, a.stride(), b.stride(), c.stride(), a.precision(), c.precision(), onednn_threads()};
}

bool Product::Cache::by_rows(const Layout& layout) const {
    return transpose == Transpose::b && layout.operands == Precision::fp32 && layout.result == Precision::fp32 &&
           layout.threads <= 1 && layout.m <= few_rows(layout.k);
}

Prepared& Product::Cache::find(const Layout& layout) {
    for (const auto& prepared : primitives)
        if (prepared->layout == layout) return *prepared;
    primitives.push_back(make(layout));
    return *primitives.back();
}

std::unique_ptr<Prepared> Product::Cache::make(const Layout& layout) const {
    const auto description = describe_primitive(layout, transpose, with_bias);
    const std::string implementation = description.impl_info_str();
    if (implementation.find("ref") != std::string::npos && !reference_kernels_allowed())
        fail("oneDNN has only its slow reference kernel ({}) for this product", implementation);

    auto made = std::make_unique<Prepared>();
    const auto memory = [&](const Memory::desc& shape) { return Memory(shape, engine, DNNL_MEMORY_NONE); };
    made->layout = layout;
    made->primitive = dnnl::matmul(description);
    made->a = memory(description.src_desc());
    made->b = memory(description.weights_desc());
    made->c = memory(description.dst_desc());
    made->scratchpad = AlignedFloats((description.scratchpad_desc().get_size() + sizeof(float) - 1) / sizeof(float));
    made->scratch = Memory(description.scratchpad_desc(), engine, made->scratchpad.span().data());
    made->arguments = {{{DNNL_ARG_SRC, made->a.get()},
                        {DNNL_ARG_WEIGHTS, made->b.get()},
                        {DNNL_ARG_DST, made->c.get()},
                        {DNNL_ARG_SCRATCHPAD, made->scratch.get()},
                        {}}};
    made->argument_count = 4;
    if (with_bias) {
        made->bias = memory(description.bias_desc());
        made->arguments[4] = {DNNL_ARG_BIAS, made->bias.get()};
        made->argument_count = 5;
    }
    return made;
}

Product::Product(Transpose transpose, bool with_bias) : cache_(std::make_unique<Cache>(transpose, with_bias)) {}
Product::Product(Product&&) noexcept = default;
Product& Product::operator=(Product&&) noexcept = default;
Product::~Product() = default;

void Product::prepare(ConstAnyMatrix a, ConstAnyMatrix b, AnyMatrix c) {
    take_over_threads();
    const Layout layout = cache_->layout_of(a, b, c);
    if (layout.m == 0 || layout.n == 0 || layout.k == 0 || cache_->by_rows(layout)) return;
    try {
        cache_->find(layout);
    } catch (const std::exception& error) {
        fail("{}: {}", describe_operands(a, b, c, cache_->transpose), error.what());
    }
}

void Product::operator()(ConstAnyMatrix a, ConstAnyMatrix b, AnyMatrix c, std::span<const float> bias) {
    take_over_threads();
    const Layout layout = cache_->layout_of(a, b, c);
    if (bias.size() != (cache_->with_bias ? layout.n : 0))
        fail("a bias of {} values does not fit the product {}", bias.size(),
             describe_operands(a, b, c, cache_->transpose));
    if (layout.m == 0 || layout.n == 0) return;
    if (layout.k == 0) return fill_rows(c, bias);
    if (cache_->by_rows(layout)) return product_of_rows(a.as<float>(), b.as<float>(), c.as<float>(), bias);
    try {
        Prepared& prepared = cache_->find(layout);
        // oneDNN takes what it only reads as void* too.
        prepared.a.set_data_handle(const_cast<void*>(a.data()));
        prepared.b.set_data_handle(const_cast<void*>(b.data()));
        prepared.c.set_data_handle(c.data());
        if (cache_->with_bias) prepared.bias.set_data_handle(const_cast<float*>(bias.data()));
        // The C call: dnnl::primitive::execute() would build a map and a vector each time.
        dnnl::error::wrap_c_api(dnnl_primitive_execute(prepared.primitive.get(), cache_->stream.get(),
                                                       prepared.argument_count, prepared.arguments.data()),
                                "could not execute a matmul primitive");
    } catch (const std::exception& error) {
        fail("{}: {}", describe_operands(a, b, c, cache_->transpose), error.what());
    }
}

std::string matmul_library_version() {
    const dnnl_version_t* version = dnnl_version();
    return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

std::string matmul_instruction_set() {
    using Isa = dnnl::cpu_isa;
    switch (dnnl::get_effective_cpu_isa()) {
    case Isa::sse41:
        return "SSE4.1";
    case Isa::avx:
        return "AVX";
    case Isa::avx2:
        return "AVX2";
    case Isa::avx2_vnni:
        return "AVX2 with VNNI";
    case Isa::avx512_core:
        return "AVX-512";
    case Isa::avx512_core_vnni:
        return "AVX-512 with VNNI";
    case Isa::avx512_core_bf16:
        return "AVX-512 with bf16";
    case Isa::avx512_core_amx:
        return "AVX-512 with bf16 and AMX";
#if DNNL_VERSION_MAJOR >= 3
    case Isa::avx512_core_fp16:
        return "AVX-512 with bf16 and fp16";
#endif
    default:
        return "oneDNN's choice for this CPU";
    }
}

bool matmul_supports(Precision precision) {
    if (precision == Precision::fp32) return true;
#if defined(__x86_64__)
    if (!onednn_uses(dnnl::cpu_isa::avx512_core_bf16)) return false;
#endif
    constexpr std::size_t extent = 64;
    const Layout layout{extent, extent, extent, extent, extent, extent, precision, Precision::fp32, 1};
    try {
        const std::string implementation = describe_primitive(layout, Transpose::b, false).impl_info_str();
        return implementation.find("ref") == std::string::npos;
    } catch (const dnnl::error&) {
        return false;
    }
}

void allow_reference_kernels(bool allowed) { reference_allowed = allowed; }
bool reference_kernels_allowed() { return reference_allowed; }

void set_matmul_threads(int threads) {
    if (threads < 1) fail("products on {} threads: at least 1 is needed", threads);
    if (threads > 1 && dlsym(RTLD_DEFAULT, "omp_set_num_threads") == nullptr)
        fail("this oneDNN runs without OpenMP, so products cannot be spread over {} threads: use 1 thread a rank",
             threads);
    wanted_threads = threads;
    take_over_threads();
}

} // namespace elbo
