"""Checkpoints of earlier formats: a run that one of them was left in goes on, and `elbo inspect` reads them."""
import json
import re
import unittest

import elbo_cli

OLD = elbo_cli.ROOT / "tests" / "storage" / "data"


def configuration_of(checkpoint):
    """The text of /configuration, cut out of the file's bytes: it stands there as it is."""
    text = checkpoint.read_bytes()
    return re.search(rb"output: runs/old\n.*?\n  pictures: \d+\n", text, re.DOTALL).group().decode()


class Format1(elbo_cli.Case):
    """How the file was made stands in tests/storage/checkpoint_test.cpp."""

    def setUp(self):
        super().setUp()
        self.old = OLD / "checkpoint-format-1.h5"
        elbo_cli.sprites(self.folder / "sprites.h5", train=60, test=20, size=8, seed=1)
        self.run_folder = self.folder / "runs/old"
        (self.run_folder / "checkpoints").mkdir(parents=True)
        text = configuration_of(self.old)
        (self.run_folder / "configuration.yaml").write_text(text, encoding="utf-8")
        (self.folder / "old.yaml").write_text(text, encoding="utf-8")
        checkpoints = self.run_folder / "checkpoints"
        (checkpoints / "step-00000006.h5").write_bytes(self.old.read_bytes())
        (checkpoints / "latest.h5").symlink_to("step-00000006.h5")

    def test_its_run_goes_on(self):
        for ranks, epochs in ((None, 4), (2, 5)):
            result = self.elbo("train", "old.yaml", f"training.epochs={epochs}", ranks=ranks)
            self.assertIn("resume", result.out)
        first = [event for event in elbo_cli.events(self.run_folder) if event["event"] == "resume"][0]
        self.assertEqual((first["checkpoint"], first["epoch"], first["step"]), ("step-00000006.h5", 2, 6))
        validation = elbo_cli.metrics(self.run_folder, "validation")
        self.assertEqual([line["epoch"] for line in validation], [3, 4, 5])
        # Near the old best: two more epochs at this rate change little.
        for line in validation:
            self.assertLess(abs(line["elbo"] + 8.4877), 0.1, line)

    def test_the_finished_run_is_known_as_such(self):
        self.assertIn("finished, 2 epochs, best validation ELBO -8.49", self.elbo("train", "old.yaml").out)

    def test_inspect_reads_it(self):
        out = self.elbo("inspect", self.old).out
        for text in ("checksum right", "step    6", "validation ELBO -8.488 after epoch 2", "encoder/dense1/weight",
                     "e74beccb9d41e209"):
            self.assertIn(text, out)
        self.assertRegex(out, r"in all +884")


class WithoutFigures(elbo_cli.Case):
    """A checkpoint of `data.transform: [log1p, standardise, {crop: [6, 6]}]` that does not hold the training samples' figures,
    of `elbo convert sprites sprites.h5 --train 200 --test 50 --size 8 --seed 1`, after two epochs."""

    def evaluate(self, *arguments, **options):
        return self.elbo("evaluate", OLD / "checkpoint-without-figures.h5", "--samples", 5, *arguments, **options)

    def test_they_are_found_from_the_training_samples(self):
        elbo_cli.sprites(self.folder / "sprites.h5", train=200, test=50, size=8, seed=1)
        for ranks in (None, 2):
            self.evaluate("--json", "figures.json", ranks=ranks)
            figures = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))
            # What the program said that wrote the checkpoint.
            self.assertAlmostEqual(figures["elbo"]["mean"], -77.484, delta=2e-3)
        (self.folder / "sprites.h5").rename(self.folder / "other.h5")
        for ranks in (None, 2):
            self.assertIn("sprites.h5", self.evaluate("--data", "other.h5:/test/x", ranks=ranks, expect=2).err)


if __name__ == "__main__":
    unittest.main()
