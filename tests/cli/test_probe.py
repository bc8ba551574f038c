"""`elbo probe`: what codes hold of labels, the same on any number of ranks; divisions, and refusals."""
import json
import subprocess
import unittest

import elbo_cli

PYTHON = elbo_cli.python_with("h5py", "numpy")
PREFACE = "import h5py, json, numpy\nfile = h5py.File('sprites.h5', 'a')\n"


@unittest.skipIf(PYTHON is None, "no Python with h5py (Debian: python3-h5py)")
class Probe(elbo_cli.PreparedCase):
    TRAIN, TEST = 600, 300  # more than a block of 256: last ones are short

    def prepare(self):
        self.elbo("train", self.small_run(train=self.TRAIN, test=self.TEST))

    def figures(self, *arguments, **options):
        said = self.elbo("probe", "runs/small", "--json", "figures.json", *arguments, **options)
        for line in said.out.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return json.loads((self.folder / "figures.json").read_text(encoding="utf-8")), said.out.rsplit("\n", 2)[0]

    def python(self, code):
        """Runs code with h5py, numpy and sprites.h5 as `file`; returns what it prints as JSON."""
        finished = subprocess.run([PYTHON, "-c", PREFACE + code], cwd=self.folder, capture_output=True, encoding="utf-8",
                                  check=False)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        return json.loads(finished.stdout or "null")

    def refused(self, *arguments, **options):
        said = self.elbo("probe", *arguments, expect=2, **options)
        self.assertEqual(said.out, "")
        return said.err


class Classes(Probe):
    def test_the_same_bits_on_any_number_of_ranks(self):
        for arguments in ((), ("--data", "sprites.h5:/train/x", "--held-out", 0.3, "--samples", 350)):
            alone = self.figures(*arguments)
            for ranks in (1, 2, 3):
                self.assertEqual(self.figures(*arguments, ranks=ranks), alone)

    def test_figures_are_those_of_the_samples(self):
        found, said = self.figures()
        self.assertIn("sprites.h5:/train/x, 600 samples", said)
        self.assertIn("sprites.h5:/test/y", said)
        self.assertEqual(found["fit"]["samples"], self.TRAIN)
        self.assertEqual(found["held_out"]["samples"], self.TEST)
        self.assertEqual(found["classes"], 3)
        truth = self.python("""
x, y, tried, truth = (file[name][()] for name in ("train/x", "train/y", "test/x", "test/y"))
x, tried = x.reshape(len(x), -1) / 255, tried.reshape(len(tried), -1) / 255
pixels, asked = (numpy.rint(255 * values).astype(int) for values in (x, tried))
distances = ((asked[:, None] - pixels) ** 2).sum(-1)
right = [(y[row == row.min()] == label) for row, label in zip(distances, truth)]
covariance = numpy.cov(x.T, bias=True)
values, axes = numpy.linalg.eigh(covariance)
rest = values[:-4].mean()
model = axes * numpy.append(numpy.full(len(values) - 4, rest), values[-4:]) @ axes.T
away = tried - x.mean(0)
density = -0.5 * ((away @ numpy.linalg.inv(model) * away).sum(1).mean() + numpy.linalg.slogdet(2 * numpy.pi * model)[1])
print(json.dumps({"commonest": (truth == numpy.bincount(y).argmax()).mean(), "density": density,
                  "nearest": [numpy.mean([pick(some) for some in right]) for pick in (all, any)],
                  "explained": values[-4:].sum() / values.sum()}))
""")
        self.assertAlmostEqual(found["commonest"]["accuracy"], truth["commonest"])
        least, most = truth["nearest"]  # of several that are as near any may be taken
        self.assertTrue(least <= found["samples"]["nearest_1"]["accuracy"] <= most, (found["samples"], truth))
        self.assertLess(most - least, 0.1)
        self.assertAlmostEqual(found["pca"]["explained"], truth["explained"], places=5)
        density = found["ppca"]["log_likelihood"]
        self.assertAlmostEqual(density["held_out"], truth["density"], delta=1e-3 * abs(truth["density"]))
        self.assertIn(f"log p(x) = {density['fit']:.2f} nats a sample on those fitted to, {density['held_out']:.2f} on "
                      "those held out", " ".join(said.split()))
        for kind in ("linear", "nearest_1", "nearest_5"):
            for features in ("codes", "pca", "samples"):
                accuracy, error = (found[features][kind][name] for name in ("accuracy", "error"))
                self.assertAlmostEqual(error, (accuracy * (1 - accuracy) / self.TEST) ** 0.5)

    def test_codes_that_hold_the_class_are_found_out(self):
        """Whether the upper half is the brighter one: every feature set does better than chance."""
        self.python("""
for part in ("train", "test"):
    x = file[part]["x"]
    file[part]["upper"] = (x[:, :4].mean((1, 2)) > x[:, 4:].mean((1, 2))).astype("i4") - 7
""")
        found, _ = self.figures("--labels", "sprites.h5:/train/upper")
        self.assertEqual(found["held_out"]["labels"], "sprites.h5:/test/upper")
        for features in ("codes", "pca", "samples"):
            self.assertGreater(found[features]["linear"]["accuracy"], found["commonest"]["accuracy"] + 0.2)

    def test_one_dataset_is_divided_as_the_run_divided_it(self):
        self.elbo("train", "small.yaml", "data.validation=~", "data.validation.fraction=0.25", "output=runs/split")
        said = self.elbo("probe", "runs/split", "--json", "split.json").out
        self.assertIn("sprites.h5:/train/x, 450 samples", said)
        self.assertIn("sprites.h5:/train/x, 150 samples", said)
        whole, _ = self.figures("--data", "sprites.h5:/train/x", "--held-out", 0.25)
        self.assertEqual((whole["fit"]["samples"], whole["held_out"]["samples"]), (450, 150))
        file, _ = self.figures("--data", "sprites.h5")
        own, _ = self.figures()
        self.assertEqual(file, own)

    def test_wrong_input_is_refused(self):
        self.python("""
for part in ("train", "test"):
    rows = len(file[part]["x"])
    file[part]["same"], file[part]["real"] = numpy.full(rows, 3), numpy.full(rows, 0.25)
file["train/short"], file["train/nan"] = numpy.zeros(7, "u1"), numpy.full(600, numpy.nan)
file["train/pair"], file["alone/x"] = numpy.ones((600, 2)), numpy.zeros((20, 8, 8), "u1")
""")
        for ranks in (None, 2):
            def refused(*arguments, ranks=ranks):
                return self.refused("runs/small", *arguments, ranks=ranks)

            self.assertIn("--labels: sprites.h5:/train/short has 7 rows, but sprites.h5:/train/x has 600 samples",
                          refused("--labels", "sprites.h5:/train/short"))
            self.assertIn("are of class 3; a classifier needs two", refused("--labels", "sprites.h5:/train/same"))
            self.assertIn("holds 0.25 for sample 0; classes are whole numbers",
                          refused("--labels", "sprites.h5:/train/real"))
            self.assertIn("only finite numbers can be labels", refused("--labels", "sprites.h5:/train/nan"))
            self.assertIn("holds no /alone/y with labels of /alone/x; name them with --labels",
                          refused("--data", "sprites.h5:/alone/x"))
            self.assertIn("holds no /test/pair with labels of /test/x; name them with --held-out-labels",
                          refused("--labels", "sprites.h5:/train/pair"))
            self.assertIn("labels of a scalar, but those of sprites.h5:/train/pair are 2",
                          refused("--labels", "sprites.h5:/train/pair", "--held-out-labels", "sprites.h5:/test/y"))
            self.assertIn("what is held out is a part of",
                          refused("--data", "sprites.h5:/train/x", "--held-out-labels", "sprites.h5:/test/y"))
            self.assertIn("there is no folder nowhere", refused("--json", "nowhere/x.json"))
        self.assertIn("--held-out 1", self.refused("runs/small", "--held-out", 1))
        self.assertIn("--samples 1", self.refused("runs/small", "--samples", 1))
        self.assertFalse([name for name in self.files() if "figures" in name])


