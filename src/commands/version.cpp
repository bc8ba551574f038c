// `elbo --version`: elbo's own version and those of what it stands on.
#include "base/version.hpp"

#include "comm/communicator.hpp"
#include "commands/commands.hpp"
#include "numerics/matmul.hpp"
#include "storage/dataset.hpp"

#include <fmt/format.h>

namespace elbo::commands {

std::string version_text() {
    return fmt::format("elbo {}\n{}, {}\n{}\n{}", version, matmul_library_version(), matmul_instruction_set(),
                       comm::mpi_version(), storage::hdf5_version());
}

} // namespace elbo::commands
