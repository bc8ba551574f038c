// What the parts of `elbo probe` share: the data, what the model makes of it, and where figures go.
#pragma once

#include "commands/asked.hpp"
#include "commands/classes.hpp"
#include "commands/shared_rows.hpp"
#include "report/records.hpp"
#include "report/terminal.hpp"
#include "training/probe_data.hpp"

#include <string>
#include <vector>

namespace elbo::commands {

/// Of the samples to fit to, and of those held out.
struct Features {
    std::string name; ///< "codes, 20 posterior means"
    SharedRows fit, held_out;
};

struct Probing {
    AskedModel& asked;
    report::Terminal& terminal;
    const training::ProbeData& data;
    const Features &pixels, &codes;
    report::Fields& fields; ///< rank 0's figures for --json

    const comm::Communicator& world() const { return asked.world; }
};

/// Classification from codes, principal components and the samples themselves.
void probe_classes(const Probing& probing, const Classes& classes);

/// Labels that are several numbers a sample, without those that never change.
struct KnownFactors {
    std::vector<std::string> names, constant; ///< of those that change, and of the others
    std::vector<double> fit, held_out;        ///< [samples, names]
};

/// Throws InputError where there are fewer than two that change.
KnownFactors factors_of(const training::ProbeData& data);

/// How the factors show in the codes.
void probe_factors(const Probing& probing, const KnownFactors& factors);

} // namespace elbo::commands
