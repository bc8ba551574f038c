// What every conversion has in common: items of a source, in pieces that ranks share, become rows of splits.
#pragma once

#include "convert/convert.hpp"

#include <memory>
#include <vector>

namespace elbo::convert {

/// Writes everything of a source to request.output; with --skip-bad it is opened and read twice. Collective.
void write_items(const Request& request, const Format& format, std::unique_ptr<Source> source, const Progress& progress,
                 const Skipped& skipped, const comm::Communicator& world);

} // namespace elbo::convert