class Help(elbo_cli.Case):
    def test_lines_fit(self):
        said = self.elbo("probe", "--help").out
        self.assertIn("--held-out-labels", said)
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80, line)


class Factors(Probe):
    def test_the_same_bits_on_any_number_of_ranks(self):
        alone, said = self.figures("--labels", "sprites.h5:/train/factors")
        for ranks in (1, 2, 3):
            self.assertEqual(self.figures("--labels", "sprites.h5:/train/factors", ranks=ranks), (alone, said))
        for name in ("shape", "scale", "rotation", "x", "y"):
            self.assertIn(f"\n{name} ", said)
            self.assertIn(name, alone["mig"])
        for score in (alone["mig"]["mean"], alone["sap"]["mean"], alone["dci"]["disentanglement"],
                      alone["dci"]["completeness"]["mean"], alone["factorvae"]["score"]):
            self.assertTrue(0 <= score <= 1)

    def test_factors_that_never_change_are_left_out_or_refused(self):
        self.python("""
for part in ("train", "test"):
    numbers = numpy.arange(len(file[part]["x"]))
    file[part]["three"] = numpy.stack([numbers % 2, numbers * 0 + 5, numbers % 7], 1)
    file[part]["one"] = numpy.stack([numbers % 2, numbers * 0], 1)
""")
        found, said = self.figures("--labels", "sprites.h5:/train/three")
        self.assertIn("2 is always the same, and left out", said)
        self.assertEqual(set(found["mig"]), {"mean", "1", "3"})
        for ranks in (None, 2):
            said = self.elbo("probe", "runs/small", "--labels", "sprites.h5:/train/one", ranks=ranks, expect=2).err
            self.assertIn("1 of its 2 factors change from sample to sample", said)


if __name__ == "__main__":
    unittest.main()
