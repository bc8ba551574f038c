// A trainer's way into a checkpoint and out of it: whole arrays on rank 0, slices on the ranks that own them.
#include "base/version.hpp"
#include "numerics/matmul.hpp"
#include "numerics/sums.hpp"
#include "report/records.hpp"
#include "storage/dataset.hpp"
#include "training/trainer.hpp"

#include <algorithm>

namespace elbo::training {

void Trainer::restore(const std::filesystem::path& checkpoint) {
    std::vector<std::vector<float>> room;
    const std::vector<std::span<float>> states = whole_states(room);
    world_.on_first([&] {
        const storage::CheckpointReader reader(checkpoint);
        reader.read(arrays(states));
        state_ = from_attributes(reader);
    });
    // The first rank of each node takes the values; the others of it have somewhere to put what they are sent.
    std::vector<float> ignored(nodes_.node().first() ? 0 : exchange_.values().size());
    world_.broadcast(nodes_.node().first() ? exchange_.values() : std::span<float>(ignored));
    for (std::size_t i = 0; !room.empty() && i < states.size(); ++i) exchange_.scatter(states[i], owned_state(i));
    const std::string bytes = world_.broadcast(std::string(reinterpret_cast<const char*>(&state_), sizeof state_));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&state_));
    state_.virtual_ranks = virtual_ranks_;
    rate_.plateau() = state_.plateau;
}

std::vector<std::span<float>> Trainer::owned_state(std::size_t index) {
    std::vector<std::span<float>> parts;
    for (const auto& optimizer : optimizers_) parts.push_back(optimizer->state(index));
    return parts;
}

std::vector<std::span<float>> Trainer::whole_states(std::vector<std::vector<float>>& room) {
    const std::size_t count = optimizers_.front()->state_names().size(), size = exchange_.values().size();
    std::vector<std::span<float>> states;
    if (world_.size() > 1) room.resize(count, std::vector<float>(world_.first() ? size : 0));
    for (std::size_t i = 0; i < count; ++i)
        states.push_back(room.empty() ? optimizers_.front()->state(i) : std::span<float>(room[i]));
    return states;
}

std::vector<storage::NamedArray<float>> Trainer::arrays(std::span<const std::span<float>> states) {
    std::vector<storage::NamedArray<float>> arrays;
    for (const layers::Parameter& parameter : model_->parameters().all()) {
        const auto part = [&](std::span<float> whole) { return whole.subspan(parameter.offset, parameter.size); };
        arrays.push_back({"/parameters/" + parameter.path, parameter.shape, part(exchange_.values())});
        for (std::size_t i = 0; i < states.size(); ++i)
            arrays.push_back({fmt::format("/optimizer/{}/{}", optimizers_.front()->state_names()[i], parameter.path),
                              parameter.shape, part(states[i])});
    }
    return arrays;
}

std::vector<std::byte> Trainer::checkpoint() {
    world_.on_first([&] {
        if (!all_finite(exchange_.values()))
            throw DivergenceError(
                fmt::format("training diverged: a parameter is not finite after step {}; the checkpoint "
                            "before is kept; try a lower optimizer.rate or set optimizer.clip",
                            state_.step));
    });
    std::vector<std::vector<float>> room;
    const std::vector<std::span<float>> states = whole_states(room);
    for (std::size_t i = 0; !room.empty() && i < states.size(); ++i) exchange_.gather(owned_state(i), states[i]);
    if (!world_.first()) return {};
    std::vector<storage::NamedArray<const float>> contents;
    for (const auto& array : arrays(states)) contents.push_back({array.path, array.shape, array.values});

    storage::CheckpointText text;
    text.state = to_attributes(state_);
    text.state["threads"] = static_cast<std::int64_t>(config_.training.threads);
    text.configuration = config_.resolved;
    text.about = {{"elbo", version},
                  {"oneDNN", matmul_library_version()},
                  {"instruction_set", matmul_instruction_set()},
                  {"MPI", comm::mpi_version()},
                  {"HDF5", storage::hdf5_version()},
                  {"ranks", fmt::format("{}", world_.size())},
                  {"host", world_.host()},
                  {"created", report::utc_now()},
                  {"train_data", train_.name()},
                  {"train_fingerprint", train_.fingerprint()},
                  {"sample_shape", describe(train_.info().sample_shape())},
                  {"validation_fingerprint", validation_ ? validation_->fingerprint() : ""}};
    return storage::checkpoint_image(contents, text);
}

} // namespace elbo::training
