#!/usr/bin/env bash
# kill -9 of a random rank at a random moment: tests/faults/soak.sh N [FIRST]. N trials, several side by side, a line of
# progress every minute; stops at the first failure, with the seed that repeats it. ELBO: the program (build/elbo).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    echo "Usage: tests/faults/soak.sh N [FIRST]   N trials, with the seeds FIRST (default 1) to FIRST + N - 1" >&2
    exit 2
}
[[ ${1:-} =~ ^[1-9][0-9]{0,8}$ && ${2:-1} =~ ^[0-9]{1,8}$ && $# -le 2 ]] || usage
trials=$1
first=${2:-1}
workers=2 # processes, each with some trainings at once
each=10 # trials of a process

logs=$(mktemp -d "${TMPDIR:-/tmp}/elbo-soak-XXXXXX")
export PYTHONPATH=$here/../cli PYTHONDONTWRITEBYTECODE=1 ELBO_FAULT_TRIALS ELBO_FAULT_SEED ELBO_FAULT_TABLE
running=()
end_all() {
    for process in "${running[@]}"; do kill -- -"$process" 2>/dev/null || true; done
}
trap 'end_all; exit 130' INT TERM HUP

# work WORKER: every workers-th piece of the trials, one process after the other.
work() {
    local seed=$((first + $1 * each))
    while [ "$seed" -lt $((first + trials)) ]; do
        ELBO_FAULT_TRIALS=$((first + trials - seed < each ? first + trials - seed : each))
        ELBO_FAULT_SEED=$seed
        ELBO_FAULT_TABLE=$logs/table-$1
        python3 "$here/test_kill.py" >>"$logs/worker-$1" 2>&1 || return 1
        echo "$ELBO_FAULT_TRIALS" >>"$logs/done-$1"
        seed=$((seed + workers * each))
    done
}

done_trials() { cat "$logs"/done-* 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }'; }

began=$SECONDS
status=0
set -m # process groups of their own, that end with this script
for ((worker = 0; worker < workers; ++worker)); do
    work "$worker" &
    running+=($!)
done
(
    while sleep 60; do echo "$(done_trials) of $trials trials after $((SECONDS - began)) s"; done
) &
running+=($!)
set +m
left=("${running[@]:0:workers}")
while [ ${#left[@]} -gt 0 ] && [ "$status" -eq 0 ]; do
    # Whichever ends first: a failure stops the others.
    wait -n -p ended "${left[@]}" || status=1
    still=()
    for process in "${left[@]}"; do
        if [ "$process" != "$ended" ]; then still+=("$process"); fi
    done
    left=("${still[@]}")
done
end_all
if [ "$status" -ne 0 ]; then
    for log in "$logs"/worker-*; do
        seed=$(sed -n 's/.*trial ELBO_FAULT_SEED=//p' "$log" | tail -n 1)
        grep -q '^FAILED' "$log" || continue
        tail -n 60 "$log"
        echo "failed (logs: $logs); repeat by"
        echo "  PYTHONPATH=tests/cli ELBO_FAULT_TRIALS=1 ELBO_FAULT_SEED=$seed python3 tests/faults/test_kill.py"
    done
    exit 1
fi
python3 - "$logs" "$trials" $((SECONDS - began)) <<'PYTHON'
import json, pathlib, sys
rows = [json.loads(line) for path in pathlib.Path(sys.argv[1]).glob("table-*/kill.jsonl") for line in open(path)]
kills = sum(row["fault"].count("rank ") for row in rows)
assert len(rows) == int(sys.argv[2]), f"{len(rows)} of {sys.argv[2]} trials have told of themselves"
lost = [int(row["lost"].split()[0]) for row in rows]
seconds = sorted(row["seconds"] for row in rows)
print(f"{len(rows)} trials with {kills} kills in {sys.argv[3]} s: all finished with the same bits; the end came after "
      f"{seconds[len(seconds) // 2]:.2f} s (median), at most {seconds[-1]:.2f} s; "
      f"steps lost: {sum(lost) / len(lost):.0f} on average, at most {max(lost)}")
PYTHON
rm -rf "$logs"
