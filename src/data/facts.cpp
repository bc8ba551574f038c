#include "data/facts.hpp"

#include "base/error.hpp"
#include "data/piece.hpp"
#include "data/types.hpp"
#include "storage/hash.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

namespace elbo::data {
namespace {

/// Sums of a block of rows are exact in this type: a block of 8- or 16-bit integers fits 32 bits.
template <class T>
using BlockSum = std::conditional_t<std::is_integral_v<T> && sizeof(T) <= 2,
                                    std::conditional_t<std::is_signed_v<T>, std::int32_t, std::uint32_t>, double>;
constexpr std::uint64_t block_rows = 4096;

/// Up to so many bytes are one group, whose hash is that of all bytes.
constexpr std::size_t one_group_bytes = std::size_t{64} << 20;
constexpr std::uint64_t most_groups = 256;
constexpr std::size_t most_sums_bytes = std::size_t{64} << 20; ///< of all groups together

/// How a dataset's rows are divided into groups: a matter of its shape and type alone.
struct Groups {
    std::uint64_t rows = 0, each = 0; ///< in all, of a group

    explicit Groups(const storage::DatasetInfo& info) : rows(info.rows()), each(rows) {
        if (rows * info.row_bytes() <= one_group_bytes) return;
        const std::uint64_t blocks = (rows + block_rows - 1) / block_rows;
        const std::uint64_t sums = most_sums_bytes / (elements(info.sample_shape()) * sizeof(double));
        const std::uint64_t groups = std::clamp<std::uint64_t>(std::min(sums, most_groups), 1, blocks);
        each = (blocks + groups - 1) / groups * block_rows;
    }
    std::uint64_t count() const { return (rows + each - 1) / each; }
    Range operator[](std::uint64_t group) const { return {group * each, std::min(rows, (group + 1) * each)}; }
};

/// Of a group, but for its sums; trivially copyable, so that ranks can hand it to each other as bytes.
struct GroupFacts {
    double least = std::numeric_limits<double>::infinity(), greatest = -least;
    bool grey = false, bad = false, nan = false;
    std::uint64_t bad_row = 0, bad_element = 0;
    char hash[16] = {};
};

/// The pass over a group, row by row.
template <class T>
class Pass {
public:
    Pass(std::size_t width, double one, std::span<double> sums)
        : width_(width), one_(as_stored(one)), block_(width), sums_(sums) {}

    void add(std::span<const T> values, std::uint64_t first_row) {
        for (std::uint64_t row = 0; row < values.size() / width_; ++row) {
            add_row(&values[row * width_], first_row + row);
            if (++rows_ % block_rows == 0) end_block();
        }
    }
    /// The last block may be short.
    GroupFacts finish() {
        end_block();
        facts_.least = static_cast<double>(least_);
        facts_.greatest = static_cast<double>(greatest_);
        return facts_;
    }

private:
    static T as_stored(double one) {
        constexpr T most = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::lowest();
        if (one <= static_cast<double>(least)) return least;
        return one >= static_cast<double>(most) ? most : static_cast<T>(one);
    }
    void add_row(const T* x, std::uint64_t row) {
        // Members by way of locals: bytes may lie anywhere as far as the compiler knows, and then nothing vectorises.
        BlockSum<T>* const block = block_.data();
        T least = least_, greatest = greatest_;
        for (std::size_t j = 0, width = width_; j < width; ++j) {
            block[j] += static_cast<BlockSum<T>>(x[j]);
            least = std::min(least, x[j]);
            greatest = std::max(greatest, x[j]);
        }
        least_ = least;
        greatest_ = greatest;
        if (!facts_.grey) facts_.grey = std::any_of(x, x + width_, [this](T v) { return v != T{} && v != one_; });
        if constexpr (std::is_floating_point_v<T>) look_for_bad(x, row);
    }
    void look_for_bad(const T* x, std::uint64_t row) {
        if (facts_.bad) return;
        const T* const bad = std::find_if(x, x + width_, [](T v) { return !std::isfinite(v); });
        if (bad == x + width_) return;
        facts_.bad = true;
        facts_.nan = std::isnan(*bad);
        facts_.bad_row = row;
        facts_.bad_element = static_cast<std::uint64_t>(bad - x);
    }
    void end_block() {
        for (std::size_t j = 0; j < width_; ++j) sums_[j] += static_cast<double>(block_[j]);
        std::fill(block_.begin(), block_.end(), BlockSum<T>{});
    }

