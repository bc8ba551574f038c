"""`elbo evaluate`: the same figures on any number of ranks, files of figures, checkpoints by name, and refusals."""
import csv
import json
import math
import signal
import subprocess
import unittest

import elbo_cli


class Evaluate(elbo_cli.PreparedCase):
    SAMPLES = 300  # more than a block of 256: the last one is short

    def prepare(self):
        self.elbo("train", self.small_run(train=200, test=self.SAMPLES), "checkpoint.keep=9")

    def figures(self, *arguments, **options):
        said = self.elbo("evaluate", "runs/small", "--json", "figures.json", *arguments, **options)
        return json.loads((self.folder / "figures.json").read_text(encoding="utf-8")), said.out

    def refused(self, *arguments, **options):
        said = self.elbo("evaluate", *arguments, expect=2, **options)
        self.assertEqual(said.out, "")
        return said.err

    def test_the_same_bits_on_any_number_of_ranks(self):
        alone, said = self.figures("--samples", 20, "--per-sample", "alone.csv")
        for ranks in (1, 2, 3, 4):
            together, same = self.figures("--samples", 20, "--per-sample", f"{ranks}.csv", ranks=ranks)
            self.assertEqual(together, alone)
            self.assertEqual(same.rsplit("\n", 2)[0], said.rsplit("\n", 2)[0])  # but for the seconds
            self.assertEqual((self.folder / f"{ranks}.csv").read_bytes(), (self.folder / "alone.csv").read_bytes())
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_figures_fit_each_other_and_the_validation_of_training(self):
        found, _ = self.figures("--samples", 200, "--per-sample", "samples.csv")
        validated = elbo_cli.metrics(self.folder / "runs/small", "validation")[-1]
        self.assertEqual(found["samples"], self.SAMPLES)
        self.assertAlmostEqual(found["kl"]["mean"], validated["kl"], places=3)
        self.assertAlmostEqual(found["elbo"]["mean"], validated["elbo"], delta=0.5)
        self.assertAlmostEqual(found["elbo"]["mean"], found["reconstruction"]["mean"] - found["kl"]["mean"], places=9)
        bounds = [found[f"bound_{k}"]["mean"] for k in (1, 10, 100, 200)]
        self.assertEqual(bounds, sorted(bounds))
        self.assertAlmostEqual(bounds[0], found["elbo"]["mean"], delta=0.2)
        self.assertAlmostEqual(found["gap"], bounds[-1] - found["elbo"]["mean"], places=9)
        self.assertAlmostEqual(found["bits_per_dimension"], -bounds[-1] / 64 / math.log(2), places=9)
        self.assertAlmostEqual(sum(found["kl_per_dimension"].values()), found["kl"]["mean"], places=4)
        self.assertGreater(found["effective_sample_size"]["median"], 1)
        parts = found["kl_split"]
        self.assertEqual(parts.pop("samples"), self.SAMPLES)
        self.assertAlmostEqual(sum(parts.values()), found["kl"]["mean"], delta=0.3)
        self.assertLess(parts["mutual_information"], math.log(self.SAMPLES) + 1e-6)
        with open(self.folder / "samples.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([int(row["sample"]) for row in rows], list(range(self.SAMPLES)))
        for column, mean in (("elbo", found["elbo"]["mean"]), ("kl", found["kl"]["mean"]), ("bound_200", bounds[-1])):
            self.assertAlmostEqual(sum(float(row[column]) for row in rows) / len(rows), mean, places=6)

    def test_how_well_samples_are_given_back(self):
        found, said = self.figures("--samples", 1, "--per-sample", "samples.csv")
        quality = found["reconstruction_quality"]
        with open(self.folder / "samples.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for name, least, most in (("mse", 0, 0.2), ("psnr", 5, 40), ("ssim", 0, 1), ("ms_ssim", 0, 1)):
            values = [float(row[name]) for row in rows]
            mean = sum(values) / self.SAMPLES
            self.assertAlmostEqual(quality[name]["mean"], mean, places=9)
            deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (self.SAMPLES - 1))
            self.assertAlmostEqual(quality[name]["error"], deviation / math.sqrt(self.SAMPLES), places=9)
            self.assertTrue(least < mean < most, (name, mean))
        for row in rows:
            self.assertAlmostEqual(float(row["psnr"]), -10 * math.log10(float(row["mse"])), places=9)
        self.assertEqual((quality["ssim_window"], quality["ms_ssim_scales"], quality["range"]), (7, 1, 1))  # of 8 x 8
        self.assertIn("MS-SSIM, 1 of 5 scales", said)

    def test_vectors_have_their_squared_error_alone(self):
        self.elbo("convert", "gaussian-mixture", "vectors.h5", "--train", 200, "--test", 60)
        (self.folder / "vectors.yaml").write_text(elbo_cli.CONFIGURATION.replace("sprites", "vectors").replace(
            "bernoulli", "gaussian").replace("runs/small", "runs/vectors"), encoding="utf-8")
        self.elbo("train", "vectors.yaml", "training.epochs=1")
        said = self.elbo("evaluate", "runs/vectors", "--samples", 1, "--json", "figures.json").out
        quality = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))["reconstruction_quality"]
        self.assertEqual(list(quality), ["mse"])
        self.assertIn("MSE", said)
        self.assertNotIn("PSNR", said)

    def test_figures_of_every_sample_as_hdf5(self):
        self.elbo("evaluate", "runs/small", "--samples", 10, "--per-sample", "a.h5")
        self.elbo("evaluate", "runs/small", "--samples", 10, "--per-sample", "b.h5", ranks=3)
        same = subprocess.run(["h5diff", "a.h5", "b.h5"], cwd=self.folder, capture_output=True, check=False)
        self.assertEqual((same.returncode, same.stdout), (0, b""))
        for name in ("elbo", "reconstruction", "kl", "effective_sample_size", "bound_1", "bound_10", "mse", "ms_ssim"):
            self.assertIn(f"/{name}", self.elbo("inspect", "a.h5").out)

    def test_annealed_chains(self):
        chains = ("--method", "ais", "--samples", 3, "--steps", 12)
        alone, said = self.figures(*chains)
        self.assertIn("3 chains of 12 steps each", said)
        self.assertEqual((alone["method"], alone["draws"], alone["steps"]), ("ais", 3, 12))
        for ranks in (2, 3):
            self.assertEqual(self.figures(*chains, ranks=ranks)[0], alone)
        weights, _ = self.figures("--samples", 3)
        self.assertEqual(alone["elbo"], weights["elbo"], "the chains begin where the draws are")
        self.assertGreater(alone["bound_1"]["mean"], weights["bound_3"]["mean"], "annealing beats three draws")
        many, _ = self.figures("--samples", 2000)
        self.assertLess(alone["bound_1"]["mean"], many["bound_2000"]["mean"] + 3 * many["bound_2000"]["error"])

    def test_the_gap_in_two(self):
        alone, said = self.figures("--samples", 50, "--gap")
        self.assertEqual(self.figures("--samples", 50, "--gap", ranks=3)[0], alone)
        parts = alone["gap_split"]
        self.assertGreater(parts["amortisation"]["mean"], 5 * parts["amortisation"]["error"])
        self.assertAlmostEqual(parts["amortisation"]["mean"] + parts["family"], alone["gap"], places=9)
        self.assertIn("\n  amortisation ", said)
        self.assertNotIn("gap_split", self.figures("--samples", 1)[0])

    def test_distances_of_features(self):
        alone, said = self.figures("--samples", 1, "--features")
        for ranks in (2, 3):
            self.assertEqual(self.figures("--samples", 1, "--features", ranks=ranks)[0], alone)
        distance = alone["feature_distance"]
        self.assertRegex(said, f"\n  reconstructions +{distance['reconstructions']:.4f}\n")
        self.assertIn("on sprites.h5:/train/y", " ".join(said.split()))
        self.assertIn("features of a classifier of 3 classes, to be trained on", said)  # which may take a minute
        # A model of two epochs is farther from the data than the data's parts are from each other.
        self.assertLess(0, distance["train"])
        self.assertLess(distance["train"], distance["reconstructions"])
        self.assertLess(distance["train"], distance["prior"])
        self.assertGreater(distance["classifier"]["accuracy"], 0.5)
        self.assertIn("300 samples are few", said)
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80, line)
        named = self.figures("--samples", 1, "--features", "--labels", "sprites.h5:/train/y")[0]
        self.assertEqual(named["feature_distance"], distance)
        self.assertNotIn("feature_distance", self.figures("--samples", 1)[0])
        itself = self.figures("--samples", 1, "--features", "--data", "sprites.h5:/train/x")[0]["feature_distance"]
        self.assertAlmostEqual(itself["train"], 0, places=9)

    def test_features_are_of_samples_as_they_are_where_the_model_binarises(self):
        grey, _ = self.figures("--samples", 1, "--features")
        self.elbo("train", "small.yaml", "data.binarize=dynamic", "output=runs/binary")
        self.elbo("evaluate", "runs/binary", "--samples", 1, "--features", "--json", "binary.json")
        binary = json.loads((self.folder / "binary.json").read_text(encoding="utf-8"))
        self.assertEqual(binary["feature_distance"]["train"], grey["feature_distance"]["train"])
        self.assertNotEqual(binary["elbo"], grey["elbo"])

    def test_features_of_a_part_of_the_data(self):
        """Where one dataset is divided, the classifier knows the training part alone."""
        self.elbo("train", "small.yaml", "data.validation=~", "data.validation.fraction=0.25", "output=runs/split")
        self.elbo("evaluate", "runs/split", "--samples", 1, "--features", "--json", "split.json")
        split = json.loads((self.folder / "split.json").read_text(encoding="utf-8"))
        self.assertEqual(split["samples"], 50)
        self.assertGreater(split["feature_distance"]["train"], 0)

    def test_checkpoints_by_name(self):
        steps = sorted(path.name for path in (self.folder / "runs/small/checkpoints").glob("step-*.h5"))
        self.assertEqual(steps, ["step-00000004.h5", "step-00000008.h5"])
        self.assertIn("step-00000004.h5, after epoch 1", self.figures("--samples", 1, "--checkpoint", 4)[1])
        self.assertIn("step-00000008.h5, after epoch 2", self.figures("--samples", 1, "--checkpoint", "latest")[1])
        by_file = self.elbo("evaluate", "runs/small/checkpoints/step-00000004.h5", "--samples", 1).out
        self.assertIn("step-00000004.h5", by_file)
        self.assertIn("there are step-00000004, step-00000008", self.refused("runs/small", "--checkpoint", 5))
        self.assertIn("expected best, latest or the number of a step", self.refused("runs/small", "--checkpoint", "old"))

    def test_wrong_input_is_refused(self):
        self.assertIn("no such run", self.refused("runs/none"))
        self.assertIn("holds no checkpoint", self.refused("."))
        self.assertIn("--samples 0", self.refused("runs/small", "--samples", 0))
        self.assertIn("--labels sprites.h5:/train/y: is of --features",
                      self.refused("runs/small", "--labels", "sprites.h5:/train/y"))
        for ranks in (None, 2):
            self.assertIn("--features needs classes, one number a sample; found 5 columns",
                          self.refused("runs/small", "--features", "--labels", "sprites.h5:/train/factors", ranks=ranks))
        self.assertIn("--labels: sprites.h5:/test/y has",
                      self.refused("runs/small", "--features", "--labels", "sprites.h5:/test/y"))
        self.assertIn(".h5 or .csv", self.refused("runs/small", "--per-sample", "x.txt"))
        self.assertIn("--method mcmc: expected iwae or ais", self.refused("runs/small", "--method", "mcmc"))
        self.assertIn("--steps is of --method ais", self.refused("runs/small", "--steps", 5))
        self.assertIn("--steps 0", self.refused("runs/small", "--method", "ais", "--steps", 0))
        self.assertIn("there is no folder nowhere", self.refused("runs/small", "--json", "nowhere/x.json"))
        self.assertIn("there is no folder nowhere", self.refused("runs/small", "--per-sample", "nowhere/x.h5"))
        (self.folder / "there.csv").write_text("", encoding="utf-8")
        self.assertIn("exists already", self.refused("runs/small", "--per-sample", "there.csv"))
        elbo_cli.sprites(self.folder / "large.h5", size=16)
        for ranks in (None, 2):
            said = self.refused("runs/small", "--data", "large.h5:/test/x", ranks=ranks)
            self.assertIn("samples of 16 x 16", said)
            self.assertIn("was trained on samples of 8 x 8", said)
        damaged = self.folder / "runs/small/checkpoints/step-00000008.h5"
        damaged.write_bytes(damaged.read_bytes()[:-100])
        self.assertIn("step-00000008.h5", self.refused("runs/small", "--checkpoint", "latest"))
        self.assertFalse([name for name in self.files() if "figures" in name])


