// Data made up for measuring: the shape and type of the configured dataset, uniform numbers, whole batches.
#include "training/inputs.hpp"

#include "comm/node_memory.hpp"
#include "training/transforms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <type_traits>

namespace elbo::training {
namespace {

/// Of all samples: larger than a cache, made in a moment.
constexpr std::size_t most_bytes = std::size_t{64} << 20;
constexpr std::size_t usual_samples = 60000;

/// Rank 0's for all: other hosts need not have the file.
storage::DatasetInfo agreed_header(const comm::Communicator& world, const config::Data& settings) {
    storage::DatasetInfo info;
    std::string text;
    world.on_first([&] {
        info = header_or_shape(settings);
        text = fmt::format("{} {}", static_cast<int>(info.type), fmt::join(info.shape, " "));
    });
    std::istringstream words(world.broadcast(text));
    int type = 0;
    words >> type;
    info = {"synthetic", "/train/x", {}, static_cast<storage::ElementType>(type), "", {}, 0};
    for (std::size_t extent; words >> extent;) info.shape.push_back(extent);
    if (info.rows() == 0) info.shape.front() = usual_samples;
    info.stored = storage::name_of(info.type);
    return info;
}

/// Uniform values that scale to [0, 1], the same on every node (splitmix64: Steele, Lea & Flood 2014). Integers are cut
/// off below `top`, which they do not reach.
template <class T>
void fill(std::span<std::byte> bytes, double scale) {
    constexpr double rounding = 1 + 1e-9; // 1 / (1 / 255) may be just below 255
    const double most = std::floor(rounding / scale);
    const double top =
        std::is_integral_v<T> ? 1 + std::min(static_cast<double>(std::numeric_limits<T>::max()), most) : 1 / scale;
    std::uint64_t state = 1;
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
        std::uint64_t bits = state += 0x9e3779b97f4a7c15U;
        bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
        bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
        const T value = static_cast<T>(top * static_cast<double>((bits ^ (bits >> 31U)) >> 11U) * 0x1p-53);
        std::memcpy(&bytes[at], &value, sizeof value);
    }
}

void fill(storage::ElementType type, std::span<std::byte> bytes, double scale) {
    switch (type) {
    case storage::ElementType::u8:
        return fill<std::uint8_t>(bytes, scale);
    case storage::ElementType::i8:
        return fill<std::int8_t>(bytes, scale);
    case storage::ElementType::u16:
        return fill<std::uint16_t>(bytes, scale);
    case storage::ElementType::i16:
        return fill<std::int16_t>(bytes, scale);
    case storage::ElementType::u32:
        return fill<std::uint32_t>(bytes, scale);
    case storage::ElementType::i32:
        return fill<std::int32_t>(bytes, scale);
    case storage::ElementType::u64:
        return fill<std::uint64_t>(bytes, scale);
    case storage::ElementType::i64:
        return fill<std::int64_t>(bytes, scale);
    case storage::ElementType::f32:
        return fill<float>(bytes, scale);
    case storage::ElementType::f64:
        return fill<double>(bytes, scale);
    }
}

} // namespace

storage::DatasetInfo header_or_shape(const config::Data& settings) {
    if (!storage::files_of(settings.train).empty()) return train_header(settings);
    const std::string names = fmt::format("{}", fmt::join(settings.train, ", "));
    if (settings.shape.empty())
        reject("data.train: {} does not exist, and data.shape is not set; without a dataset give a sample's shape, as "
               "in data.shape=[784]",
               names);
    storage::DatasetInfo info{names, "", {0}, storage::ElementType::u8, "uint8", {}, 0};
    info.shape.insert(info.shape.end(), settings.shape.begin(), settings.shape.end());
    return info;
}

Inputs synthetic_inputs(const comm::Nodes& nodes, const config::Config& config, std::uint64_t batch) {
    storage::DatasetInfo info = agreed_header(nodes.world(), config.data);
    const std::size_t samples = std::min(info.rows(), most_bytes / info.row_bytes());
    info.shape.front() = std::max<std::size_t>(1, samples / batch) * batch;
    const std::size_t bytes = info.rows() * info.row_bytes();
    const auto memory = std::make_shared<comm::NodeMemory>(nodes, bytes, "synthetic data");
    const std::span<std::byte> contents(memory->data(), bytes);
    if (nodes.node().first()) fill(info.type, contents, config.data.scale.value_or(data::natural_scale(info.type)));
    nodes.node().barrier();
    const std::size_t row = info.row_bytes();
    const data::Facts facts =
        data::survey(nodes.world(), nodes.node(), info, data::stored_one(info.type, config.data.scale),
                     [&](data::Range rows) { return contents.subspan(rows.begin * row, rows.size() * row); });
    DataPlan plan;
    plan.train = bytes;
    Inputs inputs{
        agreed(nodes.world(), [&] { return data::Dataset(info, facts, contents, memory, config.data.scale); }),
        std::nullopt, std::nullopt, plan, ""};
    transform_inputs(nodes.world(), config, inputs);
    return inputs;
}

} // namespace elbo::training
