#include "data/schedule.hpp"

#include "data/order.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace elbo::data {
namespace {

/// Puts rows that follow each other in the file into one range; `rows` comes ascending.
void append(std::vector<Range>& rows, Range more) {
    if (!rows.empty() && rows.back().end == more.begin)
        rows.back().end = more.end;
    else
        rows.push_back(more);
}

/// Where the samples of a window lie in the file, and in memory once they are read in the file's order.
class WindowTable {
public:
    WindowTable(const Windows& windows, std::uint64_t piece, std::uint64_t number)
        : places_(windows.window(piece, number)), first_slot_(windows.slot_of(places_.begin)) {
        const std::uint64_t end_slot = windows.slot_of(places_.end - 1) + 1;
        for (std::uint64_t slot = first_slot_; slot < end_slot; ++slot) {
            const Range whole = windows.places(slot);
            const std::uint64_t begin = std::max(whole.begin, places_.begin), end = std::min(whole.end, places_.end);
            stretches_.push_back({begin, end - begin, windows.first_sample(slot) + begin - whole.begin, 0});
        }
        std::vector<std::size_t> by_sample(stretches_.size());
        std::iota(by_sample.begin(), by_sample.end(), 0);
        std::ranges::sort(by_sample, {}, [this](std::size_t i) { return stretches_[i].sample; });
        std::uint64_t row = 0;
        for (const std::size_t i : by_sample) {
            stretches_[i].row = row;
            row += stretches_[i].size;
            append(rows_, {stretches_[i].sample, stretches_[i].sample + stretches_[i].size});
        }
    }

    std::vector<Range>& rows() { return rows_; }

    /// The sample at a place of the window, and its row.
    std::pair<std::uint64_t, std::uint64_t> at(const Windows& windows, std::uint64_t place_in_window) const {
        const std::uint64_t place = places_.begin + place_in_window;
        const Stretch& stretch = stretches_[windows.slot_of(place) - first_slot_];
        const std::uint64_t offset = place - stretch.place;
        return {stretch.sample + offset, stretch.row + offset};
    }

private:
    /// What a slot has of the window.
    struct Stretch {
        std::uint64_t place, size; ///< of the sequence
        std::uint64_t sample, row; ///< the first one's
    };
    Range places_;
    std::uint64_t first_slot_;
    std::vector<Stretch> stretches_; ///< by slot
    std::vector<Range> rows_;
};

class WindowSchedule : public Schedule {
public:
    WindowSchedule(std::uint32_t seed, const Turns& turns)
        : seed_(seed), turns_(turns), ordering_(ordering_of(turns)), lanes_(turns.mine.size()) {}

    std::size_t lanes() const override { return lanes_.size(); }

    std::size_t depth() const override {
        const std::uint64_t rows = largest_shard(ordering_.batch, ordering_.pieces);
        return 2 + (rows - 1) / ordering_.window; // so many a turn may touch
    }

    std::uint64_t rows(std::size_t lane) const override {
        return std::min(ordering_.window, ordering_.piece(turns_.mine.begin + lane).size());
    }

    void begin(const Turn& turn, std::uint64_t end_epoch) override {
        end_epoch_ = end_epoch;
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
            const std::uint64_t piece = turns_.mine.begin + i;
            const std::uint64_t done = turn.batch.begin / ordering_.batch * ordering_.share(piece);
            const bool over = done >= ordering_.piece(piece).size();
            lanes_[i] = {turn.epoch + (over ? 1 : 0), over ? 0 : done / ordering_.window, 0, std::nullopt};
        }
    }

    std::optional<Portion> next(std::size_t lane) override {
        const std::uint64_t piece = turns_.mine.begin + lane, windows = ordering_.windows(piece);
        if (windows == 0) return std::nullopt;
        const std::uint64_t number = lanes_[lane].first_window + lanes_[lane].read;
        const std::uint64_t epoch = lanes_[lane].first_epoch + number / windows, window = number % windows;
        if (epoch >= end_epoch_) return std::nullopt;
        ++lanes_[lane].read;
        WindowTable table(windows_of(epoch), piece, window);
        return Portion{needed(epoch, piece, window), std::move(table.rows())};
    }

    void locate(const Turn& turn, std::vector<Spot>& spots) override {
        const std::uint64_t rows = turns_.positions(turn).size(), piece = turn.shard;
        const std::size_t index = piece - turns_.mine.begin;
        Lane& lane = lanes_[index];
        const std::uint64_t done = turn.batch.begin / ordering_.batch * ordering_.share(piece);
        spots.clear();
        for (std::uint64_t i = 0; i < rows; ++i) {
            const std::uint64_t window = (done + i) / ordering_.window;
            if (!lane.current || lane.current->epoch != turn.epoch || lane.current->window != window)
                lane.current.emplace(windows_of(turn.epoch), turn.epoch, piece, window);
            const Current& current = *lane.current;
            const auto [sample, row] =
                current.table.at(current.windows, current.shuffle.at((done + i) % ordering_.window));
            const std::uint64_t epochs = turn.epoch - lane.first_epoch;
            spots.push_back({sample, index, epochs * ordering_.windows(piece) + window - lane.first_window, row});
        }
    }

private:
    /// The window that rows are taken from.
    struct Current {
        Windows windows;
        std::uint64_t epoch, window;
        WindowTable table;
        Bijection shuffle;
        Current(const Windows& all, std::uint64_t of_epoch, std::uint64_t piece, std::uint64_t number)
            : windows(all),
              epoch(of_epoch),
              window(number),
              table(all, piece, number),
              shuffle(all.shuffle(piece, number)) {}
    };
    struct Lane {
        std::uint64_t first_epoch = 0, first_window = 0;
        std::uint64_t read = 0;         ///< portions asked for: the reader's own
        std::optional<Current> current; ///< the other side's own
    };

