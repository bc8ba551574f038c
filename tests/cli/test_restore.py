"""`elbo restore`: better than its baselines, the same on any number of ranks, and what it refuses."""
import json
import math
import unittest

import elbo_cli

elbo_cli.need_modules("PIL", "h5py", "numpy")
# pylint: disable=wrong-import-position
import h5py  # noqa: E402
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

SIZE = 16
CONFIGURATION = """\
output: runs/small
seed: 1
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x"}
model: {latent: 8, encoder: [{dense: 128}], decoder: [{dense: 128}]}
optimizer: {rate: 2e-3}
training: {epochs: 12, batch: 64}
"""
TASKS = {"denoise": ("--noise", 0.4), "inpaint": ("--rectangle", "4,4,8x8"), "superres": ("--factor", 4),
         "mask": ("--mask", "mask.png")}
PLAIN = {"denoise": ("noisy", "noisy_clamped"), "inpaint": ("observed_mean", "mean_image"),
         "superres": ("nearest", "bicubic"), "mask": ("observed_mean", "mean_image")}


class Restore(elbo_cli.PreparedCase):
    def prepare(self):
        elbo_cli.sprites(self.folder / "sprites.h5", train=3000, test=40, size=SIZE)
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        self.elbo("train", "small.yaml")
        observed = numpy.zeros((SIZE, SIZE), numpy.uint8)
        observed[::2, ::2] = 255
        Image.fromarray(observed).save(self.folder / "mask.png")
        numpy.save(self.folder / "mask.npy", observed.astype(bool))

    def restore(self, task, *arguments, **options):
        words = ["restore", "runs/small", "--task", task, *TASKS[task], "--steps", 300, *arguments]
        said = self.elbo(*words, "--json", "figures.json", **options)
        return json.loads((self.folder / "figures.json").read_text(encoding="utf-8")), said.out

    def refused(self, *arguments, **options):
        said = self.elbo("restore", "runs/small", *arguments, expect=2, **options)
        self.assertEqual(said.out, "")
        return said.err

    def test_better_than_the_baselines(self):
        for task in TASKS:
            found, said = self.restore(task, "-n", 40)
            for plain in PLAIN[task]:
                for figure in ("psnr", "ssim"):
                    self.assertGreater(found["restored"][figure]["mean"], found[plain][figure]["mean"], (task, plain, said))
                if task in ("inpaint", "mask"):
                    self.assertGreater(found["restored"]["hidden_psnr"]["mean"], found[plain]["hidden_psnr"]["mean"], task)
            self.assertGreater(found["restored"]["psnr"]["mean"], found["draw"]["psnr"]["mean"])
            self.assertGreater(found["bound"]["fitted"]["mean"], found["bound"]["encoder"]["mean"])
            self.assertGreater(found["bound"]["weighted"]["mean"], found["bound"]["fitted"]["mean"])
            for line in said.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_the_same_bits_on_any_number_of_ranks(self):
        for task, extension in (("denoise", "h5"), ("inpaint", "png"), ("superres", "npy"), ("mask", "h5")):
            outputs = []
            for ranks in (None, 1, 2, 3):  # 19 samples: blocks of 8, 8 and 3
                out = self.folder / f"{task}-{ranks}.{extension}"
                figures, said = self.restore(task, "-n", 19, "--from", 3, "-o", out, ranks=ranks)
                outputs.append((figures, said.replace(out.name, ""), out.read_bytes()))
            for other in outputs[1:]:
                self.assertEqual(other[0], outputs[0][0])
                self.assertEqual(other[2], outputs[0][2])

    def test_images_and_figures_fit_each_other(self):
        with h5py.File(self.folder / "sprites.h5") as file:
            data = file["/test/x"][2:11].astype(numpy.float32) / 255
        found, _ = self.restore("mask", "-n", 9, "--from", 2, "--draws", 3, "-o", self.folder / "out.h5")
        hidden = numpy.ones((SIZE, SIZE), bool)
        hidden[::2, ::2] = False
        with h5py.File(self.folder / "out.h5") as file:
            images = {name: file[name][:] for name in file}
        self.assertEqual(images["draws"].shape, (9, 3, SIZE, SIZE))
        numpy.testing.assert_allclose(images["truth"], data, atol=1e-6)
        for name in ("observed", "baseline", "mean"):
            numpy.testing.assert_array_equal(images[name][:, ~hidden], images["truth"][:, ~hidden])
        self.assertTrue((images["observed"][:, hidden] == 0.5).all())
        self.assertTrue((images["spread"][:, ~hidden] == 0).all())
        self.assertTrue((images["spread"][:, hidden] > 0).any())
        for draw in range(3):
            numpy.testing.assert_array_equal(images["draws"][:, draw][:, ~hidden], images["truth"][:, ~hidden])
        self.assertFalse((images["draws"][:, 0] == images["draws"][:, 1]).all())
        for key, name in (("restored", "mean"), ("mean_image", "baseline")):
            errors = (images[name].astype(float) - images["truth"]) ** 2
            self.assertAlmostEqual(found[key]["mse"]["mean"], errors.mean(), places=6)
            psnr = numpy.mean([-10 * math.log10(error[hidden].mean()) for error in errors])
            self.assertAlmostEqual(found[key]["hidden_psnr"]["mean"], psnr, places=4)
        stacked = self.folder / "out.npy"
        self.restore("mask", "-n", 9, "--from", 2, "--draws", 3, "-o", stacked)
        together = numpy.load(stacked)
        self.assertEqual(together.shape, (9, 8, SIZE, SIZE))
        for place, name in enumerate(("truth", "observed", "baseline", "mean", "spread")):
            numpy.testing.assert_array_equal(together[:, place], images[name])
        numpy.testing.assert_array_equal(together[:, 5:], images["draws"])

    def test_what_is_hidden_is_not_looked_at(self):
        """Samples that differ in what is hidden alone are restored alike."""
        with h5py.File(self.folder / "sprites.h5") as file:
            data = file["/test/x"][:8]
        other = data.copy()
        other[:, 4:12, 4:12] = 255 - other[:, 4:12, 4:12]
        means = []
        for name, x in (("one", data), ("two", other)):
            # What each has of a mean image, its baseline and start, is made the same by samples of the other.
            with h5py.File(self.folder / f"{name}.h5", "w") as file:
                file["x"] = numpy.concatenate([x, other if name == "one" else data])
            self.restore("inpaint", "-n", 8, "--data", self.folder / f"{name}.h5", "-o", self.folder / f"{name}.npy")
            means.append(numpy.load(self.folder / f"{name}.npy"))
        self.assertGreater(numpy.abs(means[0][:, 0] - means[1][:, 0]).max(), 0.9)
        for place in range(1, means[0].shape[1]):
            numpy.testing.assert_allclose(means[0][:, place], means[1][:, place], atol=1e-4)

    def test_a_seed_makes_the_noise_and_masks_may_be_arrays(self):
        observed = []
        for seed in (1, 1, 2):
            out = self.folder / "noise.npy"
            self.restore("denoise", "-n", 2, "--seed", seed, "--force", "-o", out)
            observed.append(numpy.load(out)[:, 1])
        numpy.testing.assert_array_equal(observed[0], observed[1])
        self.assertGreater(numpy.abs(observed[0] - observed[2]).max(), 0.1)
        truth = numpy.load(self.folder / "noise.npy")[:, 0]
        self.assertAlmostEqual((observed[2] - truth).std(), 0.4, delta=0.05)
        by_picture, _ = self.restore("mask", "-n", 3)
        by_array = self.elbo("restore", "runs/small", "--task", "mask", "--mask", "mask.npy", "--steps", 300, "-n", 3).out
        self.assertIn(f"{by_picture['restored']['psnr']['mean']:.2f}", by_array)

    def test_wrong_input_is_refused(self):
        rectangle = ("--task", "inpaint", "--rectangle")
        self.assertIn("did you mean denoise", self.refused("--task", "denose"))
        self.assertIn("--task", self.refused())
        self.assertIn("needs --rectangle, as --rectangle 7,7,14x14", self.refused("--task", "inpaint"))
        self.assertIn("needs --mask", self.refused("--task", "mask"))
        self.assertIn("--factor: is for --task superres, not denoise", self.refused("--task", "denoise", "--factor", 2))
        self.assertIn("--noise 0", self.refused("--task", "denoise", "--noise", 0))
        for text in ("4,4", "4,4,8", "4,4,8x", "4,4,0x8", "a,4,8x8", "4,4,8x8,1", "-1,4,8x8"):
            self.assertIn("expected TOP,LEFT,HEIGHTxWIDTH", self.refused("--task", "inpaint", f"--rectangle={text}"))
        for text in ("10,4,8x8", "4,10,8x8", "16,0,1x1", "0,0,99999999999x1"):
            self.assertIn("reaches out of images of 16 x 16", self.refused(*rectangle, text))
        self.assertIn("hides all", self.refused(*rectangle, "0,0,16x16"))
        for factor in (0, 1, 3, 32):
            self.assertIn(f"--factor {factor}: expected", self.refused("--task", "superres", "--factor", factor))
        numpy.save(self.folder / "large.npy", numpy.ones((17, 16)))
        numpy.save(self.folder / "all.npy", numpy.ones((16, 16)))
        (self.folder / "text.png").write_text("no picture", encoding="utf-8")
        mask = ("--task", "mask", "--mask")
        for ranks in (None, 2):
            self.assertIn("is of 17 x 16, but", self.refused(*mask, self.folder / "large.npy", ranks=ranks))
            self.assertIn("hides nothing", self.refused(*mask, self.folder / "all.npy", ranks=ranks))
            self.assertIn("expected a PNG or an .npy", self.refused(*mask, self.folder / "text.png", ranks=ranks))
            self.assertIn("none.png", self.refused(*mask, "none.png", ranks=ranks))
        self.assertIn("--draws 0", self.refused("--task", "denoise", "--draws", 0))
        self.assertIn("--from 40", self.refused("--task", "denoise", "--from", 40))
        self.assertIn("there is no folder none", self.refused("--task", "denoise", "--json", "none/x.json"))
        self.assertIn(".png, .npy or .h5", self.refused("--task", "denoise", "-o", "x.jpg"))


class Vectors(elbo_cli.Case):
    def test_a_model_without_images_is_refused(self):
        self.elbo("convert", "gaussian-mixture", "vectors.h5", "--train", 200, "--test", 60)
        (self.folder / "vectors.yaml").write_text(elbo_cli.CONFIGURATION.replace("sprites", "vectors").replace(
            "bernoulli", "gaussian"), encoding="utf-8")
        self.elbo("train", "vectors.yaml", "training.epochs=1")
        said = self.elbo("restore", "runs/small", "--task", "denoise", expect=2)
        self.assertIn("which are no images", said.err)


if __name__ == "__main__":
    unittest.main()
