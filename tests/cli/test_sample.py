"""`elbo sample`: the same bytes on any number of ranks, against a decoder in NumPy, every kind of output, and refusals."""
import subprocess
import unittest

import elbo_cli

elbo_cli.need_modules("h5py", "numpy", "PIL")

import h5py  # noqa: E402
import numpy  # noqa: E402
from PIL import Image  # noqa: E402


def decode(checkpoint, z):
    """Pixels' probabilities that the small model gives codes, by its formula in double."""
    with h5py.File(checkpoint) as file:
        def product(path, x):
            return x @ file[f"{path}/weight"][()].astype(float).T + file[f"{path}/bias"][()]
        hidden = numpy.maximum(product("parameters/decoder/dense1", z), 0)
        return 1 / (1 + numpy.exp(-product("parameters/decoder/output", hidden)))


class Sample(elbo_cli.PreparedCase):
    TEST = 100

    def prepare(self):
        self.elbo("train", self.small_run(train=200, test=self.TEST))

    def setUp(self):
        super().setUp()
        self.checkpoint = self.folder / "runs/small/checkpoints/best.h5"

    def sample(self, *arguments, output="out.npy", **options):
        """What was said, and the array."""
        said = self.elbo("sample", "runs/small", *arguments, "-o", output, "--force", **options).out
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return said, numpy.load(self.folder / output) if output.endswith(".npy") else None

    def refused(self, *arguments, **options):
        said = self.elbo("sample", *arguments, expect=2, **options)
        self.assertEqual(said.out, "")
        if "ranks" not in options:  # else the launcher speaks too
            self.assertEqual(said.err.count("\n"), 1, said.err)
        return said.err

    def test_the_same_bytes_on_any_number_of_ranks(self):
        """300: two blocks, the last one short; with 100 samples of data, whose codes come three times."""
        for source in (["prior"], ["posterior", "--temperature", 0.7], ["mixture:3", "--mean"]):
            arguments = ["-n", 300, "--from", *source]
            alone, _ = self.sample(*arguments)
            expected = (self.folder / "out.npy").read_bytes()
            self.sample(*arguments, output="alone.h5")
            self.sample(*arguments, output="alone.png")
            for ranks in (1, 2, 3):
                said, _ = self.sample(*arguments, ranks=ranks)
                self.assertEqual(said, alone)
                self.assertEqual((self.folder / "out.npy").read_bytes(), expected, (source, ranks))
            self.sample(*arguments, output="together.h5", ranks=3)
            self.sample(*arguments, output="together.png", ranks=2)
            same = subprocess.run(["h5diff", "alone.h5", "together.h5"], cwd=self.folder, capture_output=True, check=False)
            self.assertEqual((same.returncode, same.stdout), (0, b""))
            self.assertEqual((self.folder / "alone.png").read_bytes(), (self.folder / "together.png").read_bytes())

    def test_means_are_those_of_the_decoder(self):
        _, x = self.sample("-n", 3, "--mean", "--temperature", 0)
        expected = decode(self.checkpoint, numpy.zeros((1, 4))).reshape(8, 8)
        self.assertEqual((x.shape, x.dtype), ((3, 8, 8), numpy.float32))
        self.assertLess(numpy.abs(x - expected).max(), 1e-5)
        _, warm = self.sample("-n", 3, "--mean")
        self.assertGreater(numpy.abs(warm[0] - warm[1]).max(), 1e-3)

    def test_draws_are_pixels_of_these_means(self):
        _, x = self.sample("-n", 4000, "--temperature", 0)
        self.assertEqual(set(numpy.unique(x)), {0, 1})
        p = decode(self.checkpoint, numpy.zeros((1, 4))).reshape(8, 8)
        error = numpy.sqrt(p * (1 - p) / len(x))
        self.assertLess((numpy.abs(x.mean(0) - p) / error).max(), 5)  # standard errors
        _, others = self.sample("-n", 4000, "--temperature", 0, "--seed", 2)
        self.assertGreater(numpy.abs(x - others).mean(), 0.01)
        _, fewer = self.sample("-n", 100, "--temperature", 0)
        self.assertEqual(numpy.abs(x[:100] - fewer).max(), 0)

    def test_codes_of_posteriors(self):
        """At temperature 0 these are reconstructions; data that is out is begun again."""
        _, x = self.sample("-n", self.TEST + 2, "--mean", "--temperature", 0, "--from", "posterior")
        self.elbo("encode", "runs/small", "sprites.h5:/test/x", "codes.h5")
        with h5py.File(self.folder / "codes.h5") as codes:
            means = codes["mean"][()].astype(float)
        self.assertLess(numpy.abs(x[:self.TEST].reshape(-1, 64) - decode(self.checkpoint, means)).max(), 1e-5)
        self.assertLess(numpy.abs(x[self.TEST:] - x[:2]).max(), 1e-6)
        _, warm = self.sample("-n", self.TEST + 2, "--mean", "--from", "posterior")
        self.assertGreater(numpy.abs(warm[self.TEST:] - warm[:2]).max(), 1e-4)
        _, train = self.sample("-n", 2, "--mean", "--temperature", 0, "--from", "posterior", "--data", "sprites.h5:/train/x")
        self.assertGreater(numpy.abs(train - x[:2]).max(), 1e-3)

    def test_a_mixture_is_fitted_to_posterior_means(self):
        """Without temperature there are as many samples as components."""
        said, x = self.sample("-n", 200, "--mean", "--temperature", 0, "--from", "mixture:3")
        self.assertEqual(len(numpy.unique(x.reshape(200, -1).round(5), axis=0)), 3)
        self.assertIn(f"{self.TEST} posterior means", said)
        self.assertRegex(said, r"mixture 3 components, mean log p\(z\) -?[0-9.]+ nats after [0-9]+ iterations")
        self.assertIn("a mixture of 101 components needs as many points, found 100",
                      self.elbo("sample", "runs/small", "--from", "mixture:101", expect=2).err)

    def test_pictures(self):
        said, _ = self.sample("-n", 10, "--mean", output="grid.png")
        self.assertIn("grid.png: a grid of 3 x 4 images", said)
        with Image.open(self.folder / "grid.png") as grid:
            self.assertEqual((grid.mode, grid.size), ("L", (2 + 4 * 50, 2 + 3 * 50)))  # 8 x 8 pixels six times as large
        _, x = self.sample("-n", 10, "--mean")
        said, _ = self.sample("-n", 10, "--mean", output="many/")
        self.assertIn("many/: 10 images of 8 x 8", said)
        names = sorted(path.name for path in (self.folder / "many").iterdir())
        self.assertEqual(names, [f"{number:06}.png" for number in range(10)])
        for number, name in enumerate(names):
            with Image.open(self.folder / "many" / name) as image:
                self.assertLess(numpy.abs(numpy.asarray(image) - 255.0 * x[number]).max(), 0.51)
        self.assertIn("many/: holds files already", self.refused("runs/small", "-o", "many/"))

    def test_what_hdf5_says(self):
        self.sample("-n", 5, "--from", "posterior", "--temperature", 0.5, output="x.h5")
        _, x = self.sample("-n", 5, "--from", "posterior", "--temperature", 0.5)
        with h5py.File(self.folder / "x.h5") as file:
            self.assertEqual(numpy.abs(file["x"][()] - x).max(), 0)
            self.assertEqual(file.attrs["z"], "posterior at temperature 0.5")
            self.assertEqual(file.attrs["x"], "a draw of p(x | z)")
            self.assertIn("step-", file.attrs["checkpoint"])
            self.assertIn("as the model sees them", file["x"].attrs["values"])

    def test_names_of_its_own(self):
        self.assertIn("small-prior.png: a grid of 8 x 8 images", self.elbo("sample", "runs/small").out)
        self.assertIn("-o small-prior.png: exists already", self.refused("runs/small"))
        self.elbo("sample", "runs/small", "--force")
        self.elbo("sample", "runs/small", "--from", "mixture:2", "-n", 2)
        self.assertTrue((self.folder / "small-mixture-2.png").exists())
        self.assertIn("best-prior.png", self.elbo("sample", "runs/small/checkpoints/best.h5").out)

    def test_wrong_input_is_refused(self):
        (self.folder / "there.npy").write_text("", encoding="utf-8")
        (self.folder / "folder.h5").mkdir()
        for arguments, message in (
                (["-n", 0], "-n 0: expected a number of samples from 1 to"),
                (["--from", "posteriour"], "--from posteriour: expected prior, posterior or mixture:K"),
                (["--from", "mixture:0"], "--from mixture:0: expected a number of components from 1 on"),
                (["--from", "mixture:2x"], "--from mixture:2x: expected a number of components"),
                (["--data", "sprites.h5:/test/x"], "codes from the prior need no data"),
                (["--temperature", -1], "--temperature -1: expected a number from 0 on"),
                (["--temperature", "nan"], "--temperature nan: expected a number from 0 on"),
                (["-o", "x.jpg"], "-o x.jpg: expected a name that ends in .png (a grid), /"),
                (["-o", ".png"], "-o .png: expected a name"),
                (["-o", "there.npy"], "-o there.npy: exists already; name another file, or replace it with --force"),
                (["-o", "folder.h5", "--force"], "-o folder.h5: is a folder"),
                (["-o", "nowhere/x.png"], "there is no folder nowhere"),
                (["-o", "nowhere/x/"], "there is no folder nowhere"),
                (["-o", "sprites.h5/"], "sprites.h5/: is a file"),
                (["-n", 10**6, "-o", "x.png"], "a grid of 1,000,000 images has more than"),
                (["--from", "posterior", "--data", "none.h5"], "none.h5")):
            before = self.files()
            self.assertIn(message, self.elbo("sample", "runs/small", *arguments, expect=2).err)
            self.assertEqual(self.files(), before)
        self.assertIn("no such run", self.refused("runs/none"))
        elbo_cli.sprites(self.folder / "large.h5", size=16)
        for ranks in (None, 2):
            said = self.refused("runs/small", "--from", "posterior", "--data", "large.h5:/test/x", "-o", "x.npy", ranks=ranks)
            self.assertIn("samples of 16 x 16", said)
        self.assertFalse((self.folder / "x.npy").exists())


