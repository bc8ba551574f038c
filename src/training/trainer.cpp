#include "training/trainer.hpp"

#include "base/version.hpp"
#include "images/picture.hpp"
#include "numerics/matmul.hpp"
#include "numerics/sums.hpp"
#include "report/records.hpp"
#include "storage/dataset.hpp"
#include "training/pictures.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace elbo::training {
namespace {

constexpr std::string_view preferred_train = "/train/x", preferred_validation = "/test/x";

/// make() on every rank, with errors that all agree on.
template <class Make>
auto agreed(const comm::Communicator& world, Make&& make) {
    std::optional<decltype(make())> made;
    world.together([&] { made.emplace(make()); });
    return std::move(*made);
}

data::Dataset load(const comm::Communicator& world, const std::string& location, std::string_view preferred,
                   const config::Data& settings) {
    data::Dataset dataset =
        agreed(world, [&] { return data::Dataset(storage::locate(location, preferred), settings.scale); });
    const auto hash = static_cast<std::int64_t>(std::stoull(dataset.fingerprint(), nullptr, 16));
    if (world.least(hash) != world.most(hash))
        throw comm::AgreedError(
            fmt::format("{}: the ranks read different contents under this name; is it the same file "
                        "on every host?",
                        dataset.name()),
            Exit::wrong_input);
    return dataset;
}

std::optional<data::Dataset> load_validation(const comm::Communicator& world, const config::Data& settings,
                                             const data::Dataset& train) {
    if (settings.validation.empty()) return std::nullopt;
    std::optional<data::Dataset> validation = load(world, settings.validation, preferred_validation, settings);
    if (validation->info().sample_shape() != train.info().sample_shape())
        throw comm::AgreedError(fmt::format("{}: samples of {}, but those of {} are {}", validation->name(),
                                            describe(validation->info().sample_shape()), train.name(),
                                            describe(train.info().sample_shape())),
                                Exit::wrong_input);
    return validation;
}

void refuse_outside(const data::Dataset& dataset, std::pair<double, double> support, const config::Config& config) {
    if (config.data.binarize != "none" || (dataset.least() >= support.first && dataset.greatest() <= support.second))
        return;
    reject("{}: values from {:.6g} to {:.6g}, but the likelihood {} takes [{}, {}]; set data.scale (a factor on the "
           "stored "
           "values) or another likelihood",
           dataset.name(), dataset.least(), dataset.greatest(), config.model.likelihood.kind, support.first,
           support.second);
}

data::Binarize binarize_of(const config::Data& settings) {
    if (settings.binarize == "threshold") return data::Binarize::threshold;
    return settings.binarize == "dynamic" ? data::Binarize::dynamic : data::Binarize::none;
}

std::uint64_t global_batch(const config::Training& settings, std::uint64_t samples, int ranks) {
    const std::uint64_t asked = settings.batch ? *settings.batch : *settings.batch_per_rank * ranks;
    return std::min(asked, samples);
}

} // namespace

Trainer::Trainer(const comm::Communicator& world, const config::Config& config)
    : world_(world),
      config_(config),
      train_(load(world, config.data.train, preferred_train, config.data)),
      validation_(load_validation(world, config.data, train_)),
      batch_(global_batch(config.training, train_.size(), world.size())),
      rows_(data::largest_shard(batch_, world.size())),
      model_(agreed(world,
                    [&] {
                        set_matmul_threads(static_cast<int>(config.training.threads));
                        return std::make_unique<model::Vae>(config.model, train_.info().sample_shape(), rows_);
                    })),
      loader_(agreed(world, [&] { return data::Loader(train_, binarize_of(config.data), rows_); })),
      exchange_(world, model_->parameters().size()),
      optimizer_(optimizers::optimizer_kind(config.optimizer.kind.kind)
                     .make(config.optimizer.kind, exchange_.first(), exchange_.count())),
      rate_(config.optimizer) {
    world.together([&] {
        if (rate_.needs_validation() && !validation_)
            reject("optimizer.rate.decay {} goes by the validation ELBO, but data.validation is not set",
                   config.optimizer.decay.kind);
        refuse_outside(train_, model_->support(), config);
        if (validation_) {
            refuse_outside(*validation_, model_->support(), config);
            validation_loader_.emplace(*validation_, binarize_of(config.data), rows_);
        }
        model_->allocate();
    });
}

void Trainer::initialise() { model_->initialise(config_.seed, train_.mean(), exchange_.values()); }

