# shellcheck shell=bash
# A training as a job of a batch system: run until it is done or stopped, then go on in the next job or say why not.
# Sourced by slurm.sbatch, array.sbatch and pbs.sh, which set `options`, what mpirun needs there.

# shellcheck source=launch/signals.sh
. launch/signals.sh

# shellcheck source=launch/prepare.sh
. launch/prepare.sh
find_elbo .
max_restarts=${MAX_RESTARTS:-100}

# The checkpoint that the run would go on from; nothing where there is none. The name holds the step.
newest_checkpoint() { readlink "$output/checkpoints/latest.h5" || true; }

# train_in_job CONFIG [key=value ...]: sets status, what mpirun ended with, and output, the run's folder.
train_in_job() {
    local argument
    for argument in "$@"; do
        if [ "$argument" = --fresh ]; then
            echo "--fresh would begin again after every restart: rename the old run, or set another output" >&2
            exit 2
        fi
    done
    # No MPI here: a mistake in the configuration ends the job before the hosts start anything.
    output=$("$elbo" train --print-output "$@")
    began_with=$(newest_checkpoint)
    status=0
    if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
    export OMP_NUM_THREADS=1
    # A host that went silent (a cable, a switch) ends mpirun after two minutes rather than eight.
    export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time:-60}
    export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl:-10}
    export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes:-6}
    run_and_pass_signals mpirun "${options[@]}" "$elbo" train "$@" || status=$?
}

# may_go_on RESTARTS: true where the run stopped early and another job should go on. Where it should not, says why; of a
# run that is done or failed elbo has told.
may_go_on() {
    case $status in
    75) ;;
    0 | 2 | 3) return 1 ;;
    # mpirun does not always pass the status on.
    *) grep -qs '"state": *"stopped early"' "$output/status.json" || return 1 ;;
    esac
    if [ -n "$stopped_by" ] && [ "$stopped_by" != USR1 ]; then
        # What scancel and qdel send: whoever ended the job does not want it back.
        echo "ended by $stopped_by, not started again; the same command goes on" >&2
    elif [ "$(newest_checkpoint)" = "$began_with" ]; then
        echo "not started again: no step since ${began_with:-the start}, ended with status $status" >&2
    elif [ "$1" -ge "$max_restarts" ]; then
        echo "not started again: restart $1 of at most MAX_RESTARTS=$max_restarts; the same command goes on" >&2
    else
        return 0
    fi
    return 1
}

# train_and_requeue CONFIG [key=value ...]: a Slurm job, or a task of an array, that puts itself back in the queue.
train_and_requeue() {
    local job=$SLURM_JOB_ID
    # The number of an array's last task is that of the whole array.
    if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
    # Those after failed nodes are Slurm's own and count too.
    if [ "${SLURM_RESTART_COUNT:-0}" -gt "$max_restarts" ]; then
        echo "restart $SLURM_RESTART_COUNT is more than MAX_RESTARTS=$max_restarts; the same command goes on" >&2
        exit 1
    fi
    train_in_job "$@"
    if may_go_on "${SLURM_RESTART_COUNT:-0}"; then
        echo "stopped at $(newest_checkpoint): back in the queue" >&2
        scontrol requeue "$job"
    fi
    exit "$status"
}

# The lines of a sweep that are a task's.
sweep_lines() { sed -E '/^[[:blank:]]*(#|$)/d' "$1"; }

# read_overrides FILE TASK: sets overrides to the words of the task's line. xargs knows quotes and runs nothing.
read_overrides() {
    local line words
    line=$(sweep_lines "$1" | sed -n "$2p")
    if [ -z "$line" ]; then
        echo "$1 has no line for task $2: sbatch --array=1-$(sweep_lines "$1" | wc -l)" >&2
        exit 2
    fi
    words=$(xargs printf '%s\n' <<<"$line")
    # shellcheck disable=SC2034  # array.sbatch reads it
    mapfile -t overrides <<<"$words"
}
