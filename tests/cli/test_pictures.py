"""`elbo reconstruct`, `interpolate` and `traverse`: what they write, on any number of ranks, and what they refuse."""
import json
import re
import unittest

import elbo_cli

elbo_cli.need_modules("PIL", "h5py", "numpy")
# pylint: disable=wrong-import-position
import h5py  # noqa: E402
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

SIZE, LATENT = 8, 4


class Pictures(elbo_cli.PreparedCase):
    SAMPLES = 300  # more than a block of 256: the last one is short

    def prepare(self):
        self.elbo("train", self.small_run(train=200, test=self.SAMPLES, size=SIZE))

    def setUp(self):
        super().setUp()
        with h5py.File(self.folder / "sprites.h5") as file:
            self.data = file["/test/x"][:].astype(numpy.float32) / 255

    def image(self, name):
        return numpy.asarray(Image.open(self.folder / name))

    def same_bytes(self, command, *arguments, extensions=("png", "npy", "h5")):
        """What a command says alone; on 1, 2 and 3 ranks it writes the same files."""
        said = ""
        for extension in extensions:
            said = self.elbo(command, "runs/small", *arguments, "-o", f"out.{extension}").out
            for ranks in (1, 2, 3):
                same = self.elbo(command, "runs/small", *arguments, "-o", f"too.{extension}", "--force", ranks=ranks).out
                self.assertEqual(same.replace("too.", "out."), said)
                self.assertEqual((self.folder / f"out.{extension}").read_bytes(),
                                 (self.folder / f"too.{extension}").read_bytes())
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80, line)
        return said

    def refused(self, *arguments, **options):
        said = self.elbo(*arguments, expect=2, **options)
        self.assertEqual(said.out, "")
        return said.err

    def test_reconstructions_beside_their_inputs(self):
        said = self.same_bytes("reconstruct", "-n", 290, "--from", 5)
        both = numpy.load(self.folder / "out.npy")
        self.assertEqual((both.shape, both.dtype), ((2, 290, SIZE, SIZE), numpy.float32))
        numpy.testing.assert_allclose(both[0], self.data[5:295], atol=1e-6)
        with h5py.File(self.folder / "out.h5") as file:
            numpy.testing.assert_array_equal(file["/input"][:], both[0])
            numpy.testing.assert_array_equal(file["/reconstruction"][:], both[1])
            self.assertIn("step-", file.attrs["checkpoint"])
        mse = float(re.search(r"^MSE +([0-9.]+)", said, re.M)[1])
        self.assertAlmostEqual(((both[0] - both[1]) ** 2).mean(), mse, places=5)
        self.assertIn("samples 5 to 294", said)
        picture = self.image("out.png")  # 48 pixels an image, two lines for each 16 samples
        self.assertEqual(picture.shape[1], 2 + 16 * 50)
        numpy.testing.assert_array_equal(picture[5:50:6, 5:50:6], numpy.rint(both[0][0] * 255))
        numpy.testing.assert_array_equal(picture[55:100:6, 55:100:6], numpy.rint(both[1][1] * 255))

    def test_a_plain_reconstruction_shows_32_samples(self):
        self.assertIn("samples 0 to 31", self.elbo("reconstruct", "runs/small", "-o", "out.png").out)
        self.assertIn("samples 280 to 299", self.elbo("reconstruct", "runs/small", "-o", "b.png", "--from", 280).out)

    def test_codes_between_two_samples(self):
        ends = {}
        for way in ([], ["--spherical"]):
            self.same_bytes("interpolate", "--from", 3, "--to", 7, "--steps", 5, *way, extensions=("png", "npy", "h5"))
            with h5py.File(self.folder / "out.h5") as file:
                z, shown, inputs = file["/z"][:], file["/interpolation"][:], file["/input"][:]
            numpy.testing.assert_array_equal(shown, numpy.load(self.folder / "out.npy"))
            numpy.testing.assert_allclose(inputs, self.data[[3, 7]], atol=1e-6)
            self.assertEqual((z.shape, shown.shape), ((5, LATENT), (5, SIZE, SIZE)))
            ends[len(way)] = z[[0, -1]]
            if way:
                angle = numpy.arccos(numpy.dot(z[0], z[4]) / numpy.linalg.norm(z[0]) / numpy.linalg.norm(z[4]))
                expected = [(numpy.sin((1 - t) * angle) * z[0] + numpy.sin(t * angle) * z[4]) / numpy.sin(angle)
                            for t in numpy.linspace(0, 1, 5)]
            else:
                expected = numpy.linspace(z[0], z[4], 5)
            numpy.testing.assert_allclose(z, expected, atol=1e-5)
            self.assertEqual(self.image("out.png").shape, (52, 2 + 7 * 50))
            for extension in ("png", "npy", "h5"):
                (self.folder / f"out.{extension}").unlink()
        numpy.testing.assert_allclose(ends[0], ends[1], atol=1e-6)
        self.elbo("reconstruct", "runs/small", "-n", 5, "--from", 3, "-o", "ends.npy")
        numpy.testing.assert_allclose(numpy.load(self.folder / "ends.npy")[1][[0, 4]], shown[[0, 4]], atol=1e-5)

    def test_dimensions_in_the_order_of_their_kl(self):
        said = self.same_bytes("traverse", "--sample", 2, "--range", 2, "--steps", 5, "--dimensions", 3)
        self.assertIn("mean over 300 samples", said)
        rows = re.findall(r"^z(\d+) +([0-9.]+)$", said, re.M)
        self.assertEqual(len(rows), 3)
        kls = [float(kl) for _, kl in rows]
        self.assertEqual(kls, sorted(kls, reverse=True))
        self.elbo("evaluate", "runs/small", "--samples", 1, "--json", "figures.json")
        known = json.loads((self.folder / "figures.json").read_text(encoding="utf-8"))["kl_per_dimension"]
        best = sorted(known, key=known.get, reverse=True)[:3]
        self.assertEqual([number for number, _ in rows], best)
        for number, kl in rows:
            self.assertAlmostEqual(known[number], float(kl), places=3)
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual([str(int(number)) for number in file["/dimension"]], best)
            numpy.testing.assert_allclose(file["/z"], [-2, -1, 0, 1, 2])
            numpy.testing.assert_array_equal(file["/traversal"][:], numpy.load(self.folder / "out.npy"))
            self.assertEqual(file["/traversal"].shape, (3, 5, SIZE, SIZE))
        picture = self.image("out.png")
        self.assertEqual(picture.shape[0], 2 + 3 * 50)
        margin = picture.shape[1] - (2 + 5 * 50)
        self.assertGreater(margin, 40)  # "KL 1.23"
        for row in range(3):
            self.assertGreater((picture[2 + row * 50:50 + row * 50, :margin] == 0).sum(), 50)

    def test_more_dimensions_than_there_are_means_all(self):
        said = self.elbo("traverse", "runs/small", "-o", "out.png").out
        self.assertEqual(len(re.findall(r"^z\d", said, re.M)), LATENT)

    def test_wrong_input_is_refused(self):
        out = ("-o", "out.png")
        for ranks in (None, 2):
            self.assertIn("--from 300: sprites.h5:/test/x has 300 samples, 0 to 299",
                          self.refused("reconstruct", "runs/small", "--from", 300, *out, ranks=ranks))
        self.assertIn("-n 11: expected a number from 1 to 10",
                      self.refused("reconstruct", "runs/small", "--from", 290, "-n", 11, *out))
        self.assertIn("-n 0", self.refused("reconstruct", "runs/small", "-n", 0, *out))
        self.assertIn("--to 300", self.refused("interpolate", "runs/small", "--from", 0, "--to", 300, *out))
        self.assertIn("--steps 1", self.refused("interpolate", "runs/small", "--from", 0, "--to", 3, "--steps", 1, *out))
        self.assertIn("--to", self.refused("interpolate", "runs/small", "--from", 0, *out))
        self.assertIn("--sample 300", self.refused("traverse", "runs/small", "--sample", 300, *out))
        self.assertIn("--range -1", self.refused("traverse", "runs/small", "--range=-1", *out))
        self.assertIn("--steps 101", self.refused("traverse", "runs/small", "--steps", 101, *out))
        self.assertIn("--dimensions 0", self.refused("traverse", "runs/small", "--dimensions", 0, *out))
        self.assertIn(".png, .npy or .h5", self.refused("traverse", "runs/small", "-o", "out.gif"))
        self.assertIn("there is no folder none", self.refused("traverse", "runs/small", "-o", "none/out.png"))
        (self.folder / "there.png").write_bytes(b"mine")
        for command in ("reconstruct", "traverse"):
            self.assertIn("exists already", self.refused(command, "runs/small", "-o", "there.png"))
        self.assertEqual((self.folder / "there.png").read_bytes(), b"mine")
        self.assertFalse((self.folder / "out.png").exists())


class Vectors(elbo_cli.Case):
    def test_samples_that_are_no_images_are_arrays(self):
        self.elbo("convert", "gaussian-mixture", "vectors.h5", "--train", 200, "--test", 60)
        (self.folder / "vectors.yaml").write_text(elbo_cli.CONFIGURATION.replace("sprites", "vectors").replace(
            "bernoulli", "gaussian").replace("runs/small", "runs/vectors"), encoding="utf-8")
        self.elbo("train", "vectors.yaml", "training.epochs=1")
        for command, *words in (("reconstruct",), ("interpolate", "--from", 0, "--to", 1), ("traverse",)):
            for ranks in (None, 2):
                said = self.elbo(command, "runs/vectors", *words, "-o", "out.png", ranks=ranks, expect=2)
                self.assertIn("was trained on samples of 16, which are no images", said.err)
        self.elbo("reconstruct", "runs/vectors", "-o", "out.npy", "-n", 7)
        self.assertEqual(numpy.load(self.folder / "out.npy").shape, (2, 7, 16))


if __name__ == "__main__":
    unittest.main()
