// What elbo can do, a function a command. Each returns the exit status, and throws for main to report.
#pragma once

#include "base/error.hpp"
#include "convert/convert.hpp"
#include "report/terminal.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::commands {

struct TrainOptions {
    std::string configuration;          ///< path of the YAML file
    std::vector<std::string> overrides; ///< key=value
    bool fresh = false, rehearse = false;
    bool reference = false, markdown = false; ///< print the table of keys instead
    bool print_output = false;                ///< print the run's folder instead
    std::string trace, trace_steps;           ///< a file; "100-109", or empty
    report::Verbosity verbosity = report::Verbosity::normal;
};
Exit train(const TrainOptions& options);

struct ConvertOptions {
    std::vector<std::string> words; ///< sources, and the output last
    convert::Request request;       ///< what needs no reading
    std::string split, type, shape, resize, compress = "none", missing = "error", header;
    bool quiet = false;
};
Exit convert(const ConvertOptions& options);
std::string source_formats(); ///< for --help: a line or two each

struct InspectOptions {
    std::string file;                 ///< of datasets also FILE:/dataset or a pattern of files
    std::vector<std::string> rest;    ///< further files, or key=value of a configuration
    std::optional<std::size_t> nodes; ///< for the memory of a configuration; 1
    std::optional<std::size_t> ranks; ///< the same, on each of them; 1
    bool statistics = false;          ///< of datasets, however large
    std::string picture;              ///< a file for pictures of samples; empty: none
    bool allow_external = false;      ///< read what files refer to outside their own folder
};
Exit inspect(const InspectOptions& options);

struct BenchOptions {
    std::string configuration;
    std::vector<std::string> overrides;
    std::optional<std::size_t> batch;
    std::string precision; ///< empty: as configured
    double seconds = 10;   ///< of measuring
    std::string json;      ///< a file, or "-"; empty: none
};
Exit bench(const BenchOptions& options);

/// What a step would cost on clusters that are described; the rest measured as by bench.
struct ScalingOptions {
    BenchOptions bench;
    bool asked = false;
    std::vector<std::int64_t> nodes;   ///< empty: 1, 2, 4 ... 1024
    std::vector<double> bandwidths;    ///< Gb/s out of a node
    std::optional<double> latency;     ///< microseconds
    std::optional<std::int64_t> ranks; ///< of a node
    std::optional<double> cores;       ///< of a node
    std::optional<double> memory;      ///< GB/s of a node
};
Exit scaling(const ScalingOptions& options);

/// A run's folder or a checkpoint file, and which of a run's.
struct TrainedOptions {
    std::string run;
    std::string checkpoint = "best"; ///< best, latest or the number of a step
    std::string data;                ///< FILE or FILE:/dataset; empty: what the run validates with
};

struct EvaluateOptions : TrainedOptions {
    std::string method = "iwae";      ///< or ais
    std::optional<std::size_t> draws; ///< of the posterior, a sample; 100, chains 10
    std::optional<std::size_t> steps; ///< of a chain; 100
    bool gap = false;                 ///< split the variational gap
    bool features = false;            ///< distances in the features of a classifier too
    std::string labels;     ///< FILE:/dataset for that classifier; empty: as configured, or beside the samples
    std::string json;       ///< a file for the figures; empty: none
    std::string per_sample; ///< a file for those of every sample, .h5 or .csv; empty: none
};
Exit evaluate(const EvaluateOptions& options);

/// A file for what a model makes of images: .png, .npy or .h5.
struct ImageOptions : TrainedOptions {
    std::string output;
    bool force = false; ///< replace it where it exists
};

struct ReconstructOptions : ImageOptions {
    std::optional<std::size_t> samples;
    std::size_t from = 0; ///< number of the first one
};
Exit reconstruct(const ReconstructOptions& options);

struct InterpolateOptions : ImageOptions {
    std::size_t from = 0, to = 0; ///< samples' numbers
    std::size_t steps = 10;       ///< both ends among them
    bool spherical = false;
};
Exit interpolate(const InterpolateOptions& options);

struct TraverseOptions : ImageOptions {
    std::size_t sample = 0;      ///< whose code it is
    double range = 3;            ///< of each dimension's values, to both sides of 0
    std::size_t steps = 9;       ///< values of a dimension
    std::size_t dimensions = 10; ///< at most
};
Exit traverse(const TraverseOptions& options);

struct RestoreOptions : ImageOptions {
    std::string task;
    std::optional<double> noise;                ///< denoise: its deviation
    std::optional<std::string> rectangle, mask; ///< inpaint: "TOP,LEFT,HEIGHTxWIDTH"; mask: a file
    std::optional<std::size_t> factor;          ///< superres
    std::optional<std::size_t> samples;
    std::size_t from = 0;              ///< number of the first one
    std::size_t draws = 4;             ///< of what may be there
    std::size_t steps = 500;           ///< of fitting posteriors
    std::optional<std::uint32_t> seed; ///< else the run's
    std::string json;                  ///< a file for the figures; empty: none
};
Exit restore(const RestoreOptions& options);

struct ProbeOptions : TrainedOptions {
    std::string labels, held_out_labels; ///< FILE:/dataset; empty: as configured, or beside the samples
    double held_out = 0.2;               ///< of one dataset that is divided
    std::size_t most = 100000;           ///< samples to fit to, and to try on
    std::string json;                    ///< a file for the figures; empty: none
};
Exit probe(const ProbeOptions& options);

struct SampleOptions : TrainedOptions {
    std::uint64_t samples = 64;
    std::string from = "prior";        ///< where codes come from: prior, posterior or mixture:K
    double temperature = 1;            ///< a factor on their deviations
    bool mean = false;                 ///< E[x | z] rather than a draw
    bool as_stored = false;            ///< values as the data holds them, not as the model sees them
    std::optional<std::uint32_t> seed; ///< else the run's
    std::string output;                ///< FILE.png, FOLDER/, FILE.npy, FILE.h5; empty: named after the run
    bool replace = false;
};
Exit sample(const SampleOptions& options);

struct EncodeOptions : TrainedOptions {
    std::string output;                    ///< FILE.h5 or FILE.npy
    std::string posterior = "q";           ///< a row of model::inference_kinds()
    std::optional<std::size_t> draws;      ///< of each sample's code that are written; 1
    std::optional<std::size_t> candidates; ///< draws of the encoder's posterior that are weighed, or moves; 100
    std::optional<std::uint32_t> seed;     ///< else the run's
    bool replace = false;
};
Exit encode(const EncodeOptions& options);

struct ExportOptions : TrainedOptions {
    std::string format = "onnx";
    std::string output; ///< a folder
    bool force = false; ///< replace what is there
};
Exit export_model(const ExportOptions& options);

struct ReportOptions {
    std::vector<std::string> runs; ///< folders
    std::string output;            ///< FILE.html; empty: named after the run
    bool force = false;            ///< replace what is there
};
Exit report_runs(const ReportOptions& options);

struct RunsOptions {
    std::string folder = "runs"; ///< in which runs are looked for, and below it
    std::string sort = "run";    ///< name of a column
    bool reverse = false, json = false;
};
Exit runs(const RunsOptions& options);
std::vector<std::string_view> run_columns(); ///< what they can be sorted by

/// elbo's version and those of what it stands on.
std::string version_text();

} // namespace elbo::commands
