// Convolutions by oneDNN. Activations stay plain (nhwc), where its kernels are as fast as on blocked ones; weights,
// which are small, are copied into the layout that it asks for, and their gradient back. Only where it has nothing but
// its reference kernel for plain activations, it is asked for a layout of its own, and they are copied too. oneDNN 2
// and 3 differ in how a primitive is described; all of that is in the describe() functions.
#include "numerics/onednn_convolution.hpp"

#include "base/error.hpp"
#include "numerics/memory.hpp"
#include "numerics/onednn.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
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

using Way = OnednnConvolution::Way;

Memory::dim dim(std::size_t n) { return static_cast<Memory::dim>(n); }

/// Of the images, the weights and the results, or of their gradients.
struct Types {
    Precision x, weight, y;
    bool operator==(const Types&) const = default;
};

Memory::data_type type_of(Precision precision) {
    return precision == Precision::bf16 ? Memory::data_type::bf16 : Memory::data_type::f32;
}

using Tag = Memory::format_tag;

/// Memory as the caller has it.
struct Plain {
    Memory::desc x, weight, y;
    Plain(const ConvolutionShape& s, std::size_t rows, Types types, Tag images = Tag::nhwc, Tag weights = Tag::oihw)
        : x({dim(rows), dim(s.channels), dim(s.height), dim(s.width)}, type_of(types.x), images),
          weight({dim(s.out_channels), dim(s.channels), dim(s.kernel), dim(s.kernel)}, type_of(types.weight), weights),
          y({dim(rows), dim(s.out_channels), dim(s.out_height()), dim(s.out_width())}, type_of(types.y), images) {}
};

/// What is computed: the arguments of each way's description. images: nhwc, or any for oneDNN's choice.
struct Described : Plain {
    Memory::dims stride, before, after;
    dnnl::primitive_attr attributes;