class Vectors(elbo_cli.Case):
    """Samples that are no images, of a Gaussian likelihood."""

    TEXT = """\
output: runs/vectors
seed: 1
data: {train: "v.h5:/train/x"}
model: {latent: 2, encoder: [{dense: 8}], decoder: [{dense: 8}], likelihood: {gaussian: {variance: 0.04}}}
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 1, batch: 50}
"""

    def test_values_and_their_spread(self):
        self.elbo("convert", "ppca", "v.h5", "--train", 200, "--test", 20, "--dimensions", 5)
        (self.folder / "v.yaml").write_text(self.TEXT, encoding="utf-8")
        self.elbo("train", "v.yaml")
        said = self.elbo("sample", "runs/vectors", "-n", 2000, "--temperature", 0).out
        self.assertIn("vectors-prior.npy: 2000 x 5, float32", said)
        x = numpy.load(self.folder / "vectors-prior.npy")
        self.assertLess(abs(x.std(0) - 0.2).max(), 5 * 0.2 / numpy.sqrt(2 * 2000))  # standard errors
        refused = self.elbo("sample", "runs/vectors", "-o", "x.png", expect=2).err
        self.assertIn("-o x.png: samples of 5 are no images; write them to a file that ends in .npy or .h5", refused)
        (self.folder / "v.h5").unlink()  # the prior does not need it
        self.assertIn("as the model sees them\n", self.elbo("sample", "runs/vectors", "-n", 2, "-o", "y.npy").out)


    def test_values_as_they_are_stored(self):
        """What is standardised comes back with the data's own mean and deviation."""
        self.elbo("convert", "ppca", "v.h5", "--train", 2000, "--test", 20, "--dimensions", 5)
        text = self.TEXT.replace("data: {", "data: {transform: [{scale: 3, offset: 7}, standardise], ")
        (self.folder / "v.yaml").write_text(text.replace("epochs: 1", "epochs: 20"), encoding="utf-8")
        self.elbo("train", "v.yaml")
        for ranks in (None, 2):
            said = self.elbo("sample", "runs/vectors", "-n", 4000, "--as-stored", "-o", "stored.h5", "--force", ranks=ranks).out
            self.assertIn("as the data holds them", said)
            self.elbo("sample", "runs/vectors", "-n", 4000, "-o", "seen.npy", "--force", ranks=ranks)
            with h5py.File(self.folder / "stored.h5") as file, h5py.File(self.folder / "v.h5") as data:
                stored, x = file["x"][()].astype(float), data["train/x"][()].astype(float)
                self.assertIn("data.transform are undone", file["x"].attrs["values"])
            seen = numpy.load(self.folder / "seen.npy").astype(float)
            self.assertLess(numpy.abs(stored - (seen * x.std(0) + x.mean(0))).max(), 1e-4)
        (self.folder / "v.h5").rename(self.folder / "gone.h5")
        self.assertIn("v.h5", self.elbo("sample", "runs/vectors", "--as-stored", "-o", "x.npy", expect=2).err)


