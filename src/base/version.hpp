// The version of elbo, as --version, checkpoints and converted files have it.
#pragma once

namespace elbo {

inline constexpr const char* version = "0.1.0";

} // namespace elbo
