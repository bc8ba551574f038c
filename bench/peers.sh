#!/usr/bin/env bash
# Training steps of VAEs on one core: elbo, PyTorch and JAX in turn, in one run; a Markdown table with ratios.
# bench/peers.sh [MODEL/BATCH/PRECISION ...]   e.g. mlp/128/fp32 iwae/20/bf16; without any, all of docs/performance.md.
# ELBO: the program (build/elbo). PEERS: a Python environment with torch, jax and optax (made in build/peers where it is
# not given). ROUNDS (3), SECONDS_EACH (4): how often each is measured in turn, and for how long.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

peers=${PEERS:-$root/build/peers}
if ! [ -x "$peers/bin/python" ]; then
    echo "making $peers: torch, jax and optax, about 1 GB" >&2
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet torch numpy jax optax
fi
export OMP_NUM_THREADS=1
ELBO=${ELBO:-$root/build/elbo} exec "$peers/bin/python" "$here/peers/compare.py" "$@"
