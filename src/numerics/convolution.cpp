// Convolutions by oneDNN. Activations stay plain (nhwc), where its kernels are as fast as on blocked ones; weights,
// which are small, are copied into the layout that it asks for, and their gradient back. oneDNN 2 and 3 differ in how a
// primitive is described; all of that is in the describe() functions.
#include "numerics/convolution.hpp"

#include "base/error.hpp"
#include "numerics/memory.hpp"
#include "numerics/onednn.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

namespace elbo {
namespace {

using Memory = dnnl::memory;
using Forward = dnnl::convolution_forward;
using ToInput = dnnl::convolution_backward_data;
using ToWeight = dnnl::convolution_backward_weights;
constexpr auto algorithm = dnnl::algorithm::convolution_direct;

std::atomic<std::uint64_t> reorders = 0;

enum class Way { forward, to_input, to_weight };

Memory::dim dim(std::size_t n) { return static_cast<Memory::dim>(n); }

/// Of the images, the weights and the results, or of their gradients.
struct Types {
    Precision x, weight, y;
    bool operator==(const Types&) const = default;
};

Memory::data_type type_of(Precision precision) {
    return precision == Precision::bf16 ? Memory::data_type::bf16 : Memory::data_type::f32;
}

/// What is computed: the arguments of each way's description.
struct Described {
    Memory::desc x, weight, plain_weight, y;
    Memory::dims stride, before, after;
    dnnl::primitive_attr attributes;

