"""The Python of docs/files.md reads a checkpoint as it says: its posterior has the KL that training logged.

The page's code runs as it stands, on a small run with two dense layers a side. Where PyTorch is not installed, a stand-in of
its few functions by NumPy takes its place. Needs h5py, which the interpreter of the system may have when another is first.
"""
import re
import subprocess
import unittest

import elbo_cli

CONFIGURATION = """\
output: runs/mnist
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x"}
model:
  latent: 4
  encoder: [{dense: 32}, {dense: 16}]
  decoder: [{dense: 16}, {dense: 32}]
  activation: relu
  likelihood: bernoulli
training: {epochs: 3, batch: 20}
"""

STAND_IN = '''
import types
import numpy

class Linear:
    def __init__(self, columns, rows):
        self.shape = (rows, columns)
    def load_state_dict(self, state):
        self.weight, self.bias = state["weight"], state["bias"]
        assert self.weight.shape == self.shape and self.bias.shape == self.shape[:1]
    def __call__(self, x):
        return x @ self.weight.T + self.bias

torch = types.ModuleType("torch")
torch.nn = types.SimpleNamespace(Linear=Linear)
torch.from_numpy = lambda array: array
torch.relu = lambda x: numpy.maximum(x, 0)
torch.sigmoid = lambda x: 1 / (1 + numpy.exp(-x))
torch.clamp = lambda x, min: numpy.maximum(x, min)
torch.abs, torch.sign, torch.log1p, torch.where = numpy.abs, numpy.sign, numpy.log1p, numpy.where
try:
    import torch
except ImportError:
    sys.modules["torch"] = torch
'''

# Behind the page's code: KL (Kingma & Welling 2014, appendix B) and cross-entropy of the validation samples.
FIGURES = '''
import numpy
with h5py.File("sprites.h5") as file:
    x = file["/test/x"][()].reshape(len(file["/test/x"]), -1).astype(numpy.float32) / 255
mu, logvar = (numpy.asarray(value.detach() if hasattr(value, "detach") else value, numpy.float64)
              for value in encode(torch.from_numpy(x)))
p = decode(torch.from_numpy(mu.astype(numpy.float32)))
p = numpy.asarray(p.detach() if hasattr(p, "detach") else p, numpy.float64)
print((numpy.exp(logvar) + mu ** 2 - 1 - logvar).sum() / 2 / len(x),
      (x * numpy.log(p) + (1 - x) * numpy.log(1 - p)).sum() / len(x))
'''


class Files(elbo_cli.Case):
    def test_the_page_reads_a_checkpoint(self):
        python = elbo_cli.python_with("h5py")
        if python is None:
            self.skipTest("no Python with h5py (Debian: python3-h5py)")
        self.elbo("train", self.small_run(CONFIGURATION))
        page = (elbo_cli.ROOT / "docs" / "files.md").read_text(encoding="utf-8")
        code = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
        self.assertEqual(len(code), 2)
        finished = subprocess.run([python, "-c", "import sys\n" + STAND_IN + "".join(code) + FIGURES], cwd=self.folder,
                                  capture_output=True, encoding="utf-8", check=False)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        kl, reconstruction = map(float, finished.stdout.split())
        logged = max(elbo_cli.metrics(self.folder / "runs/mnist", "validation"), key=lambda line: line["elbo"])
        # The same formula on the same numbers, in other orders of single precision.
        self.assertLess(abs(kl - logged["kl"]), 1e-4 * (1 + abs(logged["kl"])))
        # Decoded from the posterior's mean instead of a sample: close, and rarely worse.
        self.assertLess(abs(reconstruction - logged["reconstruction"]), 0.1 * abs(logged["reconstruction"]))


if __name__ == "__main__":
    unittest.main()
