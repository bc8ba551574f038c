#!/usr/bin/env bash
# Runs elbo with mpirun on this machine, a rank on each physical core.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: launch/local.sh [-n RANKS] COMMAND [ARGUMENT ...]
       launch/local.sh train configs/mnist.yaml
       launch/local.sh -n 4 train configs/mnist.yaml training.epochs=5

Runs "elbo COMMAND ARGUMENT ..." on RANKS ranks (default: the physical cores that this process may use).
Ctrl-C, TERM, HUP and USR1 reach the ranks as USR1 and stop the run, which goes on from its newest checkpoint when the
same command is given again; a second one kills.
ELBO: the program (default: build/elbo beside launch/); MPIRUN: the launcher (default: mpirun).
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=launch/prepare.sh
. "$here/prepare.sh"
# shellcheck source=launch/signals.sh
. "$here/signals.sh"

ranks=
while [ $# -gt 0 ]; do
    case $1 in
    -n)
        ranks=${2:-}
        shift $(($# > 1 ? 2 : 1))
        if ! [[ $ranks =~ ^[1-9][0-9]*$ ]]; then
            echo "local.sh: -n takes a number of ranks from 1, not '$ranks'" >&2
            exit 2
        fi
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) break ;;
    esac
done
if [ $# -eq 0 ]; then
    usage >&2
    exit 2
fi

elbo=${ELBO:-$(dirname "$here")/build/elbo}
mpirun=${MPIRUN:-mpirun}
if ! [ -x "$elbo" ]; then
    echo "local.sh: no program at $elbo: build it (launch/quickstart.sh does), or set ELBO" >&2
    exit 1
fi
if ! command -v "$mpirun" >/dev/null; then
    echo "local.sh: no $mpirun on PATH: install openmpi-bin, load the MPI module, or set MPIRUN" >&2
    exit 1
fi

cores=$(available_cores)
ranks=${ranks:-$cores}
options=()
version=$("$mpirun" --version 2>&1 || true)
if [[ $version =~ (Open MPI|OpenRTE|PRRTE) ]]; then
    if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
    if [ "$ranks" -gt "$cores" ]; then options+=(--oversubscribe); fi
    # Only a run that fills the machine is bound: mpirun counts from the first core, so that two smaller runs would
    # share it, and a rank's own threads (training.threads) would too.
    if [ "$ranks" -eq "$cores" ] && [ "$cores" -eq "$(physical_cores "$(cat /sys/devices/system/cpu/online)")" ]; then
        options+=(--bind-to core)
    else
        options+=(--bind-to none)
    fi
fi
# One machine needs no network: whatever its interfaces are like, nothing is asked of them.
export OMPI_MCA_btl=${OMPI_MCA_btl:-^tcp}
# One thread a rank; training.threads is set by the program itself.
export OMP_NUM_THREADS=1
run_and_pass_signals "$mpirun" "${options[@]}" -n "$ranks" "$elbo" "$@"
