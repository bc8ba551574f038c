// What the generators have in common.
#pragma once

#include "convert/convert.hpp"

#include <vector>

namespace elbo::convert {

/// Parts train and, unless none is asked for, test with these fields. Throws InputError where no sample is asked for,
/// or several generators at once.
std::vector<Part> generated_parts(const Request& request, const std::vector<Field>& fields);

} // namespace elbo::convert
