# shellcheck shell=bash
# Runs mpirun so that a stop reaches the ranks in order. mpirun answers TERM and Ctrl-C by killing them a second later
# and loses their status, but passes USR1 on and keeps it. Sourced by local.sh and batch.sh.

# Runs a command of $elbo, turns the first TERM, INT, HUP or USR1 into USR1 for it and a second one into TERM. Returns its
# status; stopped_by is then the last signal's name, or empty.
run_and_pass_signals() {
    local command='' name signalled status stopping=stopping
    stopped_by=
    # Others than a training leave nothing to go on from.
    # shellcheck disable=SC2154  # find_elbo sets it
    if [[ " $* " == *" $elbo train "* ]]; then
        stopping="stopping; the same command goes on from the newest checkpoint"
    fi
    for name in TERM INT HUP USR1; do
        # shellcheck disable=SC2064  # the name is this turn's
        trap "signalled=yes; pass_signal_on $name" "$name"
    done
    # A process group of its own: a terminal sends Ctrl-C to every process of the foreground group, mpirun too.
    set -m
    "$@" </dev/null &
    command=$!
    set +m
    # One that came before there was a command.
    if [ -n "$stopped_by" ]; then kill -USR1 "$command" 2>/dev/null || true; fi
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

# Uses the variables and sets the stopped_by of run_and_pass_signals, in which it is called.
pass_signal_on() {
    local before=$stopped_by
    stopped_by=$1
    if [ -z "$before" ]; then
        echo "$stopping (once more: kills)" >&2
        kill -USR1 "$command" 2>/dev/null || true
    else
        kill -TERM "$command" 2>/dev/null || true
    fi
}
