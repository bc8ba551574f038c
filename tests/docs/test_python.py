"""The Python of README.md runs as it stands, on a small run under the page's names.

Needs onnxruntime and h5py, which tests/run.sh puts into build/wheels/onnxruntime (or ELBO_ONNX_PYTHON names a Python that has
them).
"""
import re
import subprocess
import unittest

import elbo_cli
import pages

CONFIGURATION = elbo_cli.CONFIGURATION.replace("runs/small", "runs/mnist").replace("sprites.h5", "data/mnist.h5")

# Behind the page's first block: what it has come to.
SHAPES = """
assert x.shape == reconstructions.shape == samples.shape == (8, 8, 8), (x.shape, reconstructions.shape, samples.shape)
assert 0 <= reconstructions.min() and reconstructions.max() <= 1
assert abs(reconstructions - x).mean() < abs(samples[::-1] - x).mean() + 0.5
"""


class Readme(elbo_cli.Case):
    def test_its_python_runs(self):
        python = pages.onnx_python()
        if python is None:
            self.skipTest("no onnxruntime (tests/run.sh gets it; or ELBO_ONNX_PYTHON), or no libonnx in elbo")
        (self.folder / "data").mkdir()
        elbo_cli.sprites(self.folder / "data/mnist.h5")
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        self.elbo("train", "small.yaml")
        self.elbo("export", "runs/mnist", "-o", "runs/mnist/onnx")
        page = (elbo_cli.ROOT / "README.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
        self.assertEqual(len(blocks), 2)
        for code, behind in zip(blocks, (SHAPES, "")):
            finished = subprocess.run([python, "-c", code + behind], cwd=self.folder, capture_output=True,
                                      encoding="utf-8", check=False)
            self.assertEqual(finished.returncode, 0, finished.stderr)
        for text in ("latent: 4", "after epoch 2, validation ELBO -", "encoder/mean/weight (4, 16)",
                     "decoder/output/bias (64,)"):
            self.assertIn(text, finished.stdout)


if __name__ == "__main__":
    unittest.main()