    Described(const ConvolutionShape& s, std::size_t rows, Types types, Tag images)
        : Plain(s, rows, types, images, Tag::any),
          stride{dim(s.stride), dim(s.stride)},
          before{dim(s.padding), dim(s.padding)} {
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

/// An array of a primitive: as the caller has it and, where oneDNN wants another layout, a copy in that.
struct Operand {
    Memory plain, used;
    AlignedFloats room{};
    dnnl::reorder reorder{}; ///< before the primitive where the array is read, after it where it is written
    bool moved = false, written = false;

    Operand() = default;
    Operand(const Memory::desc& own, const Memory::desc& wanted, bool is_written)
        : plain(unplaced(own)), used(plain), moved(own != wanted), written(is_written) {
        if (!moved) return;
        room = room_for(wanted);
        used = Memory(wanted, onednn_cpu(), room.span().data());
        reorder = written ? dnnl::reorder(used, plain) : dnnl::reorder(plain, used);
    }
};

/// One way for one number of rows, with everything that a call needs.
struct Prepared {
    Way way;
    std::size_t rows;
    Types types;
    dnnl::primitive primitive{};
    Operand x{}, weight{}, y{}; ///< or their gradients
    AlignedFloats scratch_room{};
    Memory scratch{};
    std::vector<dnnl_exec_arg_t> arguments{};
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

bool is_reference(const std::string& implementation) { return implementation.find("ref") != std::string::npos; }

/// call(description) with that of a way. Throws dnnl::error where oneDNN has none.
template <class Call>
auto with_description(const ConvolutionShape& shape, Way way, std::size_t rows, Types types, Tag images,
                      const Call& call) {
    const Described d(shape, rows, types, images);
    if (way == Way::forward) return call(describe_forward(d));
    // The ways back want to know a forward one: of what they read.
    const Precision read = way == Way::to_input ? types.y : types.x;
    const Forward::primitive_desc forward = describe_forward(Described(shape, rows, {read, read, read}, images));
    if (way == Way::to_input) return call(describe_backward<ToInput>(d, forward));
    return call(describe_backward<ToWeight>(d, forward));
}

/// The layout of images for which oneDNN has a fast kernel. Throws Error where there is none and none may be slow.
Tag images_for(const ConvolutionShape& shape, Way way, std::size_t rows, Types types) {
    std::string found;
    for (const Tag images : {Tag::nhwc, Tag::any}) {
        try {
            const std::string name = with_description(shape, way, rows, types, images,
                                                      [](const auto& d) { return std::string(d.impl_info_str()); });
            if (!is_reference(name)) return images;
            found = name;
        } catch (const dnnl::error& error) {
            if (found.empty()) found = error.what();
        }
    }
    if (reference_kernels_allowed()) return Tag::nhwc;
    fail("oneDNN has only its slow reference kernel ({}) for it; other channels, kernels or paddings have fast ones, "
         "and numerics.allow_reference: true takes it as it is",
         found);
}

std::unique_ptr<Prepared> make(const ConvolutionShape& shape, Way way, std::size_t rows, Types types) {
    const Tag images = images_for(shape, way, rows, types);
    return with_description(shape, way, rows, types, images, [&]<class Description>(const Description& description) {
        const Plain plain(shape, rows, types);
        const Names names = names_of(way);
        const auto layout = [&](int name) { return description.query_md(dnnl::query::exec_arg_md, name); };
        auto made = std::make_unique<Prepared>(Prepared{way, rows, types});
        made->primitive = dnnl::primitive(description.get());
        made->x = Operand(plain.x, layout(names.x), way == Way::to_input);
        made->weight = Operand(plain.weight, layout(names.weight), way == Way::to_weight);
        made->y = Operand(plain.y, layout(names.y), way == Way::forward);
        made->scratch_room = room_for(description.scratchpad_desc());
        made->scratch = Memory(description.scratchpad_desc(), onednn_cpu(), made->scratch_room.span().data());
        made->arguments = {{names.x, made->x.used.get()},
                           {names.weight, made->weight.used.get()},
                           {names.y, made->y.used.get()},
                           {DNNL_ARG_SCRATCHPAD, made->scratch.get()}};
        return made;
    });
}

void check(dnnl_status_t status) { dnnl::error::wrap_c_api(status, "could not execute a primitive"); }

} // namespace

struct OnednnConvolution::Cache {
    ConvolutionShape shape;
    dnnl::stream stream{onednn_cpu()};
    std::vector<std::unique_ptr<Prepared>> primitives{}; ///< few: a full and a last batch, training and validation

    Prepared& find(Way way, std::size_t rows, Types types) {
        for (const auto& prepared : primitives)
            if (prepared->way == way && prepared->rows == rows && prepared->types == types) return *prepared;
        primitives.push_back(make(shape, way, rows, types));
        return *primitives.back();
    }

    void reorder(Operand& operand) {
        reorders.fetch_add(1, std::memory_order_relaxed);
        const Memory& from = operand.written ? operand.used : operand.plain;
        const Memory& to = operand.written ? operand.plain : operand.used;
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}};
        check(dnnl_primitive_execute(operand.reorder.get(), stream.get(), 2, arguments));
    }
};

OnednnConvolution::OnednnConvolution(const ConvolutionShape& shape) : cache_(new Cache{shape}) {}
OnednnConvolution::OnednnConvolution(OnednnConvolution&&) noexcept = default;
OnednnConvolution& OnednnConvolution::operator=(OnednnConvolution&&) noexcept = default;
OnednnConvolution::~OnednnConvolution() = default;

void OnednnConvolution::require_kernels(Way way, std::size_t rows, Precision precision) const {
    images_for(cache_->shape, way, rows, {precision, way == Way::to_weight ? Precision::fp32 : precision, precision});
}

void OnednnConvolution::run(Way way, ConstAnyMatrix x, ConstAnyMatrix weight, ConstAnyMatrix y) {
    take_over_threads();
    Prepared& prepared = cache_->find(way, x.rows(), {x.precision(), weight.precision(), y.precision()});
    const std::pair<Operand*, const void*> operands[] = {
        {&prepared.x, x.data()}, {&prepared.weight, weight.data()}, {&prepared.y, y.data()}};
    for (const auto& [operand, data] : operands) {
        operand->plain.set_data_handle(const_cast<void*>(data));
        if (operand->moved && !operand->written) cache_->reorder(*operand);
    }
    check(dnnl_primitive_execute(prepared.primitive.get(), cache_->stream.get(),
                                 static_cast<int>(prepared.arguments.size()), prepared.arguments.data()));
    for (const auto& [operand, data] : operands)
        if (operand->moved && operand->written) cache_->reorder(*operand);
}

std::uint64_t reorders_so_far() { return reorders.load(std::memory_order_relaxed); }

} // namespace elbo
