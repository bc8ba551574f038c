// Labels that are one number a sample, as classes.
#pragma once

#include "training/probe_data.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace elbo::commands {

/// What the classes are, and each sample's as its place among them.
struct Classes {
    std::vector<double> values; ///< ascending
    std::vector<std::uint32_t> fit, held_out;
    std::size_t unseen = 0; ///< of the samples held out, those of classes that no sample to fit to has
};

/// Nothing may be held out. Throws InputError where labels are no classes, or a single one.
Classes classes_of(const training::ProbeData& data);

} // namespace elbo::commands
