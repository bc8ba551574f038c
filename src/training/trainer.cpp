#include "training/trainer.hpp"

#include "comm/cores.hpp"
#include "images/picture.hpp"
#include "numerics/matmul.hpp"
#include "training/bounds.hpp"
#include "training/inputs.hpp"
#include "training/pictures.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace elbo::training {
namespace {

/// The precision that is asked for where every rank has it, else fp32. Collective.
Precision common_precision(const comm::Communicator& world, Precision asked) {
    return world.least(matmul_supports(asked) ? 1 : 0) == 1 ? asked : Precision::fp32;
}

/// True where the rows of the next shard are another thread's work: by default where every rank of the node has a core
/// for it. Collective.
bool prefetches(const comm::Communicator& node, const config::Config& config) {
    const int threads = static_cast<int>(config.training.threads);
    const bool free_cores = !comm::cores_of_node(node, threads + 1).must_share();
    return config.data.prefetch == "always" || (config.data.prefetch == "auto" && free_cores);
}

} // namespace

comm::Messages messages_of(const config::Communication& settings) {
    comm::Messages messages{settings.bucket_bytes, std::nullopt, settings.precision};
    for (const comm::RouteKind& kind : comm::route_kinds())
        if (kind.name == settings.route) messages.route = kind.route;
    return messages;
}

Trainer::Trainer(const comm::Communicator& world, const config::Config& config, std::uint64_t virtual_ranks,
                 const MakeInputs& inputs)
    : world_(world),
      config_(config),
      nodes_(world, config.communication.shared),
      inputs_(inputs ? inputs(nodes_, config) : read_inputs(nodes_, config, virtual_ranks)),
      train_(inputs_.train),
      validation_(inputs_.validation),
      virtual_ranks_(virtual_ranks),
      batch_(std::min(asked_batch(config.training, virtual_ranks), train_.size())),
      rows_(data::largest_shard(batch_, virtual_ranks)),
      precision_(common_precision(world, config.training.precision)),
      model_(agreed(world,
                    [&] {
                        set_up_numerics(config);
                        return std::make_unique<model::Vae>(config.model, train_.sample_shape(), rows_, precision_);
                    })),
      batches_(agreed(world,
                      [&, threaded = prefetches(nodes_.node(), config)] {
                          return std::make_unique<data::Prefetcher>(train_, binarize_of(config.data), config.seed,
                                                                    turns(), threaded);
                      })),
      exchange_(nodes_, model_->parameters().size(), virtual_ranks, precision_, messages_of(config.communication)),
      rate_(config.optimizer),
      pending_(virtual_ranks),
      step_bounds_(virtual_ranks) {
    exchange_.account_by(&clock_);
    require_same_program(world);
    state_.virtual_ranks = virtual_ranks;
    bytes_before_ = source_bytes();
    optimizer_ =
        optimizers::optimizer_kind(config.optimizer.kind.kind).make(config.optimizer.kind, exchange_.owned_elements());
    world.together([&] {
        if (rate_.needs_validation() && !validation_)
            reject("optimizer.rate.decay {} goes by the validation ELBO, but data.validation is not set",
                   config.optimizer.decay.kind);
        refuse_outside(train_, model_->support(), config);
        if (validation_) refuse_outside(*validation_, model_->support(), config);
        loader_.emplace(validation_ ? *validation_ : train_, binarize_of(config.data), rows_);
        model_->allocate();
        if (config.evaluate.every == 0) return;
        if (!validation_) reject("evaluate.every goes by validation data, but data.validation is not set");
        sampler_.emplace(*model_, rows_, std::vector{config.evaluate.samples});
        sampler_->tell([this] {
            if (watch_) watch_->tick();
        });
    });
}

Taken Trainer::initialise() {
    exchange_.write_values([&](std::span<float> values) { model_->initialise(config_.seed, train_.mean(), values); });
    Taken taken;
    if (config_.model.start.empty()) return taken;
    world_.on_first(
        [&] { taken = take_values(resolve_start(config_.model.start), model_->parameters(), exchange_.values()); });
    broadcast_values();
    return taken;
}

