"""`elbo export`: files that onnxruntime runs to the figures of the training, the same bytes from anywhere, and refusals."""
import os
import subprocess
import unittest

import elbo_cli

# Behind the two files: KL (Kingma & Welling 2014, appendix B) and cross-entropy of the validation samples at the mean.
FIGURES = """
import numpy, onnxruntime, sys
encoder, decoder = (onnxruntime.InferenceSession(f"out/{name}.onnx") for name in ("encoder", "decoder"))
x = numpy.load("x.npy").astype(numpy.float32) / 255
mean, log_variance = encoder.run(None, {"x": x})
p = decoder.run(["mean"], {"z": mean})[0]
assert p.shape == x.shape, p.shape
notes = encoder.get_modelmeta().custom_metadata_map
assert notes["latent"] == "4" and "255" in notes["data.scale"] and notes["sample"].startswith("8 x 8 "), notes
print((numpy.exp(log_variance) + mean ** 2 - 1 - log_variance).sum() / 2 / len(x),
      (x * numpy.log(p) + (1 - x) * numpy.log(1 - p)).sum() / len(x))
"""


def built_with_onnx():
    """False for a program without libonnx, which says so before it looks at anything."""
    said = elbo_cli.run(["export", "nowhere", "-o", "out"], expect=2).err
    return "was built without libonnx" not in said


def python_with_onnxruntime():
    return os.environ.get("ELBO_ONNX_PYTHON") or str(elbo_cli.ROOT / "build/wheels/onnxruntime/bin/python")


class Export(elbo_cli.PreparedCase):
    def prepare(self):
        if not built_with_onnx():
            self.skipTest("built without libonnx (Debian: libonnx-dev)")
        self.elbo("train", self.small_run())

    def written(self, folder="out"):
        return [(self.folder / folder / name).read_bytes() for name in ("encoder.onnx", "decoder.onnx")]

    def refused(self, *arguments, **options):
        said = self.elbo("export", *arguments, expect=2, **options)
        self.assertEqual(said.out, "")
        return said.err

    def test_the_same_bytes_from_a_run_a_file_and_ranks(self):
        said = self.elbo("export", "runs/small", "-o", "out").out
        self.assertIn("after epoch 2", said)
        self.assertIn("out/encoder.onnx", said)
        self.elbo("export", "runs/small/checkpoints/best.h5", "--format", "onnx", "-o", "deep/er/out")
        self.elbo("export", "runs/small", "-o", "ranks", ranks=3)
        self.assertEqual(self.written(), self.written("deep/er/out"))
        self.assertEqual(self.written(), self.written("ranks"))
        self.elbo("export", "runs/small", "--checkpoint", 4, "-o", "first")
        self.assertNotEqual(self.written(), self.written("first"))

    def test_wrong_input_is_refused(self):
        self.assertIn("--format torch: expected onnx", self.refused("runs/small", "-o", "out", "--format", "torch"))
        self.assertIn("no such run", self.refused("runs/none", "-o", "out"))
        self.elbo("export", "runs/small", "-o", "out")
        before, files = self.written(), self.files()
        for ranks in (None, 2):
            self.assertIn("out/encoder.onnx: exists; --force replaces it",
                          self.refused("runs/small", "-o", "out", "--checkpoint", 4, ranks=ranks))
        self.assertEqual(self.written(), before)
        self.elbo("export", "runs/small", "-o", "out", "--checkpoint", 4, "--force")
        self.assertNotEqual(self.written(), before)
        self.assertIn("small.yaml: is no folder", self.refused("runs/small", "-o", "small.yaml"))
        damaged = self.folder / "runs/small/checkpoints/step-00000008.h5"
        damaged.write_bytes(damaged.read_bytes()[:-100])
        self.assertIn("step-00000008.h5", self.refused("runs/small", "--checkpoint", "latest", "-o", "other"))
        self.assertEqual(self.files(), files)

    def test_onnxruntime_comes_to_the_figures_of_the_training(self):
        python, arrays = python_with_onnxruntime(), elbo_cli.python_with("h5py", "numpy")
        if arrays is None or not os.path.exists(python):
            self.skipTest(f"no onnxruntime at {python} (tests/run.sh gets it), or no h5py")
        self.elbo("export", "runs/small", "-o", "out")
        subprocess.run([arrays, "-c", "import h5py, numpy; numpy.save('x.npy', h5py.File('sprites.h5')['/test/x'][()])"],
                       cwd=self.folder, check=True)
        finished = subprocess.run([python, "-c", FIGURES], cwd=self.folder, capture_output=True, encoding="utf-8",
                                  check=False)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        kl, reconstruction = map(float, finished.stdout.split())
        logged = max(elbo_cli.metrics(self.folder / "runs/small", "validation"), key=lambda line: line["elbo"])
        # The same formula on the same numbers, in other orders of single precision.
        self.assertAlmostEqual(kl, logged["kl"], delta=1e-4 * (1 + abs(logged["kl"])))
        # Decoded from the posterior's mean instead of a sample: close, and rarely worse.
        self.assertAlmostEqual(reconstruction, logged["reconstruction"], delta=0.1 * abs(logged["reconstruction"]))


if __name__ == "__main__":
    unittest.main()
