// A trainer's way into a checkpoint and out of it: whole arrays on rank 0, slices on the ranks that own them.
#include "base/version.hpp"
#include "numerics/matmul.hpp"
#include "report/records.hpp"
#include "storage/dataset.hpp"
#include "training/bounds.hpp"
#include "training/trainer.hpp"

#include <algorithm>
#include <cstring>

namespace elbo::training {

namespace {

constexpr const char* pending_name = "pending_bounds";

} // namespace

void Trainer::broadcast_values() {
    // The first rank of each node takes the values; the others of it have somewhere to put what they are sent.
    std::vector<float> ignored(nodes_.node().first() ? 0 : exchange_.values().size());
    world_.broadcast(nodes_.node().first() ? exchange_.values() : std::span<float>(ignored));
    nodes_.node().barrier();
    exchange_.round_values();
}

void Trainer::refuse_other_precision(const storage::CheckpointReader& reader, const std::filesystem::path& file) const {
    const auto before = reader.text().about.find("precision");
    if (!config_.training.exact || before == reader.text().about.end()) return;
    const bool fallen_back = precision_ != config_.training.precision;
    if (fallen_back && before->second == name_of(config_.training.precision))
        reject("{}: the run's products were in {}, which this CPU ({}) has not got, and training.exact forbids others; "
               "go on where the run was, or set training.exact=false",
               file.string(), before->second, matmul_instruction_set());
}

void Trainer::restore(const std::filesystem::path& checkpoint) {
    std::vector<std::vector<float>> room;
    const std::vector<std::span<float>> states = whole_states(room);
    std::vector<double> pending;
    world_.on_first([&] {
        const storage::CheckpointReader reader(checkpoint);
        refuse_other_precision(reader, checkpoint);
        reader.read(arrays(states));
        state_ = from_attributes(reader);
        if (const auto found = reader.text().series.find(pending_name); found != reader.text().series.end())
            pending = found->second;
    });
    broadcast_values();
    for (std::size_t i = 0; !room.empty() && i < states.size(); ++i) exchange_.scatter(states[i], optimizer_->state(i));
    const std::string bytes = world_.broadcast(std::string(reinterpret_cast<const char*>(&state_), sizeof state_));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&state_));
    restore_pending(pending);
    keep_order_of_epoch();
    state_.virtual_ranks = virtual_ranks_;
    rate_.plateau() = state_.plateau;
}

void Trainer::keep_order_of_epoch() {
    data::Ordering before = data::ordering_of(turns());
    // A full order knows neither batch nor virtual ranks.
    if (!before.windowed() || state_.position == 0 || epoch_done()) return;
    before.batch = state_.order_batch;
    before.pieces = state_.order_pieces;
    // Whole windows are read along with whole batches of the order's: not once batches of another size came between.
    const bool between_batches = before == data::ordering_of(turns()) && state_.position % before.batch == 0;
    if (!between_batches) batches_->keep_order(state_.epoch, before);
}

std::vector<std::span<float>> Trainer::whole_states(std::vector<std::vector<float>>& room) {
    const std::size_t count = optimizer_->state_names().size(), size = exchange_.values().size();
    std::vector<std::span<float>> states;
    if (world_.size() > 1) room.resize(count, std::vector<float>(world_.first() ? size : 0));
    for (std::size_t i = 0; i < count; ++i)
        states.push_back(room.empty() ? optimizer_->state(i) : std::span<float>(room[i]));
    return states;
}

std::vector<storage::NamedArray<float>> Trainer::arrays(std::span<const std::span<float>> states) {
    std::vector<storage::NamedArray<float>> arrays;
    for (const layers::Parameter& parameter : model_->parameters().all()) {
        const auto part = [&](std::span<float> whole) { return whole.subspan(parameter.offset, parameter.size); };
        arrays.push_back({"/parameters/" + parameter.path, parameter.shape, part(exchange_.values())});
        for (std::size_t i = 0; i < states.size(); ++i)
            arrays.push_back({fmt::format("/optimizer/{}/{}", optimizer_->state_names()[i], parameter.path),
                              parameter.shape, part(states[i])});
    }
    return arrays;
}

std::size_t Trainer::checkpoint_bytes() const {
    const std::size_t arrays = 1 + optimizer_->state_names().size();
    return arrays * model_->parameters().size() * sizeof(float);
}

void Trainer::checkpoint(const Build& build) {
    // Until all has come together, rank 0 waits as the others do: a node that is cut off is to blame, not the saving.
    const comm::Phase shown = watch_ ? watch_->phase() : comm::Phase::saving;
    if (watch_) watch_->back_to(comm::Phase::agreeing);
    std::vector<std::vector<float>> room(optimizer_->state_names().size());
    std::vector<std::span<float>> states;
    for (std::size_t i = 0; i < room.size(); ++i)
        states.push_back(world_.size() == 1 ? optimizer_->state(i)
                                            : exchange_.gather(i, optimizer_->state(i), room[i]));
    storage::CheckpointText text;
    // Each rank has the sums of its own virtual ranks, the others being zero: adding zeros changes no bit.
    std::vector<double> pending = packed(pending_);
    world_.sum(std::span(pending));
    text.series[pending_name] = std::move(pending);
    if (inputs_.figures) {
        text.series[figures_mean_name] = inputs_.figures->mean;
        text.series[figures_variance_name] = inputs_.figures->variance;
    }
    if (watch_) watch_->back_to(shown);
    world_.on_first([&] {
        describe_in(text);
        std::vector<storage::NamedArray<const float>> contents;
        for (const auto& array : arrays(states)) contents.push_back({array.path, array.shape, array.values});
        build(contents, text);
    });
}

void Trainer::describe_in(storage::CheckpointText& text) const {
    text.state = to_attributes(state_);
    text.state["threads"] = static_cast<std::int64_t>(config_.training.threads);
    text.configuration = config_.resolved;
    text.about = {{"elbo", version},
                  {"oneDNN", matmul_library_version()},
                  {"instruction_set", matmul_instruction_set()},
                  {"precision", name_of(precision_)},
                  {"MPI", comm::mpi_version()},
                  {"HDF5", storage::hdf5_version()},
                  {"ranks", fmt::format("{}", world_.size())},
                  {"host", world_.host()},
                  {"created", report::utc_now()},
                  {"train_data", train_.name()},
                  {"train_fingerprint", train_.fingerprint()},
                  {"sample_shape", describe(train_.sample_shape())},
                  {"validation_fingerprint", validation_ ? validation_->fingerprint() : ""}};
}

void Trainer::restore_pending(const std::vector<double>& first_ranks) {
    const std::string bytes = world_.broadcast(
        std::string(reinterpret_cast<const char*>(first_ranks.data()), first_ranks.size() * sizeof(double)));
    std::vector<double> numbers(bytes.size() / sizeof(double));
    if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
    const std::vector<model::Bound> bounds = unpacked(numbers);
    const comm::Leaves mine = nodes_.my_leaves(virtual_ranks_);
    if (bounds.size() == pending_.size())
        std::copy(bounds.begin() + static_cast<std::ptrdiff_t>(mine.begin),
                  bounds.begin() + static_cast<std::ptrdiff_t>(mine.end),
                  pending_.begin() + static_cast<std::ptrdiff_t>(mine.begin));
    else if (mine.begin == 0) // of another number of virtual ranks: their sum goes on with the first
        for (const model::Bound& bound : bounds) pending_.front() += bound;
}

} // namespace elbo::training
