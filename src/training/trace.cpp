#include "training/trace.hpp"

#include "base/text.hpp"
#include "report/trace.hpp"
#include "storage/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>

namespace elbo::training {
namespace {

using Stay = comm::PhaseClock::Stay;

constexpr std::uint64_t steps_before = 10, usual_steps = 10, most_steps = 10'000;

/// A number of digits alone, at least 1.
std::optional<std::uint64_t> read_step(std::string_view text) {
    std::uint64_t step = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || step == 0) return std::nullopt;
    return step;
}

/// What to add to each rank's clock for rank 0's. Ranks of one host read the same clock; between hosts, all read theirs
/// as they leave a barrier, and the middle one of several differences counts. By rank.
std::vector<std::int64_t> clock_offsets(const comm::Communicator& world) {
    constexpr std::size_t rounds = 9;
    std::vector<std::vector<std::int64_t>> times;
    for (std::size_t i = 0; i < rounds; ++i) {
        world.barrier();
        times.push_back(world.gather(comm::PhaseClock::nanoseconds()));
    }
    const std::vector<std::string> hosts = world.gather(world.host());
    std::map<std::string, std::int64_t> of_host = {{hosts.front(), 0}};
    std::vector<std::int64_t> offsets;
    for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
        std::vector<std::int64_t> differences;
        for (const auto& round : times) differences.push_back(round.front() - round[rank]);
        std::ranges::nth_element(differences, differences.begin() + rounds / 2);
        offsets.push_back(of_host.try_emplace(hosts[rank], differences[rounds / 2]).first->second);
    }
    return offsets;
}

std::vector<std::vector<Stay>> gather_stays(const comm::Communicator& world, const std::vector<Stay>& mine) {
    std::vector<std::vector<Stay>> all;
    const std::string bytes(reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(Stay));
    for (const std::string& text : world.gather(bytes)) {
        std::vector<Stay>& stays = all.emplace_back(text.size() / sizeof(Stay));
        if (!stays.empty()) std::memcpy(stays.data(), text.data(), text.size());
    }
    return all;
}

/// The picture that rank 0 draws: rows and slices, in microseconds from the first slice on.
struct Picture {
    std::vector<report::TraceRow> rows;
    std::vector<report::TraceSlice> slices;
    std::int64_t begin = 0, end = 0; ///< of the ranks' slices, by rank 0's clock

    void add(int node, int row, std::string_view name, std::int64_t from, std::int64_t to, std::uint64_t step) {
        slices.push_back(
            {node, row, name, 1e-3 * static_cast<double>(from - begin), 1e-3 * static_cast<double>(to - from), step});
    }
};

std::vector<int> nodes_of_ranks(const comm::Nodes& nodes) {
    std::vector<int> node_of(static_cast<std::size_t>(nodes.world().size()));
    for (std::size_t node = 0; node < nodes.count(); ++node)
        for (const int rank : nodes.ranks(node)) node_of[static_cast<std::size_t>(rank)] = static_cast<int>(node);
    return node_of;
}

void find_bounds(Picture& picture, const std::vector<std::vector<Stay>>& stays,
                 const std::vector<std::int64_t>& offsets) {
    bool any = false;
    for (std::size_t rank = 0; rank < stays.size(); ++rank) {
        if (stays[rank].empty()) continue;
        const std::int64_t begin = stays[rank].front().begin + offsets[rank];
        const std::int64_t end = stays[rank].back().end + offsets[rank];
        picture.begin = any ? std::min(picture.begin, begin) : begin;
        picture.end = any ? std::max(picture.end, end) : end;
        any = true;
    }
}

/// What went on beside a rank meanwhile, in a row of its own.
void add_beside(Picture& picture, const report::TraceRow& row, const std::vector<Stay>& stays, std::int64_t offset) {
    if (stays.empty()) return;
    picture.rows.push_back(row);
    for (const Stay& stay : stays) {
        const std::int64_t from = std::max(stay.begin + offset, picture.begin);
        const std::int64_t to = std::min(stay.end + offset, picture.end);
        if (from < to) picture.add(row.node, row.row, name_of(stay.phase), from, to, stay.step);
    }
}

