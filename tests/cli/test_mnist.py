"""MNIST as the README has it: converted, trained on two ranks, better with every epoch; and digits restored."""
import json
import sys
import unittest

import elbo_cli


class Mnist(elbo_cli.PreparedCase):
    def prepare(self):
        """A model of two epochs."""
        self.elbo("convert", elbo_cli.TEST_DATA / "mnist", "data/mnist.h5")
        self.elbo("train", elbo_cli.ROOT / "configs/mnist.yaml", "training.epochs=2", ranks=2)

    def test_two_epochs(self):
        out = self.elbo("inspect", "data/mnist.h5").out
        for words in ("60000 x 28 x 28", "10000 x 28 x 28", "uint8"):
            self.assertIn(words, out)
        elbos = [line["elbo"] for line in elbo_cli.metrics(self.folder / "runs/mnist", "validation")]
        # PyTorch's plain trainer reaches -118 and -110 after one and two epochs.
        self.assertGreater(elbos[0], -121)
        self.assertGreater(elbos[1], -112)
        self.assertTrue((self.folder / "runs/mnist/samples/epoch-0002.png").is_file())

    def test_restored_digits_are_better_than_plain_ones(self):
        """Of every task, beside both plain ways of it, by more than two standard errors of the mean."""
        for task, plain, how in (("denoise", ("noisy", "noisy_clamped"), ("--noise", 0.5)),
                                 ("inpaint", ("observed_mean", "mean_image"), ("--rectangle", "0,0,14x28")),
                                 ("superres", ("nearest", "bicubic"), ("--factor", 4))):
            said = self.elbo("restore", "runs/mnist", "--task", task, *how, "-n", 48, "--steps", 200, "--json", "found.json")
            found = json.loads((self.folder / "found.json").read_text(encoding="utf-8"))
            for way in plain:
                for figure in ("psnr", "ssim"):
                    restored, other = found["restored"][figure], found[way][figure]
                    self.assertGreater(restored["mean"] - 2 * restored["error"], other["mean"], (task, way, said.out))


if __name__ == "__main__":
    if not (elbo_cli.TEST_DATA / "mnist").is_dir():
        print(f"skipped: no MNIST at {elbo_cli.TEST_DATA}/mnist (set ELBO_TEST_DATA)")
        sys.exit(77)
    unittest.main()
