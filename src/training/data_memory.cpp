#include "training/data_memory.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "comm/free_memory.hpp"
#include "data/blocks.hpp"
#include "data/loader.hpp"
#include "data/schedule.hpp"

#include <algorithm>

namespace elbo::training {
namespace {

std::size_t bytes_of(const storage::DatasetInfo& info) { return info.rows() * info.row_bytes(); }

std::string human(std::size_t bytes) { return human_bytes(static_cast<double>(bytes)); }

/// Of all ranks of the node together.
std::size_t bytes_read_ahead(const config::Config& config, const storage::DatasetInfo& train,
                             const Division& division) {
    std::size_t bytes = 0;
    for (const data::Range& mine : division.ranks) {
        const data::Turns turns = turns_of(config, train, division, mine);
        bytes += data::rows_kept(*data::make_schedule(config.seed, turns, train.row_bytes())) * train.row_bytes();
    }
    return bytes;
}

[[noreturn]] void refuse_windows(const config::Config& config, const storage::DatasetInfo& train,
                                 const Division& division, std::size_t needed, std::size_t memory) {
    const data::Blocks blocks = data::blocks_for(train, config.data.block, config.data.window);
    std::uint64_t parts = 0;
    for (const data::Range& mine : division.ranks) parts += mine.size();
    reject("{}:{} has {} and must be read in windows, but data.window is {} samples of {}: two for each of the {} "
           "virtual ranks of a node take {}, and data.memory is {}; set data.memory to at least {}, or for a new run "
           "data.window to at most {}",
           train.file, train.name, human(bytes_of(train)), with_commas(blocks.window), human(train.row_bytes()), parts,
           human(needed), human(memory), human(needed),
           with_commas(std::max<std::uint64_t>(1, memory / (2 * parts * train.row_bytes()))));
}

} // namespace

std::size_t memory_for_data(const config::Data& settings, std::size_t sharing) {
    return settings.memory.value_or(comm::free_memory() / 2 / std::max<std::size_t>(sharing, 1));
}

data::Turns turns_of(const config::Config& config, const storage::DatasetInfo& train, const Division& division,
                     data::Range mine) {
    data::Turns turns{train.rows(), division.batch, division.virtual_ranks, mine};
    turns.epochs = config.training.epochs;
    if (!config.data.windowed) return turns;
    const data::Blocks blocks = data::blocks_for(train, config.data.block, config.data.window);
    turns.block = blocks.block;
    turns.window = blocks.window;
    return turns;
}

DataPlan plan_data(const config::Config& config, const storage::DatasetInfo& train,
                   const std::optional<storage::DatasetInfo>& validation, const Division& division,
                   std::size_t memory) {
    DataPlan plan;
    plan.memory = memory;
    plan.train = bytes_of(train);
    plan.train_in_memory = plan.train <= memory;
    if (!plan.train_in_memory) {
        plan.train = bytes_read_ahead(config, train, division);
        if (config.data.windowed && plan.train > memory) refuse_windows(config, train, division, plan.train, memory);
    }
    if (!validation) return plan;
    plan.validation = bytes_of(*validation);
    plan.validation_in_memory = plan.validation <= memory - std::min(memory, plan.train);
    const std::size_t rows = data::largest_shard(division.batch, division.virtual_ranks);
    if (!plan.validation_in_memory)
        plan.validation = division.ranks.size() * data::Loader::stretch_bytes(*validation, rows);
    return plan;
}

} // namespace elbo::training
