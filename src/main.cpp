// The command line of elbo: a table of commands, and the one place where errors are caught.
#include "base/error.hpp"
#include "base/text.hpp"
#include "comm/communicator.hpp"
#include "commands/commands.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace elbo;

/// Adds a command's options to its parser and returns what runs it afterwards.
using Prepare = std::function<Exit()> (*)(CLI::App& parser);

std::function<Exit()> prepare_train(CLI::App& parser) {
    auto options = std::make_shared<commands::TrainOptions>();
    parser.add_option("config", options->configuration, "configuration, a YAML file")->type_name("CONFIG");
    parser.add_option("overrides", options->overrides, "keys set here rather than in the file: training.epochs=1")
        ->type_name("key=value");
    parser.add_flag("--fresh", options->fresh, "start anew; an earlier run is kept beside it, numbered");
    parser.add_flag("--rehearse", options->rehearse, "three steps of everything in a temporary folder: would it run?");
    parser.add_flag("--print-output", options->print_output, "print the run's folder and end");
    parser.add_flag("--reference", options->reference, "print every key of a configuration and end");
    parser.add_flag("--markdown", options->markdown, "with --reference: as a page of Markdown");
    parser.add_option("--trace", options->trace, "write what each rank does in some steps, a Chrome trace")
        ->type_name("FILE");
    parser
        .add_option("--trace-steps", options->trace_steps,
                    "which, as in 100-109; else ten, from the start's eleventh on")
        ->type_name("A-B");
    const auto speak = [&](const char* flags, report::Verbosity verbosity, const char* meaning) {
        parser.add_flag_callback(
            flags, [options, verbosity] { options->verbosity = verbosity; }, meaning);
    };
    speak("-q,--quiet", report::Verbosity::quiet, "only how it ended");
    speak("-v,--verbose", report::Verbosity::verbose, "more lines");
    return [options] { return commands::train(*options); };
}

/// Options of `convert` that some formats alone know.
void add_formats(CLI::App& parser, commands::ConvertOptions& options) {
    convert::Request& request = options.request;
    const auto add = [&](const char* flag, auto& value, const char* meaning, const char* type) {
        parser.add_option(flag, value, meaning)->type_name(type);
    };
    add("--label-column", request.label_column, "CSV: by name or number; becomes y", "C");
    add("--columns", request.columns, "CSV: those of x, by name or number: a,b,5-9", "A,B");
    add("--header", options.header, "CSV: yes or no, does a line name the columns (else guessed)", "Y");
    add("--missing", options.missing, "CSV: error, zero or mean in place of empty fields", "M");
    add("--shape", options.shape, "of a row: raw, CSV (28x28)", "HxW");
    parser.add_flag("--big-endian", request.big_endian, "raw: its numbers' bytes, highest first");
    add("--resize", options.resize, "images: height and width, or one number for both", "HxW");
    parser.add_flag("--gray", request.gray, "images: in grey");
    parser.add_flag("--colour", request.colour, "images, sprites: in colour");
    add("--label-pattern", request.label_pattern, "images: where a file's name has its label: *_{label}.png", "P");
    add("--train", request.train, "generators: training samples (20000)", "N");
    add("--test", request.test, "generators: test samples (2000)", "N");
    add("--size", request.size, "sprites: height and width (64)", "N");
    add("--dimensions", request.dimensions, "made vectors: numbers of a row (16)", "D");
    add("--components", request.components, "made vectors: of the mixture, or latent (4)", "K");
    parser.add_option("--seed", request.seed, "of generators and --split")->capture_default_str();
}

/// The options that were given, in the words of the command line.
std::string given_options(const CLI::App& parser) {
    std::string text;
    for (const CLI::Option* option : parser.get_options()) {
        const std::string name = option->get_name();
        if (option->count() == 0 || !name.starts_with("--") || name == "--force" || name == "--quiet") continue;
        text += (text.empty() ? "" : " ") + name;
        if (option->get_items_expected_max() > 0) text += fmt::format(" {}", fmt::join(option->results(), " "));
    }
    return text;
}

