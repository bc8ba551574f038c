// Words of the commands that ask a trained model.
#include "commands/commands.hpp"
#include "commands/words.hpp"

#include <memory>

namespace elbo::commands {
namespace {

/// Which trained model, and what data it is asked about.
void add_trained(Words& words, TrainedOptions& options) {
    words.add("run", &options.run, "a run's folder, or a checkpoint", "RUN").required = true;
    words.add("--checkpoint", &options.checkpoint, "of a run: best, latest or a step's number (best)", "WHICH");
    words.add("--data", &options.data, "FILE.h5 or FILE.h5:/DATASET (what the run validates with)", "DATA");
}

} // namespace

Words evaluate_words() {
    auto options = std::make_shared<EvaluateOptions>();
    Words words;
    add_trained(words, *options);
    words.add("--method", &options->method, "iwae: importance weights; ais: annealed chains (iwae)", "M");
    words.add("--samples", &options->draws, "draws of the posterior for each sample of the data (100; chains: 10)",
              "K");
    words.add("--steps", &options->steps, "ais: distributions from posterior to model (100)", "T");
    words.add("--gap", &options->gap, "how much of the variational gap is the encoder's, and how much the family's");
    words.add("--json", &options->json, "write the figures as JSON", "FILE");
    words.add("--per-sample", &options->per_sample, "write those of every sample, .h5 or .csv", "FILE");
    words.run = [options] { return evaluate(*options); };
    return words;
}

} // namespace elbo::commands
