#!/usr/bin/env bash
# From an empty Debian or Ubuntu machine to a trained model: packages, build, data, training. Safe to run again.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: launch/quickstart.sh

From an empty Debian or Ubuntu machine to a trained model, in four steps:
  1. packages that are missing are installed (as root, or by sudo)
  2. elbo is built in build/
  3. data/sprites.h5 is made, 64x64 pictures of simple shapes
  4. configs/sprites.yaml is trained on all cores, into runs/sprites
Safe to run again: what is there already is used, and a training that was
stopped goes on.
TEXT
}

case "$*" in
'') ;;
-h | --help)
    usage
    exit 0
    ;;
*)
    usage >&2
    echo "quickstart.sh: takes no arguments, found: $*" >&2
    exit 2
    ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=launch/prepare.sh
. launch/prepare.sh

# Runs a command with its output in a log; shows the log's end where it fails.
quietly() {
    local log=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "failed: $* (everything it said: $log)" >&2
        exit 1
    fi
}

# The ELBO of the first or last (head, tail) validation line of metrics.jsonl.
validation_elbo() {
    local elbo
    elbo=$(grep '"kind":"validation"' runs/sprites/metrics.jsonl | "$1" -n 1 | sed -E 's/.*"elbo":([^,}]+).*/\1/')
    LC_ALL=C printf '%.1f' "$elbo"
}

echo "1/4 packages"
prepare_machine "$PWD" -DELBO_TESTS=OFF "${build_packages[@]}"

echo "2/4 build into build/"
mkdir -p build
generator=()
if command -v ninja >/dev/null && ! [ -e build/CMakeCache.txt ]; then generator=(-G Ninja); fi
quietly build/quickstart.log cmake -S . -B build "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DELBO_TESTS=OFF
quietly build/quickstart.log cmake --build build --parallel "$(available_cores)" --target elbo

echo "3/4 dataset data/sprites.h5"
if ! [ -e data/sprites.h5 ]; then build/elbo convert sprites data/sprites.h5; fi

echo "4/4 training configs/sprites.yaml"
launch/local.sh train configs/sprites.yaml

newest=$(find runs/sprites/samples -name 'epoch-*.png' | sort | tail -n 1)
cat <<TEXT

Done. The model learnt 64x64 pictures of simple shapes: the ELBO of pictures that it was not trained on
rose from $(validation_elbo head) after the first epoch to $(validation_elbo tail) nats.
  ${newest:-runs/sprites/samples}   inputs above their reconstructions, then pictures made from nothing
  runs/sprites/metrics.jsonl   every figure, a line each
  runs/sprites/checkpoints/best.h5   the model (docs/files.md says how to read it)
Next: configs/ holds more models, README.md trains one on MNIST.
TEXT