class Standardised(elbo_cli.Case):
    """Data goes through the run's data.transform, by figures of the training samples."""

    TEXT = elbo_cli.CONFIGURATION.replace("likelihood: bernoulli", "likelihood: gaussian").replace(
        "/test/x\"}", "/test/x\", transform: [{standardise: {figures: FIGURES}}]}")

    def evaluate(self, *arguments, **options):
        return self.elbo("evaluate", "runs/small", "--samples", 5, *arguments, **options)

    def test_figures_computed_and_stored(self):
        self.elbo("convert", "sprites", "sprites.h5", "--train", 200, "--test", 60, "--size", 8, "--stats")
        elbo_cli.sprites(self.folder / "large.h5", size=16)
        found = {}
        for figures in ("computed", "stored"):
            (self.folder / "small.yaml").write_text(self.TEXT.replace("FIGURES", figures), encoding="utf-8")
            self.elbo("train", "small.yaml", "--fresh")
            validated = elbo_cli.metrics(self.folder / "runs/small", "validation")[-1]["kl"]
            for ranks in (None, 2):
                self.evaluate("--json", "figures.json", ranks=ranks)
                found[figures, ranks] = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))
                self.assertAlmostEqual(found[figures, ranks]["kl"]["mean"], validated, places=4)
                said = self.evaluate("--data", "large.h5:/test/x", ranks=ranks, expect=2).err
                self.assertIn("samples of 16 x 16, but the model standardises by figures of samples of 64 elements", said)
                self.assertIn("samples of", self.evaluate("--data", "sprites.h5:/test/y", ranks=ranks, expect=2).err)
            self.assertEqual(found[figures, None], found[figures, 2])
            # The checkpoint holds them: nothing is asked of the training samples any more.
            (self.folder / "sprites.h5").rename(self.folder / "moved.h5")
            for ranks in (None, 2):
                self.evaluate("--data", "moved.h5:/test/x", "--json", "figures.json", ranks=ranks)
                moved = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))
                self.assertEqual({**moved, "data": ""}, {**found[figures, None], "data": ""})
            (self.folder / "moved.h5").rename(self.folder / "sprites.h5")


class Interrupted(elbo_cli.Case):
    def test_nothing_half_written_is_left(self):
        self.elbo("train", self.small_run())
        before = self.files()
        for ranks in (None, 2):
            process = elbo_cli.start(["evaluate", "runs/small", "--samples", 10**7, "--per-sample", "out.h5"], ranks=ranks,
                                     cwd=self.folder)
            elbo_cli.wait_until(lambda: [name for name in self.files() if "out.h5.tmp" in name], what="a file under way")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            self.assertNotEqual(process.returncode, 0)
            elbo_cli.wait_until(lambda: self.files() == before, seconds=10, what=lambda: str(self.files()))


if __name__ == "__main__":
    unittest.main()
