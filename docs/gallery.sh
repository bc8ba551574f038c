#!/usr/bin/env bash
# Makes the pictures of README's gallery from scratch: data, two trainings in one process each, and a plain command a
# picture, into docs/gallery/. Words behind it go to every training: docs/gallery.sh training.epochs=1 tries it out.
# On a machine of the same kind the same bytes again. What is in data/ and finished in runs/ is taken as it is.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=launch/prepare.sh
. "$root/launch/prepare.sh"
find_elbo "$root"
program=$(realpath "$elbo")
export OMP_NUM_THREADS=1
elbo() { "$program" "$@"; }

# Pictures are made in a folder that looks like the project, and moved when all are there.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$root/data" "$root/runs" "$root/docs/gallery"
ln -s "$root/data" "$root/runs" "$root/configs" "$scratch"
cd "$scratch"

if ! [ -e data/sprites-32.h5 ]; then elbo convert sprites data/sprites-32.h5 --size 32 --train 60000; fi
elbo train configs/sprites-factors.yaml "$@"
elbo traverse runs/sprites-factors --sample 8 --dimensions 5 --range 1.5 -o sprites-traversal.png

if ! [ -e data/mnist.h5 ] && [ -d data/mnist ]; then elbo convert data/mnist data/mnist.h5; fi
if [ -e data/mnist.h5 ]; then
    elbo train configs/mnist.yaml "$@"
    elbo reconstruct runs/mnist -n 16 -o mnist-reconstructions.png
    elbo sample runs/mnist -n 42 --mean --from mixture:20 -o mnist-samples.png
    elbo interpolate runs/mnist --from 1 --to 11 --steps 12 --spherical -o mnist-interpolation.png
    elbo traverse runs/mnist --dimensions 5 -o mnist-traversal.png
    elbo restore runs/mnist --task denoise --noise 0.5 -n 10 --draws 1 -o mnist-denoised.png
    elbo restore runs/mnist --task superres --factor 4 -n 10 --draws 1 -o mnist-enlarged.png
    elbo restore runs/mnist --task inpaint --rectangle 0,0,14x28 -n 10 --draws 2 -o mnist-inpainted.png
else
    echo "gallery.sh: MNIST's pictures are left out: fetch its four files into data/mnist/ as data/README.md says" >&2
fi

mv ./*.png "$root/docs/gallery/"
du -b "$root"/docs/gallery/*.png
