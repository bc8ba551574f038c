#!/usr/bin/env bash
# Trains with elbo under PBS, a rank on each core. From elbo's folder: qsub -v CONFIG=configs/mnist.yaml launch/pbs.sh
# The same command goes on from the newest checkpoint; a job that was stopped before its walltime, or by
# training.time_limit, submits its successor. qdel ends it for good.
#PBS -N elbo
#PBS -l select=2:ncpus=32:mpiprocs=32
#PBS -l place=scatter:excl
#PBS -l walltime=04:00:00
#PBS -j oe
#PBS -r y
set -euo pipefail
cd "${PBS_O_WORKDIR:?is set by qsub: submit this file with qsub}"
# shellcheck source=launch/batch.sh
. launch/batch.sh

# PBS gives no notice before it kills: two minutes before walltime (keep both alike) this script asks the run to stop.
seconds=$((4 * 3600 - 120))

# module load openmpi hdf5 onednn   # whatever elbo was built with
# export OMPI_MCA_btl_tcp_if_include=10.0.0.0/24   # where nodes have several networks: docs/clusters.md
options=(--bind-to core)
# With training.threads=4: mpiprocs a fourth of ncpus, and options=(--bind-to core --map-by slot:PE=4).
# An Open MPI built for PBS knows the job's hosts; any other reads them from the list.
if [[ $(ompi_info 2>/dev/null || true) != *"ras: tm"* ]]; then options+=(--hostfile "$PBS_NODEFILE"); fi

config=${CONFIG:-configs/mnist.yaml}
# "-r y" starts a job again after a node failed; after a stop a new job is submitted, since qrerun is an operator's.
restarts=${RESTARTS:-0}
# A process group of its own, so that the sleep ends with this script.
set -m
(sleep "$seconds" && kill -USR1 $$) >/dev/null 2>&1 &
alarm=$!
set +m
trap 'kill -- -"$alarm" 2>/dev/null || true' EXIT
train_in_job "$config"
if may_go_on "$restarts"; then qsub -v "CONFIG=$config,RESTARTS=$((restarts + 1))" launch/pbs.sh; fi
exit "$status"