/// Checkpoints that were being written meanwhile, in a row behind those of the ranks.
void add_writer(Picture& picture, const std::string& host, int row, const std::vector<Writing>& writings) {
    picture.rows.push_back({0, row, host, "checkpoint writer"});
    for (const Writing& writing : writings) {
        const std::int64_t from = std::max(writing.begin, picture.begin), to = std::min(writing.end, picture.end);
        if (from < to) picture.add(0, row, "writing", from, to, writing.step);
    }
}

} // namespace

std::pair<std::uint64_t, std::uint64_t> parse_trace_steps(const std::string& text) {
    const std::size_t dash = text.find('-');
    const auto first = read_step(std::string_view(text).substr(0, dash));
    const auto last = dash == std::string::npos ? first : read_step(std::string_view(text).substr(dash + 1));
    if (!first || !last || *first > *last || *last - *first >= most_steps)
        reject("--trace-steps: expected a range of at most {} steps such as 100-109, found '{}'",
               with_commas(most_steps), text);
    return {*first, *last};
}

Trace::Trace(const comm::Communicator& world, TraceSettings settings, Trainer& trainer, Monitor& monitor,
             report::Terminal& terminal)
    : world_(world), settings_(std::move(settings)), trainer_(trainer), monitor_(monitor), terminal_(terminal) {
    if (settings_.file.empty()) return;
    const std::uint64_t now = trainer.state().step;
    std::tie(first_, last_) =
        settings_.steps.value_or(std::pair(now + steps_before + 1, now + steps_before + usual_steps));
    trainer.record(first_, last_);
    open_ = true;
}

void Trace::write(const Checkpoints& checkpoints) {
    open_ = false;
    const comm::InPhase agreeing(&trainer_.clock(), comm::Phase::agreeing);
    const std::vector<std::int64_t> offsets = clock_offsets(world_);
    const std::vector<std::vector<Stay>> stays = gather_stays(world_, trainer_.clock().stays());
    const std::vector<std::vector<Stay>> made_ahead = gather_stays(world_, trainer_.batches().stays());
    const std::vector<std::vector<Stay>> flights = gather_stays(world_, trainer_.exchange().flights());
    const std::vector<std::string> hosts = world_.gather(world_.host());
    if (!world_.first()) return;
    const std::vector<int> node_of = nodes_of_ranks(trainer_.nodes());
    Picture picture;
    find_bounds(picture, stays, offsets);
    for (std::size_t rank = 0; rank < stays.size(); ++rank) {
        const int row = static_cast<int>(rank);
        picture.rows.push_back({node_of[rank], row, hosts[rank], fmt::format("rank {}", rank)});
        for (const Stay& stay : stays[rank])
            picture.add(node_of[rank], row, name_of(stay.phase), stay.begin + offsets[rank], stay.end + offsets[rank],
                        stay.step);
    }
    if (picture.slices.empty()) {
        terminal_.warning(fmt::format("{}: no trace: none of the steps {} to {} was made", settings_.file.string(),
                                      with_commas(first_), with_commas(last_)));
        return;
    }
    for (std::size_t rank = 0; rank < stays.size(); ++rank) {
        const int row = world_.size() + 1 + 2 * static_cast<int>(rank);
        add_beside(picture, {node_of[rank], row, hosts[rank], fmt::format("batches of rank {}", rank)},
                   made_ahead[rank], offsets[rank]);
        add_beside(picture, {node_of[rank], row + 1, hosts[rank], fmt::format("network of rank {}", rank)},
                   flights[rank], offsets[rank]);
    }
    add_writer(picture, hosts.front(), world_.size(), checkpoints.writings());
    monitor_.attempt(settings_.file, [&] {
        storage::write_whole(settings_.file, report::trace_text(picture.rows, picture.slices));
        terminal_.line(fmt::format("trace of steps {} to {} in {}", with_commas(stays.front().front().step),
                                   with_commas(stays.front().back().step), settings_.file.string()));
    });
}

} // namespace elbo::training
