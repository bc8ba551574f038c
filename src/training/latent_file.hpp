// latents.h5 of a run: what its best model makes of the first validation samples, so that their codes can be looked at
// without the data.
#pragma once

#include "config/config.hpp"
#include "data/label_values.hpp"
#include "training/monitor.hpp"
#include "training/run_folder.hpp"
#include "training/trainer.hpp"

#include <optional>

namespace elbo::training {

class LatentFile {
public:
    LatentFile(const comm::Communicator& world, const config::Config& config, const RunPaths& paths, Trainer& trainer,
               Monitor& monitor)
        : world_(world), config_(config), paths_(paths), trainer_(trainer), monitor_(monitor) {}

    /// After a validation whose model will be the best checkpoint's, epochs of it included in the state. Collective.
    void write(Validation validation);

private:
    void write_file(const Validation& validation);
    /// Labels of the samples whose means are kept, where they are named or lie beside them.
    std::optional<data::LabelValues> find_labels(std::size_t samples) const;

    const comm::Communicator& world_;
    const config::Config& config_;
    RunPaths paths_;
    Trainer& trainer_;
    Monitor& monitor_;
    bool looked_ = false;                     ///< for labels
    std::optional<data::LabelValues> labels_; ///< rank 0's
};

} // namespace elbo::training