std::function<Exit()> prepare_convert(CLI::App& parser) {
    auto options = std::make_shared<commands::ConvertOptions>();
    convert::Request& request = options->request;
    parser.add_option("files", options->words, "files, folders or a generator's name; the HDF5 file last")
        ->required()
        ->type_name("SOURCE... OUT.h5");
    const auto add = [&](const char* flag, auto& value, const char* meaning, const char* type) {
        parser.add_option(flag, value, meaning)->type_name(type);
    };
    add("--from", request.format, "source format, where it is not recognised", "FORMAT");
    add("--split", options->split, "divide the training data: train=0.9,validation=0.1", "A=F,..");
    add("--shuffle-seed", request.shuffle_seed, "mix the items of a split", "N");
    add("--limit", request.limit, "at most so many items of each part, the first ones", "N");
    add("--type", options->type, "of x: uint8, float32 ... where its values allow that", "T");
    add("--compress", options->compress, "none or gzip (none)", "HOW");
    parser.add_flag("--stats", request.stats, "keep mean, variance, min and max of each feature of x");
    parser.add_flag("--skip-bad", request.skip_bad, "leave damaged items out, and name them");
    add_formats(parser, *options);
    parser.add_flag("--force", request.overwrite, "replace OUT.h5 where it exists");
    parser.add_flag("-q,--quiet", options->quiet, "print nothing");
    parser.footer(commands::source_formats());
    return [options, &parser] {
        options->request.options = given_options(parser);
        return commands::convert(*options);
    };
}

std::function<Exit()> prepare_inspect(CLI::App& parser) {
    auto options = std::make_shared<commands::InspectOptions>();
    parser.add_option("file", options->file, "dataset (FILE.h5:/DATASET), checkpoint or configuration")
        ->required()
        ->type_name("FILE");
    parser.add_option("more", options->rest, "files to be joined, or keys of a configuration as key=value")
        ->type_name("MORE");
    parser.add_flag("--stats", options->statistics, "mean, deviation, zeros ... of datasets, however large");
    parser.add_option("--picture", options->picture, "write a PNG of samples of the dataset")->type_name("FILE.png");
    parser.add_flag("--allow-external", options->allow_external,
                    "follow links out of a file's folder, load filters' plugins");
    parser.add_option("--ranks", options->ranks, "ranks on one node, for a configuration's memory")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    return [options] { return commands::inspect(*options); };
}

/// Which trained model, and what data it is asked about.
void add_trained(CLI::App& parser, commands::TrainedOptions& options) {
    parser.add_option("run", options.run, "a run's folder, or a checkpoint")->required()->type_name("RUN");
    parser.add_option("--checkpoint", options.checkpoint, "of a run: best, latest or a step's number (best)")
        ->type_name("WHICH");
    parser.add_option("--data", options.data, "FILE.h5 or FILE.h5:/DATASET (what the run validates with)")
        ->type_name("DATA");
}

std::function<Exit()> prepare_evaluate(CLI::App& parser) {
    auto options = std::make_shared<commands::EvaluateOptions>();
    add_trained(parser, *options);
    parser.add_option("--samples", options->draws, "draws of the posterior for each sample of the data (100)")
        ->type_name("K");
    parser.add_option("--json", options->json, "write the figures as JSON")->type_name("FILE");
    parser.add_option("--per-sample", options->per_sample, "write those of every sample, .h5 or .csv")
        ->type_name("FILE");
    return [options] { return commands::evaluate(*options); };
}

/// What `bench --scaling` is to predict.
void add_scaling(CLI::App& parser, commands::ScalingOptions& options) {
    parser.add_flag("--scaling", options.asked, "what a step costs on more nodes, by constants measured here");
    const auto add = [&](const char* flag, auto& value, const char* meaning, const char* type) {
        parser.add_option(flag, value, meaning)->type_name(type)->needs("--scaling");
    };
    const auto add_list = [&](const char* flag, auto& values, const char* meaning, const char* type) {
        // One word a flag: what follows may be a key's value.
        parser.add_option(flag, values, meaning)
            ->delimiter(',')
            ->allow_extra_args(false)
            ->type_name(type)
            ->needs("--scaling");
    };
    add_list("--nodes", options.nodes, "of the cluster (1,2,4 ... 1024)", "N,..");
    add_list("--bandwidth", options.bandwidths, "out of a node, Gb/s (as measured, or 25 and 200)", "G,..");
    add("--latency", options.latency, "of a message, us (as measured, or 2; below 100 Gb/s 20)", "US");
    add("--ranks-per-node", options.ranks, "ranks of a node (one for each core of this one)", "R");
    add("--cores", options.cores, "cores of a node, if they are fewer than its ranks", "C");
    add("--memory", options.memory, "what a node's memory moves, GB/s (no limit)", "G");
}