    Windows windows_of(std::uint64_t epoch) const { return {seed_, static_cast<std::uint32_t>(epoch), ordering_}; }

    /// The batch in which a window's first sample is.
    std::uint64_t needed(std::uint64_t epoch, std::uint64_t piece, std::uint64_t window) const {
        const std::uint64_t share = ordering_.share(piece), full = ordering_.samples / ordering_.batch;
        const std::uint64_t batch = share == 0 ? full : std::min(full, window * ordering_.window / share);
        return epoch * batches_from(0, ordering_.samples, ordering_.batch) + batch;
    }

    std::uint32_t seed_;
    Turns turns_;
    Ordering ordering_;
    std::uint64_t end_epoch_ = 0;
    std::vector<Lane> lanes_;
};

class TurnSchedule : public Schedule {
public:
    TurnSchedule(std::uint32_t seed, const Turns& turns, const Ordering& ordering, std::size_t row_bytes)
        : seed_(seed), turns_(turns), ordering_(ordering) {
        constexpr std::size_t usual_bytes = 8 << 20, least = 2, most = 16;
        const std::size_t bytes = largest_shard(turns.batch, turns.shards) * row_bytes; // of a turn
        depth_ = std::clamp(usual_bytes / bytes, least, most);
    }

    std::size_t lanes() const override { return 1; }
    std::size_t depth() const override { return depth_; }
    std::uint64_t rows(std::size_t) const override { return largest_shard(turns_.batch, turns_.shards); }

    void begin(const Turn& turn, std::uint64_t end_epoch) override {
        end_epoch_ = end_epoch;
        to_read_ = turn;
        read_ = taken_ = 0;
    }

    std::optional<Portion> next(std::size_t) override {
        const Turn turn = to_read_;
        if (turn.epoch >= end_epoch_) return std::nullopt;
        to_read_ = turns_.after(turn);
        std::vector<std::uint64_t> samples = samples_of(turn);
        std::ranges::sort(samples);
        Portion portion{read_++, {}};
        for (const std::uint64_t sample : samples) append(portion.rows, {sample, sample + 1});
        return portion;
    }

    void locate(const Turn& turn, std::vector<Spot>& spots) override {
        const std::vector<std::uint64_t> samples = samples_of(turn);
        std::vector<std::uint64_t> sorted = samples;
        std::ranges::sort(sorted);
        spots.clear();
        for (const std::uint64_t sample : samples) {
            const auto place = std::ranges::lower_bound(sorted, sample);
            spots.push_back({sample, 0, taken_, static_cast<std::uint64_t>(place - sorted.begin())});
        }
        ++taken_;
    }

private:
    std::vector<std::uint64_t> samples_of(const Turn& turn) const {
        const EpochOrder order(seed_, static_cast<std::uint32_t>(turn.epoch), ordering_);
        const Range positions = turns_.positions(turn);
        std::vector<std::uint64_t> samples;
        for (std::uint64_t position = positions.begin; position < positions.end; ++position)
            samples.push_back(order.at(position));
        return samples;
    }

    std::uint32_t seed_;
    Turns turns_;
    Ordering ordering_;
    std::size_t depth_;
    std::uint64_t end_epoch_ = 0;
    Turn to_read_;            ///< the reader's own, as is read_
    std::uint64_t read_ = 0;  ///< turns
    std::uint64_t taken_ = 0; ///< turns
};

} // namespace

std::unique_ptr<Schedule> make_schedule(std::uint32_t seed, const Turns& turns, std::size_t row_bytes) {
    if (turns.block > 0) return std::make_unique<WindowSchedule>(seed, turns);
    return make_turn_schedule(seed, turns, ordering_of(turns), row_bytes);
}

std::unique_ptr<Schedule> make_turn_schedule(std::uint32_t seed, const Turns& turns, const Ordering& ordering,
                                             std::size_t row_bytes) {
    return std::make_unique<TurnSchedule>(seed, turns, ordering, row_bytes);
}

std::uint64_t rows_kept(const Schedule& schedule) {
    std::uint64_t rows = 0;
    for (std::size_t lane = 0; lane < schedule.lanes(); ++lane) rows += schedule.depth() * schedule.rows(lane);
    return rows;
}

} // namespace elbo::data
