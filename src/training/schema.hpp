// The tables of layers, likelihoods, optimisers and schedules, handed down to the configuration as its schema.
#pragma once

#include "config/schema.hpp"

namespace elbo::training {

const config::Schema& schema();

} // namespace elbo::training
