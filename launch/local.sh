#!/usr/bin/env bash
# Runs elbo with mpirun on this machine, a rank on each physical core.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: launch/local.sh [-n RANKS] [--retries N] COMMAND [ARGUMENT ...]
       launch/local.sh train configs/mnist.yaml
       launch/local.sh -n 4 --retries 3 train configs/mnist.yaml seed=2

Runs "elbo COMMAND ARGUMENT ..." with mpirun on this machine.

  -n RANKS      so many ranks (default: one on each physical core that this
                process may use)
  --retries N   after a failure (a killed rank, a lost process) the same command
                again, up to N times (default 0): a training goes on from its
                newest checkpoint. Not after wrong input (status 2), a diverged
                training (3) or a stop (75). Not together with --fresh, which
                would begin again each time.
  -h, --help    this text

The first Ctrl-C, TERM, HUP or USR1 reaches the ranks as USR1: those of a
training save a checkpoint, and the script ends with 75. The same command then
goes on from it. A second signal kills.

ELBO: the program (default: build/elbo beside launch/, or elbo on PATH);
MPIRUN: the launcher (default: mpirun).
Status: that of elbo: 0 done, 1 failed, 2 the input is wrong, 3 diverged,
75 stopped early; of a killed run, mpirun's.
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=launch/prepare.sh
. "$here/prepare.sh"
# shellcheck source=launch/signals.sh
. "$here/signals.sh"

# number OPTION LEAST VALUE: VALUE where it is a number from LEAST.
number() {
    if ! [[ $3 =~ ^(0|[1-9][0-9]{0,8})$ ]] || [ "$3" -lt "$2" ]; then
        echo "local.sh: $1 takes a number from $2, not '$3'" >&2
        exit 2
    fi
    echo "$3"
}

ranks=
retries=0
while [ $# -gt 0 ]; do
    case $1 in
    -n) ranks=$(number -n 1 "${2:-}") ;;
    --retries) retries=$(number --retries 0 "${2:-}") ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) break ;;
    esac
    shift 2
done
if [ $# -eq 0 ]; then
    usage >&2
    exit 2
fi
if [ "$retries" -gt 0 ] && [[ " $* " == *" --fresh "* ]]; then
    echo "local.sh: --retries with --fresh would begin again after each failure: rename the old run instead" >&2
    exit 2
fi

find_elbo "$(dirname "$here")"
mpirun=${MPIRUN:-mpirun}
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

goes_on=begins
if [ "$1" = train ]; then goes_on="goes on from the newest checkpoint"; fi
attempt=1
while :; do
    status=0
    run_and_pass_signals "$mpirun" "${options[@]}" -n "$ranks" "$elbo" "$@" || status=$?
    case $status in 0 | 2 | 3 | 75) break ;; esac
    if [ -n "$stopped_by" ] || [ "$attempt" -gt "$retries" ]; then break; fi
    # What killed a rank, say a machine short of memory, may need a moment to pass.
    wait=$((2 * attempt < 60 ? 2 * attempt : 60))
    echo "local.sh: attempt $attempt of $((retries + 1)) ended with status $status; the next one $goes_on in $wait s" >&2
    sleep "$wait"
    attempt=$((attempt + 1))
done
exit "$status"
