#include "commands/words.hpp"

#include "base/text.hpp"
#include "commands/commands.hpp"

#include <memory>

namespace elbo::commands {

Words train_words() {
    auto options = std::make_shared<TrainOptions>();
    auto speak = std::make_shared<std::pair<bool, bool>>();
    Words words;
    words.add("config", &options->configuration, "configuration, a YAML file", "CONFIG");
    words.add("overrides", &options->overrides, "keys set here rather than in the file: training.epochs=1",
              "key=value");
    words.add("--fresh", &options->fresh, "start anew; an earlier run is kept beside it, numbered");
    words.add("--rehearse", &options->rehearse, "three steps of everything in a temporary folder: would it run?");
    words.add("--print-output", &options->print_output, "print the run's folder and end");
    words.add("--reference", &options->reference, "print every key of a configuration and end");
    words.add("--markdown", &options->markdown, "with --reference: as a page of Markdown");
    words.add("--trace", &options->trace, "write what each rank does in some steps, a Chrome trace", "FILE");
    words.add("--trace-steps", &options->trace_steps, "which, as in 100-109; else ten, from the start's eleventh on",
              "A-B");
    words.add("-q,--quiet", &speak->first, "only how it ended");
    words.add("-v,--verbose", &speak->second, "more lines");
    words.run = [options, speak] {
        using report::Verbosity;
        if (speak->first && speak->second) reject("--quiet and --verbose: expected one of them");
        const Verbosity spoken = speak->second ? Verbosity::verbose : Verbosity::normal;
        options->verbosity = speak->first ? Verbosity::quiet : spoken;
        return train(*options);
    };
    return words;
}

namespace {

/// Options of `convert` that some formats alone know.
void add_formats(Words& words, ConvertOptions& options) {
    convert::Request& request = options.request;
    words.add("--label-column", &request.label_column, "CSV: by name or number; becomes y", "C");
    words.add("--columns", &request.columns, "CSV: those of x, by name or number: a,b,5-9", "A,B");
    words.add("--header", &options.header, "CSV: yes or no, does a line name the columns (else guessed)", "Y");
    words.choose("--missing", &options.missing, "CSV: error, zero or mean in place of empty fields", "M",
                 {"error", "zero", "mean"});
    words.add("--shape", &options.shape, "of a row: raw, CSV (28x28)", "HxW");
    words.add("--big-endian", &request.big_endian, "raw: its numbers' bytes, highest first");
    words.add("--resize", &options.resize, "images: height and width, or one number for both", "HxW");
    words.add("--gray", &request.gray, "images: in grey");
    words.add("--colour", &request.colour, "images, sprites: in colour");
    words.add("--label-pattern", &request.label_pattern, "images: where a file's name has its label: *_{label}.png",
              "P");
    words.add("--train", &request.train, "generators: training samples (20000)", "N");
    words.add("--test", &request.test, "generators: test samples (2000)", "N");
    words.add("--size", &request.size, "sprites: height and width (64)", "N");
    words.add("--dimensions", &request.dimensions, "made vectors: numbers of a row (16)", "D");
    words.add("--components", &request.components, "made vectors: of the mixture, or latent (4)", "K");
    words.add("--seed", &request.seed, "of generators and --split", "N").shows_value = true;
}

} // namespace

Words convert_words() {
    auto options = std::make_shared<ConvertOptions>();
    convert::Request& request = options->request;
    Words words;
    words.add("files", &options->words, "files, folders or a generator's name; the HDF5 file last", "SOURCE... OUT.h5")
        .required = true;
    words.add("--from", &request.format, "source format, where it is not recognised", "FORMAT");
    words.add("--split", &options->split, "divide the training data: train=0.9,validation=0.1", "A=F,..");
    words.add("--shuffle-seed", &request.shuffle_seed, "mix the items of a split", "N");
    words.add("--limit", &request.limit, "at most so many items of each part, the first ones", "N");
    words.add("--type", &options->type, "of x: uint8, float32 ... where its values allow that", "T");
    words.choose("--compress", &options->compress, "none or gzip (none)", "HOW", {"none", "gzip"});
    words.add("--stats", &request.stats, "keep mean, variance, min and max of each feature of x");
    words.add("--skip-bad", &request.skip_bad, "leave damaged items out, and name them");
    add_formats(words, *options);
    words.add("--force", &request.overwrite, "replace OUT.h5 where it exists");
    words.add("-q,--quiet", &options->quiet, "print nothing");
    words.footer = source_formats();
    words.given = &request.options;
    words.run = [options] { return convert(*options); };
    return words;
}

Words inspect_words() {
    auto options = std::make_shared<InspectOptions>();
    Words words;
    words.add("file", &options->file, "dataset (FILE.h5:/DATASET), checkpoint or configuration", "FILE").required =
        true;
    words.add("more", &options->rest, "files to be joined, or keys of a configuration as key=value", "MORE");
    words.add("--stats", &options->statistics, "mean, deviation, zeros ... of datasets, however large");
    words.add("--picture", &options->picture, "write a PNG of samples of the dataset", "FILE.png");
    words.add("--allow-external", &options->allow_external,
              "follow links out of a file's folder, load filters' plugins");
    words.add("--ranks", &options->ranks, "ranks on each node, for a configuration's memory (1)", "N").range = {
        1, 1 << 20};
    words.add("--nodes", &options->nodes, "nodes, for the same (1)", "N").range = {1, 1 << 14};
    words.run = [options] { return inspect(*options); };
    return words;
}

Words runs_words() {
    auto options = std::make_shared<RunsOptions>();
    Words words;
    words.add("folder", &options->folder, "folder that they are in, or below it", "FOLDER").shows_value = true;
    words.choose("--sort", &options->sort, "by " + joined(run_columns()), "COLUMN", run_columns()).shows_value = true;
    words.add("--reverse", &options->reverse, "the other way round");
    words.add("--json", &options->json, "print a list of objects rather than a table");
    words.run = [options] { return runs(*options); };
    return words;
}

namespace {

/// What `bench --scaling` is to predict.
void add_scaling(Words& words, ScalingOptions& options) {
    words.add("--scaling", &options.asked, "what a step costs on more nodes, by constants measured here");
    const auto add = [&](const char* flag, Place place, const char* meaning, const char* type) {
        words.add(flag, place, meaning, type).needs = "--scaling";
    };
    add("--nodes", &options.nodes, "of the cluster (1,2,4 ... 1024)", "N,..");
    add("--bandwidth", &options.bandwidths, "out of a node, Gb/s (as measured, or 25 and 200)", "G,..");
    add("--latency", &options.latency, "of a message, us (as measured, or 2; below 100 Gb/s 20)", "US");
    add("--ranks-per-node", &options.ranks, "ranks of a node (one for each core of this one)", "R");
    add("--cores", &options.cores, "cores of a node, if they are fewer than its ranks", "C");
    add("--memory", &options.memory, "what a node's memory moves, GB/s (no limit)", "G");
}

} // namespace

Words bench_words() {
    auto options = std::make_shared<ScalingOptions>();
    BenchOptions& own = options->bench;
    Words words;
    words.add("config", &own.configuration, "configuration, a YAML file", "CONFIG").required = true;
    words.add("overrides", &own.overrides, "keys set here, as for train", "key=value");
    words.add("--batch", &own.batch, "samples a step over all ranks", "N");
    words.choose("--precision", &own.precision, "of products and activations: fp32 or bf16", "P", {"fp32", "bf16"});
    words.add("--seconds", &own.seconds, "of measuring, after a warm-up (10)", "S");
    words.add("--json", &own.json, "write the figures as JSON; - is standard output", "FILE");
    add_scaling(words, *options);
    words.run = [options] { return options->asked ? scaling(*options) : bench(options->bench); };
    return words;
}

} // namespace elbo::commands
