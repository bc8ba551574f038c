#include "training/probe_data.hpp"

#include "base/error.hpp"
#include "data/labels.hpp"
#include "data/split.hpp"
#include "training/labels_beside.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

namespace elbo::training {
namespace {

using Numbers = std::vector<std::uint64_t>;

/// Which datasets, as texts of the configuration have them; held_out is empty where the others are divided.
struct Texts {
    std::vector<std::string> fit, held_out;
    std::vector<std::string> labels;
};

Texts texts_of(const config::Data& settings, const ProbeRequest& request) {
    Texts texts;
    if (!request.labels.empty()) texts.labels = {request.labels};
    if (request.data.empty()) {
        texts.fit = settings.train;
        texts.held_out = settings.validation;
        if (texts.labels.empty()) texts.labels = settings.labels;
        return texts;
    }
    texts.fit = {request.data};
    if (!std::filesystem::is_regular_file(request.data)) return texts;
    const std::vector<storage::DatasetInfo> datasets = storage::list_datasets(request.data, outside_of(settings));
    if (holds(datasets, preferred_train) && holds(datasets, preferred_validation)) {
        texts.fit = {request.data + ":" + std::string(preferred_train)};
        texts.held_out = {request.data + ":" + std::string(preferred_validation)};
    }
    return texts;
}

/// At most so many of the numbers, evenly spread.
Numbers thinned(Numbers numbers, std::uint64_t most, std::uint32_t seed) {
    if (numbers.size() <= most) return numbers;
    const auto all = static_cast<double>(numbers.size());
    const data::Split split(numbers.size(), static_cast<double>(most) / all, seed);
    Numbers kept;
    for (std::uint64_t i = 0; i < split.size(data::Split::Part::validation); ++i)
        kept.push_back(numbers[split.row(data::Split::Part::validation, i)]);
    return kept;
}

Numbers all_of(std::uint64_t rows) {
    Numbers numbers(rows);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

Numbers part_of(const data::Split& split, data::Split::Part part) {
    Numbers numbers;
    for (std::uint64_t i = 0; i < split.size(part); ++i) numbers.push_back(split.row(part, i));
    return numbers;
}

class Reading {
public:
    Reading(const comm::Nodes& nodes, const Trained& trained, const ProbeRequest& request,
            const ReadingProgress& progress)
        : nodes_(nodes), trained_(trained), request_(request), settings_(trained.config.data), progress_(progress) {
        nodes.world().together([&] { texts_ = texts_of(settings_, request); });
    }

    ProbeData read() {
        ProbeData data;
        data.fit.samples = samples_of(texts_.fit, preferred_train);
        if (!request_.fit_alone)
            data.held_out.samples =
                texts_.held_out.empty() ? data.fit.samples : samples_of(texts_.held_out, preferred_validation);
        nodes_.world().together([&] { choose_rows(data); });
        nodes_.world().together([&] { read_labels(data); });
        return data;
    }

private:
    std::shared_ptr<const data::Dataset> samples_of(const std::vector<std::string>& texts, std::string_view preferred) {
        return std::make_shared<const data::Dataset>(read_data(nodes_, trained_, texts, preferred, progress_));
    }

    void choose_rows(ProbeData& data) const {
        const std::uint64_t rows = data.fit.samples->size();
        data.fit.rows = all_of(rows);
        if (data.held_out.samples) data.held_out.rows = all_of(data.held_out.samples->size());
        if (texts_.held_out.empty()) {
            if (rows < 2) reject("{}: has one sample; a probe needs two", data.fit.samples->name());
            const bool as_configured = request_.data.empty() && settings_.validation_fraction;
            const data::Split split(rows, as_configured ? *settings_.validation_fraction : request_.held_out,
                                    settings_.split_seed);
            data.fit.rows = part_of(split, data::Split::Part::train);
            if (data.held_out.samples) data.held_out.rows = part_of(split, data::Split::Part::validation);
        }
        for (LabelledSamples* part : {&data.fit, &data.held_out})
            part->rows = thinned(std::move(part->rows), request_.most, settings_.split_seed);
    }

    void read_labels(ProbeData& data) const {
        const storage::Outside outside = outside_of(settings_);
        const storage::DatasetInfo& fit = data.fit.samples->info();
        const storage::DatasetReader labels = texts_.labels.empty() ? labels_beside(fit, "y", "--labels", outside)
                                                                    : open_data(texts_.labels, "/train/y", settings_);
        const char* const named = !request_.labels.empty() ? "--labels"
                                  : texts_.labels.empty()  ? "labels"
                                                           : "data.labels";
        data::require_fit(named, labels.info(), fit);
        data.fit.labels = data::read_labels(labels, data.fit.rows);
        if (!data.held_out.samples) return;
        if (texts_.held_out.empty()) {
            if (!request_.held_out_labels.empty())
                reject("--held-out-labels {}: what is held out is a part of {}, whose labels --labels names",
                       request_.held_out_labels, data.fit.samples->name());
            data.held_out.labels = data::read_labels(labels, data.held_out.rows);
            return;
        }
        const storage::DatasetInfo& held_out = data.held_out.samples->info();
        const storage::DatasetReader others =
            request_.held_out_labels.empty()
                ? labels_beside(held_out, last_of(labels.info().name), "--held-out-labels", outside)
                : open_data({request_.held_out_labels}, "/test/y", settings_);
        data::require_fit(request_.held_out_labels.empty() ? "labels" : "--held-out-labels", others.info(), held_out);
        if (others.info().sample_shape() != labels.info().sample_shape())
            reject("{}:{}: labels of {}, but those of {}:{} are {}", others.info().file, others.info().name,
                   elbo::describe(others.info().sample_shape()), labels.info().file, labels.info().name,
                   elbo::describe(labels.info().sample_shape()));
        data.held_out.labels = data::read_labels(others, data.held_out.rows);
    }

    const comm::Nodes& nodes_;
    const Trained& trained_;
    const ProbeRequest& request_;
    const config::Data& settings_;
    const ReadingProgress& progress_;
    Texts texts_;
};

} // namespace

ProbeData read_probe_data(const comm::Nodes& nodes, const Trained& trained, const ProbeRequest& request,
                          const ReadingProgress& progress) {
    return Reading(nodes, trained, request, progress).read();
}

} // namespace elbo::training