    std::size_t width_;
    T one_;
    T least_ = std::numeric_limits<T>::max(), greatest_ = std::numeric_limits<T>::lowest();
    std::uint64_t rows_ = 0;
    std::vector<BlockSum<T>> block_;
    std::span<double> sums_;
    GroupFacts facts_;
};

std::string label_of(const storage::DatasetInfo& info) {
    return fmt::format("{} {}", storage::name_of(info.type), describe(info.shape));
}

/// Goes through some groups, whose sums lie one after the other.
std::vector<GroupFacts> pass_over(const storage::DatasetInfo& info, double one, const Groups& groups, Range mine,
                                  std::span<double> sums, const ReadRows& read, const Progress& progress) {
    const std::size_t width = elements(info.sample_shape());
    const std::uint64_t piece = rows_of_a_piece(info.row_bytes());
    const std::uint64_t all = mine.size() == 0 ? 0 : groups[mine.end - 1].end - groups[mine.begin].begin;
    std::uint64_t done = 0;
    std::vector<GroupFacts> found;
    for (std::uint64_t group = mine.begin; group < mine.end; ++group) {
        storage::Fingerprint hash(label_of(info));
        with_type(info.type, [&](auto zero) {
            using T = decltype(zero);
            Pass<T> pass(width, one, sums.subspan((group - mine.begin) * width, width));
            for (Range rows{groups[group].begin, 0}; rows.begin < groups[group].end; rows.begin = rows.end) {
                rows.end = std::min(groups[group].end, rows.begin + piece);
                const std::span<const std::byte> bytes = read(rows);
                hash.add(bytes);
                pass.add(values_of<T>(bytes), rows.begin);
                done += rows.size();
                if (progress) progress(done, all);
            }
            found.push_back(pass.finish());
        });
        const std::string text = hash.digits();
        std::memcpy(found.back().hash, text.data(), sizeof found.back().hash);
    }
    return found;
}

std::string problem_of(const GroupFacts& group) {
    return fmt::format("holds {} at element {}; only finite numbers can be used",
                       group.nan ? "not a number (NaN)" : "infinity", group.bad_element);
}

/// sums: of all groups.
Facts put_together(const storage::DatasetInfo& info, std::span<const GroupFacts> groups, std::span<const double> sums) {
    const std::size_t width = elements(info.sample_shape());
    Facts facts{std::vector<double>(width),
                std::numeric_limits<double>::infinity(),
                -std::numeric_limits<double>::infinity(),
                false,
                "",
                0,
                ""};
    std::string hashes;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        const GroupFacts& group = groups[i];
        for (std::size_t j = 0; j < width; ++j) facts.mean[j] += sums[i * width + j];
        facts.least = std::min(facts.least, group.least);
        facts.greatest = std::max(facts.greatest, group.greatest);
        facts.grey = facts.grey || group.grey;
        if (group.bad && facts.problem.empty()) {
            facts.problem = problem_of(group);
            facts.bad_row = group.bad_row;
        }
        hashes.append(group.hash, sizeof group.hash);
    }
    for (double& mean : facts.mean) mean /= static_cast<double>(info.rows());
    facts.fingerprint =
        groups.size() == 1 ? hashes : storage::fingerprint(label_of(info), std::as_bytes(std::span(hashes)));
    return facts;
}

} // namespace

Facts survey(const comm::Communicator& world, const comm::Communicator& ranks, const storage::DatasetInfo& info,
             double one, const ReadRows& read, const Progress& progress) {
    static_assert(std::is_trivially_copyable_v<GroupFacts>);
    const Groups groups(info);
    const std::size_t width = elements(info.sample_shape());
    const Range mine = shard_of({0, groups.count()}, static_cast<std::uint64_t>(ranks.rank()),
                                static_cast<std::uint64_t>(ranks.size()));
    std::vector<double> sums(groups.count() * width);
    std::vector<GroupFacts> own;
    world.together([&] {
        const auto part = std::span(sums).subspan(mine.begin * width, mine.size() * width);
        own = pass_over(info, one, groups, mine, part, read, progress);
    });
    // Each rank has the sums of its own groups, the others being zero: adding zeros changes no bit.
    ranks.sum(std::span(sums));
    std::vector<GroupFacts> all;
    for (const std::string& part :
         ranks.gather(std::string(reinterpret_cast<const char*>(own.data()), own.size() * sizeof(GroupFacts)))) {
        const std::size_t before = all.size();
        all.resize(before + part.size() / sizeof(GroupFacts));
        if (!part.empty()) std::memcpy(&all[before], part.data(), part.size());
    }
    return put_together(info, all, sums);
}

Facts survey(const storage::DatasetInfo& info, double one, const ReadRows& read) {
    const Groups groups(info);
    std::vector<double> sums(groups.count() * elements(info.sample_shape()));
    return put_together(info, pass_over(info, one, groups, {0, groups.count()}, sums, read, {}), sums);
}

} // namespace elbo::data