class Deep(elbo_cli.Case):
    """Integers that are scaled, a likelihood of any real number: what is black and white is known."""

    def test_scaled_integers(self):
        text = elbo_cli.CONFIGURATION.replace("likelihood: bernoulli", "likelihood: gaussian").replace(
            "data: {", "data: {scale: 1, ")
        self.elbo("train", self.small_run(text))
        said = self.elbo("sample", "runs/small", "-n", 4, "--mean", "-o", "x.h5").out
        self.assertIn("sprites.h5:/train/x", said)
        self.assertIn("black 0, white 255", self.elbo("sample", "runs/small", "-n", 4, "-o", "x.png").out)
        refused = self.elbo("sample", "runs/small", "--as-stored", "-o", "y.png", expect=2).err
        self.assertIn("--as-stored: y.png is of images", refused)
        self.elbo("train", "small.yaml", "data.scale=0.5", "output=runs/half")
        for name, option in (("seen", []), ("stored", ["--as-stored"])):
            self.elbo("sample", "runs/half", "-n", 4, "-o", f"{name}.npy", *option)
        seen, stored = (numpy.load(self.folder / f"{name}.npy") for name in ("seen", "stored"))
        self.assertEqual(numpy.abs(2 * seen - stored).max(), 0)


if __name__ == "__main__":
    unittest.main()
