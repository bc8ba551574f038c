#include "data/windows.hpp"

#include <algorithm>

namespace elbo::data {
namespace {

std::uint64_t blocks_of(const Ordering& ordering) { return (ordering.samples + ordering.block - 1) / ordering.block; }

} // namespace

Windows::Windows(std::uint32_t seed, std::uint32_t epoch, const Ordering& ordering)
    : ordering_(ordering),
      within_{seed, Purpose::window_order, epoch},
      blocks_({seed, Purpose::block_order, epoch}, blocks_of(ordering)),
      short_slot_(blocks_.position_of(blocks_of(ordering) - 1)),
      missing_(blocks_of(ordering) * ordering.block - ordering.samples) {}

Windows::Spot Windows::spot(std::uint64_t position) const {
    const std::uint64_t batch = position / ordering_.batch;
    const Range all = batch_at(batch * ordering_.batch, ordering_.samples, ordering_.batch);
    const std::uint64_t piece = shard_holding(position - all.begin, all.size(), ordering_.pieces);
    const std::uint64_t passed = position - shard_of(all, piece, ordering_.pieces).begin;
    const std::uint64_t done = batch * ordering_.share(piece) + passed; // samples of the piece before this one
    const std::uint64_t number = done / ordering_.window;
    return {piece, number, shuffle(piece, number).at(done % ordering_.window)};
}

Range Windows::window(std::uint64_t piece, std::uint64_t number) const {
    const Range all = ordering_.piece(piece);
    const std::uint64_t begin = all.begin + number * ordering_.window;
    return {begin, std::min(all.end, begin + ordering_.window)};
}

std::uint64_t Windows::slot_of(std::uint64_t place) const {
    const bool behind = place >= places(short_slot_).end;
    return (place + (behind ? missing_ : 0)) / ordering_.block;
}

Range Windows::places(std::uint64_t slot) const {
    const auto begin = [this](std::uint64_t i) { return i * ordering_.block - (i > short_slot_ ? missing_ : 0); };
    return {begin(slot), begin(slot + 1)};
}

std::uint64_t Windows::sample_at(std::uint64_t position) const {
    const Spot found = spot(position);
    const std::uint64_t place = window(found.piece, found.window).begin + found.place;
    const std::uint64_t slot = slot_of(place);
    return first_sample(slot) + place - places(slot).begin;
}

} // namespace elbo::data
