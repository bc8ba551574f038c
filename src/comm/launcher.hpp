// Who started this process: what launchers leave in the environment.
#pragma once

#include <optional>
#include <string>

namespace elbo::comm {

/// What the environment says of a launcher: how many processes it started (0: unknown) and which one this is.
struct Launch {
    std::string launcher, evidence; ///< "Slurm's srun", "SLURM_NTASKS=4"
    int size = 0, rank = 0;
};

/// The launcher that says that this is one of several processes, or none. `own`: Open MPI's own mpirun counts too.
std::optional<Launch> find_launch(bool own);

/// Slurm's srun, where it started several processes and gave them no PMI (--mpi=none): Open MPI would end them inside
/// MPI_Init, with pages about how it was built.
std::optional<Launch> find_launch_without_pmi();

/// To be called before MPI_Init. Where no launcher started this process, Open MPI gets no daemon beside it and no
/// folder in TMPDIR: the folder is the host's, and whichever run ends first would remove it while another begins. What
/// the environment already says of these two stays.
void stand_alone_without_launcher();

} // namespace elbo::comm
