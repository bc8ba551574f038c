// Aligned memory, and a workspace planned piece by piece.
#include "numerics/memory.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace elbo {
namespace {

constexpr std::size_t floats_an_alignment = alignment / sizeof(float);

/// From this size on, pages of 2 MiB are asked for: a pass over small ones pays for address translation.
constexpr std::size_t huge_page = std::size_t{2} << 20;

/// A process has 47 bits of addresses.
constexpr std::size_t largest_count = (std::size_t{1} << 47) / sizeof(float);

/// Null where there is no memory, as from the C library.
void* allocate_zeroed(std::size_t bytes) {
    const bool huge = bytes >= 2 * huge_page;
    const std::size_t boundary = huge ? huge_page : alignment;
    const std::size_t rounded = (bytes + boundary - 1) / boundary * boundary;
    void* memory = std::aligned_alloc(boundary, rounded);
    if (memory == nullptr) return nullptr;
    if (huge) madvise(memory, rounded, MADV_HUGEPAGE); // a wish: a system without them works all the same
    return std::memset(memory, 0, rounded);
}

} // namespace

AlignedFloats::AlignedFloats(std::size_t count) : count_(count) {
    if (count == 0) return;
    if (count <= largest_count) data_.reset(static_cast<float*>(allocate_zeroed(count * sizeof(float))));
    if (!data_)
        fail("no memory for {} floats ({}): use a smaller batch or model, or a node with more memory",
             with_commas(count), human_bytes(static_cast<double>(count) * sizeof(float)));
}

void AlignedFloats::Free::operator()(float* p) const { std::free(p); }

std::size_t Workspace::plan(std::size_t count) {
    if (!memory_.span().empty()) fail("a workspace of {} floats cannot grow: it is allocated already", planned_);
    if (count > largest_count - planned_)
        fail("a workspace cannot hold {} floats besides {} others", with_commas(count), with_commas(planned_));
    const std::size_t offset = planned_;
    planned_ += (count + floats_an_alignment - 1) / floats_an_alignment * floats_an_alignment;
    return offset;
}

std::size_t Workspace::plan(std::size_t count, Precision precision) {
    return plan(precision == Precision::bf16 ? count / 2 + count % 2 : count);
}

void Workspace::allocate() { memory_ = AlignedFloats(planned_); }

float* Workspace::at(std::size_t offset) {
    if (offset > memory_.span().size())
        fail("offset {} lies outside of a workspace of {} floats", offset, memory_.span().size());
    return memory_.span().data() + offset;
}

AnyMatrix Workspace::matrix(std::size_t offset, Precision precision, std::size_t rows, std::size_t columns) {
    return {at(offset), precision, rows, columns, columns};
}

} // namespace elbo
