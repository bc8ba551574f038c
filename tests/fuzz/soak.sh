#!/usr/bin/env bash
# Runs the fuzz targets for so many seconds each (an hour), one after the other, or those that are named.
# Usage: tests/fuzz/soak.sh [SECONDS [TARGET...]]
# What they find is kept in build/fuzz/found/; new inputs that reach new code stay in build/fuzz/corpus/ between runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-3600}
if [ $# -gt 0 ]; then shift; fi
build=build/fuzz

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
cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]/#/fuzz_}"

mkdir -p "$build/found"
for target in "${targets[@]}"; do
    mkdir -p "$build/corpus/$target"
    echo "fuzz_$target: $seconds s"
    # malloc_limit_mb: no header may make it take memory for what the file does not hold.
    "$build/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$build/found/$target-" "$build/corpus/$target" \
        "tests/fuzz/corpus/$target" 2>&1 | tail -n 12
done
