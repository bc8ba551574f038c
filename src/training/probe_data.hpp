// Samples with labels, in two parts: what probes are fitted to, and what they are tried on.
#pragma once

#include "data/label_values.hpp"
#include "training/trained.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace elbo::training {

/// What was asked for; what is empty follows from the run's configuration, or lies beside the samples.
struct ProbeRequest {
    std::string data;            ///< FILE with /train/x and /test/x; or FILE:/dataset, to be divided
    std::string labels;          ///< of the samples to fit to, or of all where they are divided
    std::string held_out_labels; ///< of the others, where these are a dataset of their own
    double held_out = 0.2;       ///< of samples that are divided
    std::uint64_t most = 100000; ///< samples of either part
    bool fit_alone = false;      ///< what is held out is left out
};

/// Rows of a dataset by their numbers, ascending, and their labels.
struct LabelledSamples {
    std::shared_ptr<const data::Dataset> samples;
    std::vector<std::uint64_t> rows;
    data::LabelValues labels;
};

struct ProbeData {
    LabelledSamples fit, held_out;
};

/// Without `data` the run's own: what it trained on, held out what it validates with; or, where the one dataset is both
/// (data.validation.fraction) or nothing validates, a part of what it trained on by data::Split with
/// data.validation.seed. Labels that are not named lie beside the samples under the name y, those held out under the
/// name of the others. Throws AgreedError where labels and samples do not fit. Collective.
ProbeData read_probe_data(const comm::Nodes& nodes, const Trained& trained, const ProbeRequest& request,
                          const ReadingProgress& progress = {});

} // namespace elbo::training
