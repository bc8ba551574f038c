#!/usr/bin/env bash
# Trains with elbo under PBS, a rank on each core. From elbo's folder: qsub -v CONFIG=configs/mnist.yaml launch/pbs.sh
# The same command goes on from the newest checkpoint.
#PBS -N elbo
#PBS -l select=2:ncpus=32:mpiprocs=32
#PBS -l place=scatter:excl
#PBS -l walltime=04:00:00
#PBS -j oe
#PBS -r y
set -euo pipefail
cd "${PBS_O_WORKDIR:?is set by qsub: submit this file with qsub}"
# shellcheck source=launch/signals.sh
. launch/signals.sh

# PBS gives no notice before it kills: two minutes before walltime (keep both alike) this script asks the run to stop.
seconds=$((4 * 3600 - 120))

# module load openmpi hdf5 onednn   # whatever elbo was built with
export OMP_NUM_THREADS=1
options=()
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
# An Open MPI built for PBS knows the job's hosts; any other reads them from the list.
if [[ $(ompi_info 2>/dev/null || true) != *"ras: tm"* ]]; then options+=(--hostfile "$PBS_NODEFILE"); fi

(sleep "$seconds" && kill -USR1 $$) &
alarm=$!
status=0
run_and_pass_signals mpirun "${options[@]}" --bind-to core "${ELBO:-build/elbo}" train "${CONFIG:-configs/mnist.yaml}" ||
    status=$?
kill "$alarm" 2>/dev/null || true

# 75: stopped early with a checkpoint to resume from.
if [ "$status" -eq 75 ]; then qsub -v CONFIG="${CONFIG:-configs/mnist.yaml}" launch/pbs.sh; fi
exit "$status"
