// Words of the commands that ask a trained model.
#include "commands/commands.hpp"
#include "commands/words.hpp"

#include <memory>

namespace elbo::commands {
namespace {

void add_run(Words& words, TrainedOptions& options) {
    words.add("run", &options.run, "a run's folder, or a checkpoint", "RUN").required = true;
}

void add_checkpoint(Words& words, TrainedOptions& options) {
    words.choose("--checkpoint", &options.checkpoint, "of a run: best, latest or a step's number (best)", "WHICH",
                 {"best", "latest"});
}

/// Which trained model, and what data it is asked about.
void add_trained(Words& words, TrainedOptions& options) {
    add_run(words, options);
    add_checkpoint(words, options);
    words.add("--data", &options.data, "FILE.h5 or FILE.h5:/DATASET (what the run validates with)", "DATA");
}

void add_output(Words& words, ImageOptions& options, bool required = true) {
    words.add("-o,--output", &options.output, "a picture (.png), or arrays (.npy, .h5)", "OUT").required = required;
    words.add("--force", &options.force, "replace OUT where it exists");
}

} // namespace

Words evaluate_words() {
    auto options = std::make_shared<EvaluateOptions>();
    Words words;
    add_trained(words, *options);
    words.choose("--method", &options->method, "iwae: importance weights; ais: annealed chains (iwae)", "M",
                 {"iwae", "ais"});
    words.add("--samples", &options->draws, "draws of the posterior for each sample (100; chains: 10)", "K");
    words.add("--steps", &options->steps, "ais: distributions from posterior to model (100)", "T");
    words.add("--gap", &options->gap, "which part of the gap is the encoder's, which the family's");
    words.add("--features", &options->features, "feature distances, by a classifier of the training labels");
    words.add("--labels", &options->labels, "for it, FILE.h5:/DATASET (data.labels, else y)", "L");
    words.add("--json", &options->json, "write the figures as JSON", "FILE");
    words.add("--per-sample", &options->per_sample, "write those of every sample, .h5 or .csv", "FILE");
    words.run = [options] { return evaluate(*options); };
    return words;
}

Words reconstruct_words() {
    auto options = std::make_shared<ReconstructOptions>();
    Words words;
    add_trained(words, *options);
    add_output(words, *options);
    words.add("-n,--number", &options->samples, "how many samples (32)", "N");
    words.add("--from", &options->from, "number of the first one (0)", "I");
    words.run = [options] { return reconstruct(*options); };
    return words;
}

Words interpolate_words() {
    auto options = std::make_shared<InterpolateOptions>();
    Words words;
    add_trained(words, *options);
    add_output(words, *options);
    words.add("--from", &options->from, "number of the sample to begin with", "I").required = true;
    words.add("--to", &options->to, "number of the sample to end with", "J").required = true;
    words.add("--steps", &options->steps, "codes on the way, with both ends (10)", "N");
    words.add("--spherical", &options->spherical, "along a great circle rather than a line");
    words.run = [options] { return interpolate(*options); };
    return words;
}

Words traverse_words() {
    auto options = std::make_shared<TraverseOptions>();
    Words words;
    add_trained(words, *options);
    add_output(words, *options);
    words.add("--sample", &options->sample, "number of the sample whose code is changed (0)", "I");
    words.add("--range", &options->range, "values go from -R to R, in the prior's deviations (3)", "R");
    words.add("--steps", &options->steps, "values of each dimension (9)", "N");
    words.add("--dimensions", &options->dimensions, "how many, those of the largest KL first (10)", "N");
    words.run = [options] { return traverse(*options); };
    return words;
}

Words restore_words() {
    auto options = std::make_shared<RestoreOptions>();
    Words words;
    add_trained(words, *options);
    words
        .choose("--task", &options->task, "denoise, inpaint, superres or mask", "TASK",
                {"denoise", "inpaint", "superres", "mask"})
        .required = true;
    words.add("--noise", &options->noise, "denoise: the noise's deviation (0.5)", "SIGMA");
    words.add("--rectangle", &options->rectangle, "inpaint: what is hidden, TOP,LEFT,HEIGHTxWIDTH", "R");
    words.add("--factor", &options->factor, "superres: sides of the squares whose means are observed (4)", "F");
    words.add("--mask", &options->mask, "mask: a PNG or .npy that is 0 where images are hidden", "FILE");
    words.add("-n,--number", &options->samples, "how many samples (16)", "N");
    words.add("--from", &options->from, "number of the first one (0)", "I");
    words.add("--steps", &options->steps, "of fitting a posterior to what is observed (500)", "N");
    words.add("--draws", &options->draws, "of what may be there (4)", "N");
    words.add("--seed", &options->seed, "of noise and draws (the run's)", "N");
    words.add("--json", &options->json, "write the figures as JSON", "FILE");
    add_output(words, *options, false);
    words.run = [options] { return restore(*options); };
    return words;
}

Words probe_words() {
    auto options = std::make_shared<ProbeOptions>();
    Words words;
    add_run(words, *options);
    add_checkpoint(words, *options);
    words.add("--data", &options->data, "FILE.h5 or FILE.h5:/DATASET (what the run was trained with)", "DATA");
    words.add("--labels", &options->labels, "FILE.h5:/DATASET of classes or factors (data.labels, else y)", "L");
    words.add("--held-out-labels", &options->held_out_labels, "of the samples held out, a dataset of their own", "L");
    words.add("--held-out", &options->held_out, "fraction held out of one dataset that is divided (0.2)", "F");
    words.add("--samples", &options->most, "to fit to, and to try on, at most (100000)", "N");
    words.add("--json", &options->json, "write the figures as JSON", "FILE");
    words.run = [options] { return probe(*options); };
    return words;
}

Words sample_words() {
    auto options = std::make_shared<SampleOptions>();
    Words words;
    add_trained(words, *options);
    words.add("-n,--number", &options->samples, "of samples", "N").shows_value = true;
    words
        .choose("--from", &options->from, "codes: prior, posterior (of data) or mixture:K", "SOURCE",
                {"prior", "posterior"})
        .shows_value = true;
    words.add("--temperature", &options->temperature, "a factor on the codes' deviations", "T").shows_value = true;
    words.add("--mean", &options->mean, "the mean of p(x | z) rather than a draw of it");
    words.add("--as-stored", &options->as_stored, "values as the data holds them, not as the model sees them");
    words.add("--seed", &options->seed, "of all draws (the run's)", "N");
    words.add("-o,--output", &options->output, "FILE.png (a grid), FOLDER/, FILE.npy, FILE.h5 (RUN-prior.png)", "OUT");
    words.add("--force", &options->replace, "replace OUT where it exists");
    words.run = [options] { return sample(*options); };
    return words;
}

Words encode_words() {
    auto options = std::make_shared<EncodeOptions>();
    Words words;
    add_run(words, *options);
    words.add("data", &options->data, "FILE.h5 or FILE.h5:/DATASET", "DATA").required = true;
    words.add("output", &options->output, "FILE.h5, or FILE.npy for the means alone", "OUT").required = true;
    add_checkpoint(words, *options);
    words
        .choose("--posterior", &options->posterior, "q (the encoder's), importance (weighed draws) or hmc (chains)",
                "P", {"q", "importance", "hmc"})
        .shows_value = true;
    words.add("--draws", &options->draws, "z of each sample that are written (1); 0: none", "N");
    words.add("--samples", &options->candidates, "importance: weighed draws of q; hmc: moves of a chain (100)", "K");
    words.add("--seed", &options->seed, "of all draws (the run's)", "N");
    words.add("--force", &options->replace, "replace OUT where it exists");
    words.run = [options] { return encode(*options); };
    return words;
}

Words export_words() {
    auto options = std::make_shared<ExportOptions>();
    Words words;
    add_run(words, *options);
    add_checkpoint(words, *options);
    words.add("-o,--output", &options->output, "folder for encoder.onnx and decoder.onnx", "FOLDER").required = true;
    words.choose("--format", &options->format, "onnx, the only one today (onnx)", "FORMAT", {"onnx"});
    words.add("--force", &options->force, "replace files that are there");
    words.run = [options] { return export_model(*options); };
    return words;
}

Words report_words() {
    auto options = std::make_shared<ReportOptions>();
    Words words;
    words.add("runs", &options->runs, "runs' folders, shown beside each other", "RUN...").required = true;
    words.add("-o,--output", &options->output, "the page, one HTML file (RUN-report.html)", "FILE");
    words.add("--force", &options->force, "replace FILE where it exists");
    words.run = [options] { return report_runs(*options); };
    return words;
}

} // namespace elbo::commands