    Described(const ConvolutionShape& s, std::size_t rows, Types types) {
        using Tag = Memory::format_tag;
        const Memory::dims weights = {dim(s.out_channels), dim(s.channels), dim(s.kernel), dim(s.kernel)};
        x = {{dim(rows), dim(s.channels), dim(s.height), dim(s.width)}, type_of(types.x), Tag::nhwc};
        y = {{dim(rows), dim(s.out_channels), dim(s.out_height()), dim(s.out_width())}, type_of(types.y), Tag::nhwc};
        weight = {weights, type_of(types.weight), Tag::any};
        plain_weight = {weights, type_of(types.weight), Tag::oihw};
        stride = {dim(s.stride), dim(s.stride)};
        before = {dim(s.padding), dim(s.padding)};
        // Less than before, even negative, where the kernel's last step ends before the padded image does.
        const auto behind = [&](std::size_t in, std::size_t out) {
            return dim((out - 1) * s.stride + s.kernel) - dim(in + s.padding);
        };
        after = {behind(s.height, s.out_height()), behind(s.width, s.out_width())};
        attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    }
};

#if DNNL_VERSION_MAJOR >= 3
Forward::primitive_desc describe_forward(const Described& d) {
    return {onednn_cpu(), dnnl::prop_kind::forward_training, algorithm, d.x, d.weight, d.y, d.stride, d.before, d.after,
            d.attributes};
}

template <class Primitive>
typename Primitive::primitive_desc describe_backward(const Described& d, const Forward::primitive_desc& forward) {
    return {onednn_cpu(), algorithm, d.x, d.weight, d.y, d.stride, d.before, d.after, forward, d.attributes};
}
#else
Forward::primitive_desc describe_forward(const Described& d) {
    return {
        Forward::desc(dnnl::prop_kind::forward_training, algorithm, d.x, d.weight, d.y, d.stride, d.before, d.after),
        d.attributes, onednn_cpu()};
}

template <class Primitive>
typename Primitive::primitive_desc describe_backward(const Described& d, const Forward::primitive_desc& forward) {
    return {typename Primitive::desc(algorithm, d.x, d.weight, d.y, d.stride, d.before, d.after), d.attributes,
            onednn_cpu(), forward};
}
#endif

AlignedFloats room_for(const Memory::desc& desc) {
    return AlignedFloats((desc.get_size() + sizeof(float) - 1) / sizeof(float));
}

Memory unplaced(const Memory::desc& desc) { return {desc, onednn_cpu(), DNNL_MEMORY_NONE}; }

/// One way for one number of rows, with everything that a call needs.
struct Prepared {
    Way way;
    std::size_t rows;
    Types types;
    dnnl::primitive primitive;
    dnnl::reorder reorder;                      ///< of the weights, or of their gradient
    AlignedFloats weight_room, scratch_room{};  ///< of the weights in oneDNN's layout, if it is another
    Memory x, y, plain_weight, weight, scratch; ///< or their gradients
    std::vector<dnnl_exec_arg_t> arguments{};
    bool reorders = false;
};

/// What oneDNN calls the images, the weights and the results in each way.
struct Names {
    int x, weight, y;
};
constexpr Names names_of(Way way) {
    if (way == Way::forward) return {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    if (way == Way::to_input) return {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
    return {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST};
}

template <class Primitive>
std::unique_ptr<Prepared> assemble(Way way, std::size_t rows, Types types, const Described& d,
                                   const typename Primitive::primitive_desc& description,
                                   const Memory::desc& weight_layout) {
    if (std::string(description.impl_info_str()).find("ref") != std::string::npos)
        fail("oneDNN has only its slow reference kernel ({}) for it", description.impl_info_str());
    auto made = std::make_unique<Prepared>();
    made->way = way;
    made->rows = rows;
    made->types = types;
    made->primitive = Primitive(description);
    made->x = unplaced(d.x);
    made->y = unplaced(d.y);
    made->plain_weight = unplaced(d.plain_weight);
    made->reorders = weight_layout != d.plain_weight;
    if (made->reorders) {
        made->weight_room = room_for(weight_layout);
        made->weight = Memory(weight_layout, onednn_cpu(), made->weight_room.span().data());
        made->reorder = way == Way::to_weight ? dnnl::reorder(made->weight, made->plain_weight)
                                              : dnnl::reorder(made->plain_weight, made->weight);
    } else {
        made->weight = made->plain_weight;
    }
    made->scratch_room = room_for(description.scratchpad_desc());
    made->scratch = Memory(description.scratchpad_desc(), onednn_cpu(), made->scratch_room.span().data());
    const Names names = names_of(way);
    made->arguments = {{names.x, made->x.get()},
                       {names.weight, made->weight.get()},
                       {names.y, made->y.get()},
                       {DNNL_ARG_SCRATCHPAD, made->scratch.get()}};
    return made;
}

std::unique_ptr<Prepared> make(const ConvolutionShape& shape, Way way, std::size_t rows, Types types) {
    const Described d(shape, rows, types);
    if (way == Way::forward) {
        const Forward::primitive_desc description = describe_forward(d);
        return assemble<Forward>(way, rows, types, d, description, description.weights_desc());
    }
    // The ways back want to know a forward one: of what they read.
    const Precision read = way == Way::to_input ? types.y : types.x;
    const Forward::primitive_desc forward = describe_forward(Described(shape, rows, {read, read, read}));
    if (way == Way::to_input) {
        const auto description = describe_backward<ToInput>(d, forward);
        return assemble<ToInput>(way, rows, types, d, description, description.weights_desc());
    }
    const auto description = describe_backward<ToWeight>(d, forward);
    return assemble<ToWeight>(way, rows, types, d, description, description.diff_weights_desc());
}

void check(dnnl_status_t status) { dnnl::error::wrap_c_api(status, "could not execute a primitive"); }

} // namespace

double ConvolutionShape::flops() const {
    return 2.0 * static_cast<double>(out_height() * out_width()) * static_cast<double>(weights());
}

struct Convolution::Cache {
    ConvolutionShape shape;
    dnnl::stream stream{onednn_cpu()};
    std::vector<std::unique_ptr<Prepared>> primitives{}; ///< few: a full and a last batch, training and validation

    Prepared& find(Way way, std::size_t rows, Types types) {
        for (const auto& prepared : primitives)
            if (prepared->way == way && prepared->rows == rows && prepared->types == types) return *prepared;
        primitives.push_back(make(shape, way, rows, types));
        return *primitives.back();
    }

    void reorder(Prepared& prepared) {
        reorders.fetch_add(1, std::memory_order_relaxed);
        const bool back = prepared.way == Way::to_weight;
        const dnnl_exec_arg_t arguments[] = {
            {DNNL_ARG_FROM, back ? prepared.weight.get() : prepared.plain_weight.get()},
            {DNNL_ARG_TO, back ? prepared.plain_weight.get() : prepared.weight.get()}};
        check(dnnl_primitive_execute(prepared.reorder.get(), stream.get(), 2, arguments));
    }

    void require(ConstAnyMatrix x, ConstAnyMatrix weight, ConstAnyMatrix y) const {
        const auto gaps = [](ConstAnyMatrix m) { return m.rows() > 1 && m.stride() != m.columns(); };
        if (x.columns() != shape.inputs() || y.columns() != shape.outputs() || x.rows() != y.rows() ||
            weight.rows() != 1 || weight.columns() != shape.weights() || gaps(x) || gaps(y))
            fail("images {} x {}, weights {} x {} and results {} x {} do not fit", x.rows(), x.columns(), weight.rows(),
                 weight.columns(), y.rows(), y.columns());
    }

    /// One way; weight may be its gradient. Whatever is only read is not written.
    void run(Way way, ConstAnyMatrix x, ConstAnyMatrix weight, ConstAnyMatrix y) {
        take_over_threads();
        try {
            require(x, weight, y);
            if (x.rows() == 0) return;
            Prepared& prepared = find(way, x.rows(), {x.precision(), weight.precision(), y.precision()});
            prepared.x.set_data_handle(const_cast<void*>(x.data()));
            prepared.y.set_data_handle(const_cast<void*>(y.data()));
            prepared.plain_weight.set_data_handle(const_cast<void*>(weight.data()));
            if (prepared.reorders && way != Way::to_weight) reorder(prepared);
            check(dnnl_primitive_execute(prepared.primitive.get(), stream.get(),
                                         static_cast<int>(prepared.arguments.size()), prepared.arguments.data()));
            if (prepared.reorders && way == Way::to_weight) reorder(prepared);
        } catch (const std::exception& error) {
            fail("a convolution of {} x {} x {} to {} channels (kernel {}, stride {}, padding {}), {} rows: {}",
                 shape.height, shape.width, shape.channels, shape.out_channels, shape.kernel, shape.stride,
                 shape.padding, x.rows(), error.what());
        }
    }
};

Convolution::Convolution(const ConvolutionShape& shape) : cache_(new Cache{shape}) {
    if (shape.out_height() == 0 || shape.out_width() == 0 || shape.weights() == 0 || shape.stride == 0)
        fail("a kernel of {} with stride {} and padding {} does not fit images of {} x {} x {}", shape.kernel,
             shape.stride, shape.padding, shape.height, shape.width, shape.channels);
}
Convolution::Convolution(Convolution&&) noexcept = default;
Convolution& Convolution::operator=(Convolution&&) noexcept = default;
Convolution::~Convolution() = default;

const ConvolutionShape& Convolution::shape() const { return cache_->shape; }

void Convolution::forward(ConstAnyMatrix x, ConstAnyMatrix weight, AnyMatrix y) {
    cache_->run(Way::forward, x, weight, y);
}

void Convolution::back_to_input(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x) {
    cache_->run(Way::to_input, diff_x, weight, diff_y);
}

void Convolution::back_to_weight(ConstAnyMatrix x, ConstAnyMatrix diff_y, Matrix<float> diff_weight) {
    cache_->run(Way::to_weight, x, diff_weight, diff_y);
    if (x.rows() == 0) std::ranges::fill(diff_weight.row(0), 0.0F);
}

std::uint64_t reorders_so_far() { return reorders.load(std::memory_order_relaxed); }

} // namespace elbo