std::function<Exit()> prepare_bench(CLI::App& parser) {
    auto options = std::make_shared<commands::ScalingOptions>();
    commands::BenchOptions& bench = options->bench;
    parser.add_option("config", bench.configuration, "configuration, a YAML file")->required()->type_name("CONFIG");
    parser.add_option("overrides", bench.overrides, "keys set here, as for train")->type_name("key=value");
    parser.add_option("--batch", bench.batch, "samples a step over all ranks")->type_name("N");
    parser.add_option("--precision", bench.precision, "of products and activations: fp32 or bf16")->type_name("P");
    parser.add_option("--seconds", bench.seconds, "of measuring, after a warm-up (10)")->type_name("S");
    parser.add_option("--json", bench.json, "write the figures as JSON; - is standard output")->type_name("FILE");
    add_scaling(parser, *options);
    return [options] { return options->asked ? commands::scaling(*options) : commands::bench(options->bench); };
}

/// Where the meanings begin in --help, so that lines fit 80 columns.
constexpr std::size_t help_column = 18;

struct Command {
    std::string_view name;
    const char* meaning;
    Prepare prepare;
};

constexpr Command command_table[] = {
    {"train", "train a model as configured; under mpirun on all ranks", prepare_train},
    {"convert", "make an HDF5 dataset of files, or of made-up data", prepare_convert},
    {"evaluate", "bounds on the log-likelihood that a trained model gives data", prepare_evaluate},
    {"bench", "measure a configuration's training steps on made-up data", prepare_bench},
    {"inspect", "say what is in a dataset, a checkpoint or a configuration", prepare_inspect},
};

/// The first word that is no option must be a command: a wrong one gets the nearest.
void check_command(const std::vector<std::string>& words) {
    if (words.empty() || words.front().starts_with("-")) return;
    std::vector<std::string_view> names;
    for (const Command& command : command_table) names.push_back(command.name);
    if (std::find(names.begin(), names.end(), words.front()) != names.end()) return;
    const std::string_view near = nearest(words.front(), names);
    reject("'{}' is no command{}; commands: {}", words.front(),
           near.empty() ? std::string() : fmt::format("; did you mean {}?", near), joined(names));
}

/// What is wrong with a command's words, with the nearest of its options for one that it does not know.
std::string complaint(const CLI::App& command, const std::vector<std::string>& words, const CLI::ParseError& error) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    const std::vector<std::string_view> known(names.begin(), names.end());
    for (const std::string& word : words) {
        const std::string_view option = std::string_view(word).substr(0, word.find('='));
        if (!option.starts_with("--") || std::find(known.begin(), known.end(), option) != known.end()) continue;
        const std::string_view near = nearest(option, known);
        if (!near.empty()) return fmt::format("unknown option {}; did you mean {}?", option, near);
        return fmt::format("unknown option {}; known: {}", option, joined(known));
    }
    return error.what();
}

Exit run(const std::vector<std::string>& words) {
    check_command(words);
    CLI::App parser("elbo trains variational autoencoders data-parallel over MPI on CPU clusters.", "elbo");
    parser.set_version_flag("--version", [] { return commands::version_text(); });
    parser.footer("Start:    elbo convert sprites data/sprites.h5\n"
                  "          elbo train configs/sprites.yaml\n"
                  "All keys: elbo train --reference");
    parser.require_subcommand(1);
    parser.get_formatter()->column_width(help_column);
    std::function<Exit()> chosen;
    for (const Command& command : command_table) {
        CLI::App* const own = parser.add_subcommand(std::string(command.name), command.meaning);
        own->final_callback([&chosen, work = command.prepare(*own)] { chosen = work; });
    }
    try {
        std::vector<std::string> reversed(words.rbegin(), words.rend());
        parser.parse(std::move(reversed));
    } catch (const CLI::Success& asked) {
        if (comm::launched_rank() == 0) parser.exit(asked);
        return Exit::done;
    } catch (const CLI::ParseError& error) {
        const auto chosen_commands = parser.get_subcommands();
        if (chosen_commands.empty()) reject("{}; see elbo --help", error.what());
        reject("{}; see elbo {} --help", complaint(*chosen_commands.front(), words, error), words.front());
    }
    return chosen();
}

/// For errors found before MPI knows the ranks: one message, not one a rank. mpirun ends all ranks as soon as one
/// has failed, so the others give rank 0 the time to speak.
Exit speak_of(const char* message, Exit status) {
    if (comm::launched_rank() == 0)
        fmt::print(stderr, "elbo: {}\n", message);
    else
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return status;
}

} // namespace

int main(int argc, char** argv) {
    Exit status = Exit::failure;
    try {
        status = run({argv + 1, argv + argc});
    } catch (const Error& error) {
        status = speak_of(error.what(), error.status());
    } catch (const std::exception& error) {
        status = speak_of(error.what(), Exit::failure);
    }
    return static_cast<int>(status);
}
