"""MNIST as the README has it: converted, trained on two ranks, better with every epoch."""
import sys
import unittest

import elbo_cli


class Mnist(elbo_cli.Case):
    def test_two_epochs(self):
        self.elbo("convert", elbo_cli.TEST_DATA / "mnist", "data/mnist.h5")
        out = self.elbo("inspect", "data/mnist.h5").out
        for words in ("60000 x 28 x 28", "10000 x 28 x 28", "uint8"):
            self.assertIn(words, out)
        self.elbo("train", elbo_cli.ROOT / "configs/mnist.yaml", "training.epochs=2", ranks=2)
        elbos = [line["elbo"] for line in elbo_cli.metrics(self.folder / "runs/mnist", "validation")]
        # PyTorch's plain trainer reaches -118 and -110 after one and two epochs.
        self.assertGreater(elbos[0], -121)
        self.assertGreater(elbos[1], -112)
        self.assertTrue((self.folder / "runs/mnist/samples/epoch-0002.png").is_file())


if __name__ == "__main__":
    if not (elbo_cli.TEST_DATA / "mnist").is_dir():
        print(f"skipped: no MNIST at {elbo_cli.TEST_DATA}/mnist (set ELBO_TEST_DATA)")
        sys.exit(77)
    unittest.main()
