# shellcheck shell=bash
# Runs mpirun so that a stop reaches the ranks in order. mpirun answers TERM and Ctrl-C by killing them a second later and
# loses their status, but passes USR1 on and keeps it. Sourced by local.sh, slurm.sbatch and pbs.sh.

# Runs a command, turns the first TERM, INT, HUP or USR1 into USR1 for it and a second one into TERM. Returns its status.
run_and_pass_signals() {
    local command status signalled stops=1
    # A process group of its own: a terminal sends Ctrl-C to every process of the foreground group, mpirun too.
    set -m
    "$@" </dev/null &
    command=$!
    set +m
    trap 'signalled=yes; pass_signal_on "$command" "$stops"; stops=$((stops + 1))' TERM INT HUP USR1
    while :; do
        signalled=
        status=0
        wait "$command" || status=$?
        # A wait that a signal cut short has the signal's status; the next one has the command's.
        [ -n "$signalled" ] || break
    done
    trap - TERM INT HUP USR1
    return "$status"
}

pass_signal_on() {
    if [ "$2" -eq 1 ]; then
        echo "stopping; the same command goes on from the newest checkpoint (once more: kills)" >&2
        kill -USR1 "$1" 2>/dev/null
    else
        kill -TERM "$1" 2>/dev/null
    fi
}