void Trainer::restore(const std::filesystem::path& checkpoint) {
    world_.on_first([&] {
        const storage::CheckpointReader reader(checkpoint);
        reader.read(arrays());
        state_ = from_attributes(reader);
    });
    world_.broadcast(exchange_.values());
    for (std::size_t i = 0; i < optimizer_->state_names().size(); ++i) world_.broadcast(optimizer_->state(i));
    const std::string bytes = world_.broadcast(std::string(reinterpret_cast<const char*>(&state_), sizeof state_));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&state_));
    rate_.plateau() = state_.plateau;
}

void Trainer::step() {
    const data::Range batch = data::batch_at(state_.position, train_.size(), batch_);
    const data::Range shard = data::shard_of(batch, world_.rank(), world_.size());
    const auto epoch = static_cast<std::uint32_t>(state_.epoch);
    const data::EpochOrder order(config_.seed, epoch, train_.size());
    const data::Rows rows = loader_.take(shard, order, {config_.seed, Purpose::binarize, epoch});

    last_rate_ = rate_.at(progress());
    last_kl_weight_ = optimizers::kl_weight(config_.objective, progress());
    pending_ += model_->gradient(exchange_.values(), {rows.x, rows.samples}, {config_.seed, Purpose::posterior, epoch},
                                 last_kl_weight_, 1.0 / static_cast<double>(batch.size()), exchange_.gradients());
    exchange_.reduce();

    optimizers::Update update{last_rate_, state_.step + 1, 1};
    if (config_.optimizer.clip)
        update.gradient_scale = static_cast<float>(std::min(1.0, *config_.optimizer.clip / exchange_.gradient_norm()));
    exchange_.update([&](std::size_t begin, std::size_t end) {
        optimizer_->update(begin, end, exchange_.values(), exchange_.gradients(), update);
    });
    state_.position = batch.end;
    ++state_.step;
}

void Trainer::collect() {
    std::array sums = {pending_.reconstruction, pending_.kl, static_cast<double>(pending_.samples)};
    world_.sum(sums);
    const model::Bound all{sums[0], sums[1], static_cast<std::uint64_t>(sums[2])};
    state_.epoch_sum += all;
    state_.line_sum += all;
    pending_ = {};
}

std::optional<Validation> Trainer::validate(std::uint64_t most) {
    if (!validation_) return std::nullopt;
    const auto start = std::chrono::steady_clock::now();
    const data::Range all{0, std::min(most, validation_->size())};
    const data::Range mine = data::shard_of(all, world_.rank(), world_.size());
    model::Bound sum;
    for (std::uint64_t begin = mine.begin; begin < mine.end; begin += rows_) {
        const data::Rows rows = validation_loader_->take(data::batch_at(begin, mine.end, rows_),
                                                         {config_.seed, Purpose::validation_binarize, 0});
        sum += model_->evaluate(exchange_.values(), {rows.x, rows.samples},
                                {config_.seed, Purpose::validation_posterior, 0});
    }
    std::array sums = {sum.reconstruction, sum.kl};
    world_.sum(sums);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    return Validation{{sums[0], sums[1], all.size()}, taken.count()};
}

void Trainer::draw(const std::filesystem::path& png) {
    const data::Dataset& dataset = validation_ ? *validation_ : train_;
    data::Loader& loader = validation_ ? *validation_loader_ : loader_;
    if (images::is_image(dataset.info().sample_shape()))
        draw_samples(*model_, exchange_.values(), dataset, loader, rows_, config_.seed, png);
}

std::vector<storage::NamedArray<float>> Trainer::arrays() {
    std::vector<storage::NamedArray<float>> arrays;
    for (const layers::Parameter& parameter : model_->parameters().all()) {
        arrays.push_back({"/parameters/" + parameter.path, parameter.shape,
                          exchange_.values().subspan(parameter.offset, parameter.size)});
        for (std::size_t i = 0; i < optimizer_->state_names().size(); ++i)
            arrays.push_back({fmt::format("/optimizer/{}/{}", optimizer_->state_names()[i], parameter.path),
                              parameter.shape, optimizer_->state(i).subspan(parameter.offset, parameter.size)});
    }
    return arrays;
}

std::vector<std::byte> Trainer::checkpoint() {
    if (!all_finite(exchange_.values())) fail("step {}: a parameter is not finite; nothing was saved", state_.step);
    std::vector<storage::NamedArray<const float>> contents;
    for (const auto& array : arrays()) contents.push_back({array.path, array.shape, array.values});

    storage::CheckpointText text;
    text.state = to_attributes(state_);
    text.state["virtual_ranks"] = std::int64_t{world_.size()};
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

optimizers::Progress Trainer::progress() const {
    return {state_.step, steps_an_epoch(), steps_an_epoch() * config_.training.epochs};
}

} // namespace elbo::training
