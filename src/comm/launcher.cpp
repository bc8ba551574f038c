#include "comm/launcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace elbo::comm {
namespace {

struct Variables {
    const char *launcher, *size, *rank;
};

/// Where launchers say how many processes they started. A step's own count comes before its job's.
constexpr Variables launchers[] = {
    {"Slurm's srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
    {"Slurm's srun", "SLURM_NTASKS", "SLURM_PROCID"},
    {"another MPI's mpiexec", "PMI_SIZE", "PMI_RANK"},
    {"another MPI's mpiexec", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"},
    {"MVAPICH's mpirun", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},
    {"PALS's mpiexec", "PALS_SIZE", "PALS_RANKID"},
    {"Flux", "FLUX_JOB_SIZE", "FLUX_TASK_RANK"},
    {"a PMIx launcher", nullptr, "PMIX_RANK"},
};

std::optional<int> number_of(const char* variable) {
    const char* text = variable ? std::getenv(variable) : nullptr;
    if (!text) return std::nullopt;
    const std::string_view view = text;
    int value = 0;
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
    if (error != std::errc() || end != view.data() + view.size()) return std::nullopt;
    return value;
}

/// Whether a variable of the environment has a name that begins so.
bool environment_has(std::string_view beginning) {
    for (char** variable = environ; *variable; ++variable)
        if (std::string_view(*variable).starts_with(beginning)) return true;
    return false;
}

} // namespace

std::optional<Launch> find_launch(bool own) {
    const std::optional<int> own_size = number_of("OMPI_COMM_WORLD_SIZE");
    if (own_size) {
        if (!own || *own_size < 2) return std::nullopt;
        return Launch{"mpirun", fmt::format("OMPI_COMM_WORLD_SIZE={}", *own_size), *own_size,
                      number_of("OMPI_COMM_WORLD_RANK").value_or(0)};
    }
    // MPICH's mpiexec within a job knows better than the job's own variables.
    if (number_of("MPI_LOCALNRANKS") && number_of("PMI_SIZE") == 1) return std::nullopt;
    for (const auto& [launcher, size, rank] : launchers) {
        const std::optional<int> processes = number_of(size), place = number_of(rank);
        if (!place || (size && !processes)) continue;
        if (size && *processes < 2) return std::nullopt;
        if (!size && *place < 1) continue;
        return Launch{launcher, size ? fmt::format("{}={}", size, *processes) : fmt::format("{}={}", rank, *place),
                      processes.value_or(0), *place};
    }
    return std::nullopt;
}

std::optional<Launch> find_launch_without_pmi() {
    // A batch script, and what mpirun starts in a job, have no step's variables or mpirun's own.
    if (!number_of("SLURM_STEP_NUM_TASKS") || number_of("OMPI_COMM_WORLD_SIZE")) return std::nullopt;
    if (environment_has("PMI")) return std::nullopt; // PMI_RANK, PMI_FD, PMIX_RANK ...
    return find_launch(false);
}

void stand_alone_without_launcher() {
    for (const std::string_view launchers_own : {"PMI", "OMPI_COMM_WORLD", "SLURM_STEP"})
        if (environment_has(launchers_own)) return;
    if (find_launch(true)) return;
    ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    ::setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
}

} // namespace elbo::comm
