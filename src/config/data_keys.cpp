// The rows of the table of core keys that say what is trained on.
#include "config/keys.hpp"

#include <array>

namespace elbo::config {
namespace {

const auto table = std::to_array<CoreKey>({
    {{"data.train", Type::paths, "",
      "training samples: FILE or FILE:/dataset of an HDF5 file, /dataset.field of records; of several files or a "
      "pattern such as part-*.h5:/x all rows, joined; the same data may move",
      Effect::trajectory},
     [](Config& c, const Checked& v) { c.data.train = v.texts(); }},
    {{"data.validation.files", Type::paths, "~",
      "samples on which the ELBO is measured after each epoch, as for data.train; data.validation: FILE is short for "
      "it",
      Effect::trajectory},
     [](Config& c, const Checked& v) { c.data.validation = v.texts(); },
     nullptr,
     Stand::name,
     true,
     "data.validation.fraction"},
    {{"data.validation.fraction",
      Type::number,
      "~",
      "of the samples of data.train, taken for validation instead: spread evenly over the file, chosen by "
      "data.validation.seed, at least one",
      Effect::model,
      0,
      1,
      {},
      true},
     [](Config& c, const Checked& v) { c.data.validation_fraction = v.optional_number(); },
     nullptr,
     Stand::name,
     false,
     "data.validation.files"},
    {{"data.validation.seed", Type::integer, "1", "of that choice, whatever seed is", Effect::model, 0, 4294967295.0},
     [](Config& c, const Checked& v) { c.data.split_seed = static_cast<std::uint32_t>(v.count()); }},
    {{"data.labels", Type::paths, "~",
      "a label or a row of values for every sample of data.train, as for data.train: checked, described, and kept for "
      "conditional models and probes",
      Effect::none},
     [](Config& c, const Checked& v) { c.data.labels = v.texts(); }},
    {{"data.allow_external", Type::flag, "false",
      "read what files refer to outside their own folder (external links, sources of virtual datasets, raw data), and "
      "load plugins of HDF5 for filters",
      Effect::none},
     [](Config& c, const Checked& v) { c.data.allow_external = v.flag(); }},
    {{"data.shape", Type::integers, "~",
      "of a sample: what elbo bench and inspect go by where data.train does not exist; training data must have it",
      Effect::none, 1, most_rows},
     [](Config& c, const Checked& v) { c.data.shape = v.counts(); }},
    {{"data.transform", Type::steps, "~",
      "what is done to samples after data.scale, in this order, as in [log1p, standardise, {crop: [24, 24]}]",
      Effect::model},
     [](Config& c, const Checked& v) { c.data.transform = v.layers; },
     &Schema::transforms,
     Stand::within},
    {{"data.binarize",
      Type::text,
      "none",
      "values in [0, 1] as they are; 1 from 0.5 on; or drawn afresh at every presentation with the value as "
      "probability",
      Effect::model,
      -no_bound,
      no_bound,
      {"none", "threshold", "dynamic"}},
     [](Config& c, const Checked& v) { c.data.binarize = v.text(); }},
    {{"data.scale",
      Type::number,
      "~",
      "factor on the stored values; unset: integers to [0, 1] by their type's range, floats as they are",
      Effect::model,
      0,
      no_bound,
      {},
      true},
     [](Config& c, const Checked& v) { c.data.scale = v.optional_number(); }},
    {{"data.prefetch",
      Type::text,
      "auto",
      "a thread of each rank makes its next batches meanwhile; auto: where every rank has a core for it",
      Effect::none,
      -no_bound,
      no_bound,
      {"auto", "always", "never"}},
     [](Config& c, const Checked& v) { c.data.prefetch = v.text(); }},
    {{"data.memory", Type::bytes, "~",
      "of each node for data: what fits is read once, else rows are read ahead of their turn; unset: half of what is "
      "free at the start; the order stays the same",
      Effect::none},
     [](Config& c, const Checked& v) { c.data.memory = v.optional_bytes(); }},
    {{"data.order",
      Type::text,
      "full",
      "of the samples of an epoch; full: all are shuffled; windowed: blocks of neighbours are, then the samples within "
      "a "
      "window of blocks, so that a file larger than memory is read in long stretches",
      Effect::model,
      -no_bound,
      no_bound,
      {"full", "windowed"}},
     [](Config& c, const Checked& v) { c.data.windowed = v.text() == "windowed"; }},
    {{"data.block", Type::integer, "~",
      "samples of a block of the windowed order; unset: about 256 KiB, or a chunk of the file where that is "
      "compressed; "
      "chosen at the first start and kept",
      Effect::model, 1, most_rows},
     [](Config& c, const Checked& v) { c.data.block = v.optional_count(); }},
    {{"data.window", Type::integer, "~",
      "samples of a window of the windowed order; a virtual rank keeps two; unset: 256 blocks, at most 64 MiB; chosen "
      "at the first start and kept",
      Effect::model, 1, most_rows},
     [](Config& c, const Checked& v) { c.data.window = v.optional_count(); }},
});

} // namespace

std::span<const CoreKey> data_keys() { return table; }

} // namespace elbo::config
