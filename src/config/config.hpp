// The configuration of a training: YAML text and command-line overrides to typed structs, every mistake listed at once.
#pragma once

#include "config/schema.hpp"
#include "numerics/bfloat16.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace elbo::config {

/// A choice that was made from a table of kinds: its name and the checked values of its keys, defaults filled in.
/// Asking for a key that the table does not have is a programming error (throws std::logic_error).
class Settings {
public:
    using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;

    std::string kind;
    std::string where; ///< "configs/mnist.yaml:12", for errors found later (shapes that do not fit)
    std::map<std::string, Value, std::less<>> values;
    std::vector<Settings>
        layers; ///< of the key that is a list of layers, where the kind has one; it is unset in values

    bool has(std::string_view key) const; ///< false where the value is unset ("~")
    std::int64_t integer(std::string_view key) const;
    double number(std::string_view key) const; ///< an integer reads as a number too
    bool flag(std::string_view key) const;
    const std::string& text(std::string_view key) const;
    bool is_word(std::string_view key) const;                    ///< number_or_word: true where it is a word
    std::vector<std::size_t> counts(std::string_view key) const; ///< of a list of integers from 0 on
};

struct Data {
    std::vector<std::string> train,
        validation; ///< FILE or FILE:/dataset, FILE perhaps a pattern; validation may be empty
    std::optional<double> validation_fraction; ///< of the training samples, instead of validation
    std::uint32_t split_seed = 1;              ///< chooses them
    std::vector<std::string> labels;           ///< of the training samples; may be empty
    bool allow_external = false;               ///< what files refer to outside their own folder is read
    std::vector<std::size_t> shape;            ///< of a sample; empty: as the data has it
    std::vector<Settings> transform;           ///< a step each, in their order
    std::string binarize;                      ///< none, threshold, dynamic
    std::string prefetch;                      ///< auto, always, never
    std::optional<std::uint64_t> memory;       ///< bytes of a node; unset: half of what is free at the start
    bool windowed = false;                     ///< the order of an epoch; else full
    std::optional<std::size_t> block, window;  ///< of the windowed order, samples; unset: chosen at the first start
    std::optional<double>
        scale; ///< factor on the stored values; unset: integers by their type's range, floats as they are
};

struct Model {
    std::size_t latent = 0;
    std::vector<Settings> encoder, decoder; ///< a layer each; key "activation" of a layer is resolved (never unset)
    Settings likelihood;
    std::string start;            ///< RUN or FILE, :encoder or :decoder of it; empty: initial values are drawn
    std::vector<Settings> output; ///< the layer that follows the decoder's list; empty: a dense one
};

struct Optimizer {
    Settings kind; ///< sgd, adam, adamw with their own keys
    double rate = 0;
    std::size_t warmup = 0; ///< steps over which the rate rises linearly
    Settings decay;
    std::optional<double> clip; ///< global norm
};

struct Objective {
    double beta = 1;
    double warmup = 0; ///< epochs over which the KL weight rises from 0 to beta
};

struct Training {
    std::size_t epochs = 0;
    std::optional<std::size_t> batch, batch_per_rank; ///< exactly one is set
    std::optional<std::size_t> patience;              ///< epochs without a better validation ELBO before stopping
    std::size_t threads = 1;
    Precision precision = Precision::fp32;    ///< of products and stored activations, where the CPU has it
    std::size_t accumulate = 1;               ///< virtual ranks of each rank at the first start
    std::optional<std::size_t> virtual_ranks; ///< unset: the checkpoint's, or the number of ranks at the first start
    bool exact = false;                       ///< refuse what would change the last bits
    std::optional<double> time_limit;         ///< seconds of one start
    bool skip_not_finite = false;             ///< steps whose ELBO or gradient is not finite
    std::size_t skip_limit = 10;              ///< in a row
};

struct Numerics {
    bool allow_reference = false; ///< oneDNN's slow kernels, where it has no others
};

struct Communication {
    bool shared = true;                      ///< ranks of a host share values and gradients
    std::optional<std::size_t> bucket_bytes; ///< of gradients sent between nodes at once; unset: chosen by measuring
    std::string route = "auto";
    Precision precision = Precision::fp32; ///< of gradients that leave a node
    double stall_seconds = 60;
    std::optional<double> stall_abort = 600; ///< seconds; unset: never
};

struct Checkpoint {
    std::size_t epochs = 1; ///< between checkpoints; 0: none for epochs' sake
    std::optional<std::size_t> steps;
    std::optional<double> minutes;
    std::size_t keep = 3; ///< newest files, besides the best
    bool verify = false;  ///< read back from the disk
};

/// Importance-weighted bounds of the validation data while training goes on.
struct Evaluate {
    std::size_t every = 0;     ///< epochs; 0: never
    std::size_t samples = 100; ///< draws
};

struct Report {
    std::size_t every = 100;  ///< steps between lines of metrics.jsonl within an epoch; 0: epoch ends alone
    std::size_t pictures = 1; ///< epochs between pictures; 0: none
    bool tensorboard = false; ///< event files beside metrics.jsonl
};

struct Config {
    std::string output; ///< {key} placeholders filled in
    std::uint32_t seed = 1;
    Data data;
    Model model;
    Optimizer optimizer;
    Objective objective;
    Training training;
    Numerics numerics;
    Communication communication;
    Checkpoint checkpoint;
    Evaluate evaluate;
    Report report;

    std::string resolved; ///< every key with its value as canonical YAML; parses back to the same configuration
};

/// Where text came from, for errors: a file's name, or "checkpoint runs/x/checkpoints/latest.h5".
struct Source {
    std::string name;
    std::string text;
};

/// Reads a file whole; throws InputError naming it where it cannot be read.
Source read_source(const std::string& path);

/// Parses and checks everything. overrides: "key.path=value" as given on the command line, values as YAML. Throws one
/// InputError that lists every mistake, a line each: where (file:line or "command line"), key, found, expected, and the
/// nearest known name for unknown words.
Config parse(const Source& source, const std::vector<std::string>& overrides, const Schema& schema);

/// One key whose value differs between two resolved configurations.
struct Difference {
    std::string key, before, after; ///< "training.epochs", "20", "40"; "(none)" where a side lacks the key
    Effect effect;
};

/// Differences between two resolved configurations in the order of the key table.
std::vector<Difference> compare(const std::string& before, const std::string& after, const Schema& schema);

/// One key of a resolved configuration, its value as YAML on a line.
struct Assignment {
    std::string key, value;
    Effect effect;
};

/// All of its keys, in its order.
std::vector<Assignment> assignments(const std::string& resolved, const Schema& schema);

/// Every key by its whole name, in the table's order.
std::vector<std::string> key_names(const Schema& schema);

/// Every key as a table for the terminal (80 columns), and as the page docs/configuration.md.
std::string reference_text(const Schema& schema);
std::string reference_markdown(const Schema& schema);

} // namespace elbo::config
