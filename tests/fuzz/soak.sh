#!/usr/bin/env bash
# Runs the fuzz targets for so many seconds each (an hour), as many at a time as there are cores, or those that are named.
# Usage: tests/fuzz/soak.sh [SECONDS [TARGET...]]
# What they find is kept in build/fuzz/found/; new inputs that reach new code stay in build/fuzz/corpus/ between runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=launch/prepare.sh
. launch/prepare.sh
seconds=${1:-3600}
if [ $# -gt 0 ]; then shift; fi
build=build/fuzz
cores=$(available_cores)

if ! [ -e "$build/CMakeCache.txt" ]; then
    cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DELBO_FUZZ=ON -DELBO_TESTS=OFF -DCMAKE_C_COMPILER=clang \
        -DCMAKE_CXX_COMPILER=clang++
fi
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in tests/fuzz/*.cpp; do
        name=${source##*/}
        targets+=("${name%.cpp}")
    done
fi
cmake --build "$build" --parallel "$cores" --target "${targets[@]/#/fuzz_}"

mkdir -p "$build/found"
fuzz() {
    local target=$1 said status=0
    mkdir -p "$build/corpus/$target"
    # malloc_limit_mb: no header may make it take memory for what the file does not hold.
    said=$("$build/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="$build/found/$target-" "$build/corpus/$target" \
        "tests/fuzz/corpus/$target" 2>&1 | tail -n 12) || status=$?
    printf 'fuzz_%s: %s s\n%s\n' "$target" "$seconds" "$said"
    return "$status"
}

# The first that finds something ends all. Each is a process group of its own.
end_all() {
    local group
    for group in $(jobs -p); do kill -- "-$group"; done
}
trap end_all EXIT
running=0
for target in "${targets[@]}"; do
    if [ "$running" -eq "$cores" ]; then
        wait -n
        running=$((running - 1))
    fi
    set -m
    fuzz "$target" &
    set +m
    running=$((running + 1))
done
for (( ; running > 0; --running)); do wait -n; done