data::Turns Trainer::turns() const {
    const comm::Leaves mine = nodes_.my_leaves(virtual_ranks_);
    return turns_of(config_, train_.info(), {batch_, virtual_ranks_, {}}, {mine.begin, mine.end});
}

void Trainer::wait_for_reader() {
    if (clock_.phase() != comm::Phase::reading) enter(comm::Phase::reading);
    const std::uint64_t bytes = source_bytes();
    if (watch_ && bytes != bytes_seen_) watch_->tick();
    bytes_seen_ = bytes;
}

void Trainer::evaluate_shard(const data::Range& batch, std::uint64_t shard, std::span<float> gradients,
                             const comm::FinalFrom& final_from) {
    enter(comm::Phase::batch);
    const data::Rows rows =
        batches_->take({state_.step + 1, state_.epoch, batch, shard}, [this] { wait_for_reader(); });
    const model::Batch some{rows.x, rows.samples};
    const auto forward_done = [&](const model::Bound& bound) {
        enter(comm::Phase::backward);
        if (std::isfinite(bound.elbo())) return;
        exchange_.wish(comm::Wish::not_finite);
        if (not_finite_.empty()) not_finite_ = model_->first_not_finite(values(), some);
    };
    enter(comm::Phase::forward);
    step_bounds_[shard] = model_->gradient(
        values(), some, {config_.seed, Purpose::posterior, static_cast<std::uint32_t>(state_.epoch)}, state_.kl_weight,
        1.0 / static_cast<double>(batch.size()), gradients, final_from, forward_done);
    enter(comm::Phase::exchange);
}

void Trainer::begin_step() {
    if (state_.position == 0) {
        state_.order_batch = batch_;
        state_.order_pieces = virtual_ranks_;
    }
    clock_.begin_step(state_.step + 1);
    if (watch_) watch_->set_step(state_.step + 1);
}

bool Trainer::tells_of(const data::Range& batch) const {
    const std::uint64_t every = config_.report.every;
    return batch.end == train_.size() || (every > 0 && (state_.step + 1) % every == 0);
}

StepOutcome Trainer::step() {
    const data::Range batch = data::batch_at(state_.position, train_.size(), batch_);
    state_.rate = rate_.at(progress());
    state_.kl_weight = optimizers::kl_weight(config_.objective, progress());
    optimizers::Update how{state_.rate, state_.step + 1 - state_.skipped, 1};
    bool finite = true;
    begin_step();

    const auto evaluate = [&](std::size_t shard, std::span<float> gradients, const comm::FinalFrom& final_from) {
        evaluate_shard(batch, shard, gradients, final_from);
    };
    const auto update = [&](comm::Slice slice, std::size_t own) {
        const comm::Phase shown = watch_ ? watch_->phase() : comm::Phase::exchange, phase = clock_.phase();
        enter(comm::Phase::update);
        const bool good = optimizer_->update({slice.begin, slice.end, own}, exchange_.values(), exchange_.gradients(),
                                             how, exchange_.rounded());
        clock_.enter(phase);
        if (watch_) watch_->back_to(shown);
        return good;
    };
    const auto look = [&](comm::Wishes wishes) {
        const double norm = exchange_.gradient_norm();
        finite = std::isfinite(norm) && !wishes.any(comm::Wish::not_finite);
        if (config_.optimizer.clip)
            how.gradient_scale = static_cast<float>(std::min(1.0, *config_.optimizer.clip / norm));
        return finite;
    };
    const bool waits = config_.optimizer.clip || config_.training.skip_not_finite;
    const comm::Wishes wishes =
        exchange_.step(evaluate, update, waits ? comm::BeforeUpdate(std::cref(look)) : comm::BeforeUpdate());

    StepOutcome outcome{wishes.any(comm::Wish::stop), wishes.any(comm::Wish::save), {}};
    if (!finite || wishes.any(comm::Wish::not_finite)) {
        outcome.skipped = find_not_finite();
        refuse_divergence(outcome.skipped, !waits || finite);
        ++state_.skipped;
        ++state_.skipped_in_row;
    } else {
        state_.skipped_in_row = 0;
        const comm::Leaves mine = nodes_.my_leaves(virtual_ranks_);
        for (std::size_t shard = mine.begin; shard < mine.end; ++shard) pending_[shard] += step_bounds_[shard];
        // Gradients stay until the next step: no update has to wait for their norm.
        if (tells_of(batch)) state_.gradient_norm = exchange_.gradient_norm();
    }
    state_.position = batch.end;
    ++state_.step;
    clock_.enter(comm::Phase::reporting);
    return outcome;
}

