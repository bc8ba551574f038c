// The table of parameters, and their initial values by addressed random numbers.
#include "layers/parameters.hpp"

#include "numerics/memory.hpp"
#include "numerics/random.hpp"

#include <algorithm>
#include <stdexcept>

namespace elbo::layers {

namespace {

void fill(const Initial& initial, const Stream& stream, std::uint64_t index, std::span<float> values) {
    const auto scale = static_cast<float>(initial.scale);
    switch (initial.kind) {
    case Initial::Kind::zero:
        std::ranges::fill(values, 0.0f);
        return;
    case Initial::Kind::constant:
        std::ranges::fill(values, scale);
        return;
    case Initial::Kind::normal:
        fill_normal(stream, index, 0, values);
        for (float& value : values) value *= scale;
        return;
    case Initial::Kind::uniform:
        fill_uniform(stream, index, 0, values);
        for (float& value : values) value = (2 * value - 1) * scale;
        return;
    }
}

} // namespace

std::size_t ParameterTable::add(std::string path, Shape shape, Initial initial) {
    if (std::ranges::any_of(parameters_, [&](const Parameter& other) { return other.path == path; })) {
        throw std::logic_error("parameter " + path + " is added twice");
    }
    const std::size_t offset = size_;
    const std::size_t count = elements(shape);
    parameters_.push_back({std::move(path), std::move(shape), offset, count, initial});
    size_ += count;
    return offset;
}

void ParameterTable::align() {
    constexpr std::size_t line = alignment / sizeof(float);
    size_ = (size_ + line - 1) / line * line;
}

std::size_t ParameterTable::trainable() const {
    std::size_t sum = 0;
    for (const Parameter& parameter : parameters_) sum += parameter.size;
    return sum;
}

void ParameterTable::clear_gaps(std::span<float> array) const {
    std::size_t end = 0;
    for (const Parameter& parameter : parameters_) {
        std::ranges::fill(array.subspan(end, parameter.offset - end), 0.0f);
        end = parameter.offset + parameter.size;
    }
    std::ranges::fill(array.subspan(end, size_ - end), 0.0f);
}

void ParameterTable::initialise(std::uint32_t seed, std::span<float> values) const {
    if (values.size() != size_) throw std::logic_error("initialise: not the table's size");
    clear_gaps(values);
    const Stream stream{seed, Purpose::initial_values, 0};
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
        fill(parameters_[i].initial, stream, i, values.subspan(parameters_[i].offset, parameters_[i].size));
    }
}

} // namespace elbo::layers
