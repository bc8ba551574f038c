"""The same training on 1, 2, 3 and 4 ranks: the same samples and noise at every step, every sample once an epoch."""
import unittest

import elbo_cli

STEPS = 50

CONFIGURATION = """\
output: runs/ranks
seed: 3
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x", binarize: dynamic}
model:
  latent: 4
  encoder: [{dense: 32}]
  decoder: [{dense: 32}]
optimizer: {kind: adam, rate: 1e-3, clip: 50}
training: {epochs: 5, batch: 100}
report: {every: 1}
"""


class Ranks(elbo_cli.Case):
    def train(self, ranks, *overrides):
        output = f"runs/r{ranks}"
        self.elbo("train", "small.yaml", f"output={output}", *overrides, ranks=ranks)
        return self.folder / output

    def test_every_step_has_the_same_elbo_on_any_number_of_ranks(self):
        # 1003 samples in batches of 100: 11 steps an epoch, the last of 3 samples, so that some shards are empty.
        self.small_run(CONFIGURATION, train=1003, test=101)
        runs = {ranks: self.train(ranks) for ranks in (1, 2, 3, 4)}
        reference = [line for line in elbo_cli.metrics(runs[1], "train") if line["over"] == "steps"]
        self.assertGreaterEqual(len(reference), STEPS)
        for ranks, run in runs.items():
            steps = [line for line in elbo_cli.metrics(run, "train") if line["over"] == "steps"]
            self.assertEqual([line["samples"] for line in steps], ([100] * 10 + [3]) * 5)
            for ours, theirs in zip(reference[:STEPS], steps[:STEPS]):
                for term in ("elbo", "reconstruction", "kl"):
                    self.assertLess(abs(ours[term] - theirs[term]), 1e-5 * abs(ours["elbo"]),
                                    f"{ranks} ranks, step {ours['step']}, {term}")
            for ours, theirs in zip(elbo_cli.metrics(runs[1], "validation"), elbo_cli.metrics(run, "validation")):
                self.assertEqual(theirs["samples"], 101)
                self.assertLess(abs(ours["elbo"] - theirs["elbo"]), 1e-4 * abs(ours["elbo"]))

    def test_epochs_count_every_sample_once(self):
        for samples, batch, ranks in ((1003, 100, 3), (7, 128, 4), (1, 1, 1)):
            elbo_cli.sprites(self.folder / f"{samples}.h5", train=samples, test=3)
            (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
            output = self.train(ranks, f"data.train={samples}.h5:/train/x", f"data.validation={samples}.h5:/test/x",
                                f"training.batch={batch}", "training.epochs=2", f"output=runs/n{samples}")
            epochs = [line for line in elbo_cli.metrics(self.folder / f"runs/n{samples}", "train")
                      if line["over"] == "epoch"]
            self.assertEqual([line["samples"] for line in epochs], [samples] * 2, output)
            self.assertEqual(epochs[-1]["step"], 2 * -(-samples // batch))

    def test_the_start_says_how_the_batch_is_shared(self):
        self.small_run(CONFIGURATION)
        out = self.elbo("train", "small.yaml", "training.epochs=1", ranks=2)
        self.assertIn("batch    100 = 50 a rank x 2", out.out)
        few = self.elbo("train", "small.yaml", "training.epochs=1", "training.batch=8", "output=runs/few", ranks=2)
        self.assertIn("4 rows a rank are few", few.err)


if __name__ == "__main__":
    unittest.main()