std::string Trainer::find_not_finite() {
    // What this rank owns of its gradients is the sum over all by now.
    const auto owned = [this](std::size_t element) {
        return world_.size() > 1 && std::ranges::any_of(exchange_.owned(), [element](comm::Slice slice) {
                   return element >= slice.begin && element < slice.end;
               });
    };
    if (not_finite_.empty()) {
        const std::string path = model_->first_not_finite_gradient(exchange_.gradients(), owned);
        if (!path.empty()) not_finite_ = fmt::format("the gradient of {} is not finite", path);
    }
    const std::vector<std::string> found = world_.gather(not_finite_);
    const std::vector<std::string> hosts = world_.gather(world_.host());
    not_finite_.clear();
    for (std::size_t rank = 0; rank < found.size(); ++rank)
        if (!found[rank].empty()) return fmt::format("rank {} on {}: {}", rank, hosts[rank], found[rank]);
    // It shows in a sum alone: of one rank's slices, or since the sum itself overflows.
    const std::vector<std::string> sums = world_.gather(model_->first_not_finite_gradient(exchange_.gradients()));
    const auto known = std::ranges::find_if(sums, [](const std::string& path) { return !path.empty(); });
    return fmt::format("the gradient of {} is not finite", known == sums.end() ? "some parameter" : *known);
}

void Trainer::refuse_divergence(const std::string& what, bool updated) const {
    const bool skips = config_.training.skip_not_finite;
    if (skips && !updated && state_.skipped_in_row < config_.training.skip_limit) return;
    throw comm::AgreedError(
        fmt::format("training diverged at step {} (epoch {}){}: {}; the checkpoint from before is kept; try a lower "
                    "optimizer.rate{}",
                    state_.step + 1, state_.epoch + 1,
                    skips ? fmt::format(" after {} skipped steps in a row", state_.skipped_in_row) : "", what,
                    skips ? "" : ", set optimizer.clip, or skip such steps by training.on_nan=skip"),
        Exit::diverged);
}

void Trainer::collect() {
    const comm::InPhase agreeing(&clock_, comm::Phase::agreeing);
    const model::Bound all = canonical_sum(world_, pending_);
    state_.epoch_sum += all;
    state_.line_sum += all;
    std::ranges::fill(pending_, model::Bound{});
}

void Trainer::draw(const std::filesystem::path& png) {
    const data::Dataset& dataset = validation_ ? *validation_ : train_;
    if (images::is_image(dataset.sample_shape()))
        draw_samples(*model_, values(), dataset, *loader_, rows_, config_.seed, png);
}

void Trainer::compare_nodes() {
    if (nodes_.count() == 1) return;
    const comm::InPhase agreeing(&clock_, comm::Phase::agreeing);
    world_.require_same(fmt::format("the parameters after step {} (a hash of their bits)", state_.step),
                        fmt::format("{:016x}", static_cast<std::uint64_t>(exchange_.values_hash())));
}

optimizers::Progress Trainer::progress() const {
    return {state_.step, steps_an_epoch(), steps_an_epoch() * config_.training.epochs};
}

} // namespace elbo::training
