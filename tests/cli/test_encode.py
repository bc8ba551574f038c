"""`elbo encode`: the same bytes on any number of ranks, against an encoder in NumPy, resampling, and refusals."""
import subprocess
import unittest

import elbo_cli

elbo_cli.need_modules("h5py", "numpy")

import h5py  # noqa: E402
import numpy  # noqa: E402


class Encode(elbo_cli.PreparedCase):
    SAMPLES = 300  # more than a block of 256: the last one is short

    def prepare(self):
        self.elbo("train", self.small_run(train=200, test=self.SAMPLES), "training.epochs=4")

    def encode(self, *arguments, output="out.h5", data="sprites.h5:/test/x", **options):
        """What was said, and the datasets."""
        said = self.elbo("encode", "runs/small", data, output, "--force", *arguments, **options).out
        for line in said.splitlines():
            self.assertLessEqual(len(line), 80, line)
        if output.endswith(".npy"):
            return said, numpy.load(self.folder / output)
        with h5py.File(self.folder / output) as file:
            return said, {name: dataset[()] for name, dataset in file.items()}

    def refused(self, *arguments, **options):
        said = self.elbo("encode", *arguments, expect=2, **options)
        self.assertEqual(said.out, "")
        if "ranks" not in options:  # else the launcher speaks too
            self.assertEqual(said.err.count("\n"), 1, said.err)
        return said.err

    def test_the_same_bytes_on_any_number_of_ranks(self):
        for how in ([], ["--posterior", "importance", "--samples", 20], ["--posterior", "hmc", "--samples", 4]):
            for output, more in (("codes.h5", ["--draws", 3]), ("codes.npy", [])):
                alone, _ = self.encode(*how, *more, output=output)
                expected = (self.folder / output).read_bytes()
                for ranks in (1, 2, 3, 4):
                    said, _ = self.encode(*how, *more, output=output, ranks=ranks)
                    self.assertEqual(said.rsplit("\n", 2)[0], alone.rsplit("\n", 2)[0])  # but for the seconds
                    self.assertEqual((self.folder / output).read_bytes(), expected)

    def test_where_a_host_does_not_see_the_file_rank_0_writes(self):
        """A rank of which another file system covers the output's folder."""
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no mounts of one's own (unshare -m): not root")
        self.encode("--draws", 3)
        words = elbo_cli.command_line(["encode", "runs/small", "sprites.h5:/test/x", "apart/out.h5", "--draws", 3])
        (self.folder / "apart").mkdir()
        covered = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none apart && exec "$0" "$@"', *words]
        command = [elbo_cli.MPIEXEC, *elbo_cli.launcher_options(), "-n", "1", *words, ":", "-n", "1", *covered]
        said = subprocess.run(command, cwd=self.folder, env=elbo_cli.environment(), capture_output=True,
                              encoding="utf-8", check=True, timeout=120).stdout
        self.assertIn("by rank 0, since some hosts do not see the file", " ".join(said.split()))
        self.assertEqual((self.folder / "apart/out.h5").read_bytes(), (self.folder / "out.h5").read_bytes())

    def test_a_file_appears_whole_or_not_at_all(self):
        """A code that is not finite, far from the file's beginning, on whichever rank makes it."""
        with h5py.File(self.folder / "sprites.h5", "a") as file:
            file["float"] = file["train/x"][()].astype(numpy.float32) / 255
        self.elbo("train", "small.yaml", "data.train=sprites.h5:/float", "data.validation=~", "output=runs/float",
                  "model.likelihood=gaussian", "training.epochs=1")
        with h5py.File(self.folder / "runs/float/checkpoints/latest.h5") as file:
            weights = file["parameters/encoder/dense1/weight"][0]
        x = numpy.zeros((3000, 8, 8), numpy.float32)
        x[2700] = numpy.sign(weights).reshape(8, 8) * 3e38  # a sum that is too large for float32
        with h5py.File(self.folder / "large.h5", "w") as file:
            file["x"] = x
        for ranks in (None, 2, 3):
            said = self.elbo("encode", "runs/float", "large.h5:/x", "out.h5", ranks=ranks, expect=2)
            self.assertIn("the code of sample 2,700 is not finite", said.err)
            self.assertEqual([name for name in self.files() if "out.h5" in name], [])

    def test_means_and_variances_are_those_of_the_encoder(self):
        _, codes = self.encode()
        with h5py.File(self.folder / "runs/small/checkpoints/best.h5") as file, h5py.File(self.folder / "sprites.h5") as data:
            def product(path, x):
                return x @ file[f"{path}/weight"][()].astype(float).T + file[f"{path}/bias"][()]
            x = data["test/x"][()].reshape(self.SAMPLES, -1) / 255.0
            hidden = numpy.maximum(product("parameters/encoder/dense1", x), 0)
            for name in ("mean", "log_variance"):
                expected = product(f"parameters/encoder/{name}", hidden)
                self.assertEqual((codes[name].shape, codes[name].dtype), ((self.SAMPLES, 4), numpy.float32))
                self.assertLess(numpy.abs(codes[name] - expected).max(), 1e-4)

    def test_draws_of_the_encoders_posterior(self):
        _, one = self.encode()
        self.assertEqual(one["z"].shape, (self.SAMPLES, 4))
        said, many = self.encode("--draws", 50)
        self.assertIn("/z (300 x 50 x 4)", " ".join(said.split()))
        self.assertEqual(many["z"].shape, (self.SAMPLES, 50, 4))
        self.assertEqual(numpy.abs(many["z"][:, 0] - one["z"]).max(), 0)
        noise = (many["z"] - many["mean"][:, None]) / numpy.exp(many["log_variance"] / 2)[:, None]
        count = noise.size
        self.assertLess(abs(noise.mean()), 5 / count**0.5)  # standard errors
        self.assertLess(abs((noise**2).mean() - 1), 5 * (2 / count)**0.5)
        _, other = self.encode("--seed", 7)
        self.assertGreater(numpy.abs(other["z"] - one["z"]).max(), 0.1)
        self.assertEqual(numpy.abs(other["mean"] - one["mean"]).max(), 0)
        self.assertNotIn("z", self.encode("--draws", 0)[1])

    def test_resampling(self):
        said, one = self.encode("--posterior", "importance", "--samples", 200, "--draws", 400)
        self.assertIn("(200 each): effective sample size", " ".join(said.split()))
        _, q = self.encode()
        size = one["effective_sample_size"]
        self.assertEqual((size.shape, size.dtype), ((self.SAMPLES,), numpy.float64))
        self.assertTrue((size >= 1).all() and (size <= 200).all())
        # Draws have the weighted moments, within five standard errors and what float32 keeps.
        deviation = numpy.exp(one["log_variance"] / 2)
        self.assertLess((numpy.abs(one["z"].mean(1) - one["mean"]) / (deviation / 20 + 1e-5)).max(), 5)
        self.assertGreater(numpy.abs(one["mean"] - q["mean"]).max(), 1e-3)
        # One draw is one candidate: its own mean, and no variance.
        _, single = self.encode("--posterior", "importance", "--samples", 1)
        self.assertLess(numpy.abs(single["mean"] - single["z"]).max(), 1e-6)
        self.assertTrue((single["effective_sample_size"] == 1).all())
        self.assertTrue((single["log_variance"] < -20).all())
        self.elbo("evaluate", "runs/small", "--samples", 200, "--per-sample", "figures.h5")
        with h5py.File(self.folder / "figures.h5") as figures:  # the same draws, the same weights
            self.assertLess(numpy.abs(figures["effective_sample_size"][()] / size - 1).max(), 1e-6)

    def test_means_for_numpy(self):
        said, means = self.encode(output="means.npy")
        self.assertIn("means.npy: the means (300 x 4)", said)
        self.assertEqual(numpy.abs(means - self.encode()[1]["mean"]).max(), 0)
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file.attrs["posterior"], "q")
            self.assertEqual(file.attrs["data"], "sprites.h5:/test/x")
            self.assertIn("step-", file.attrs["checkpoint"])

    def test_wrong_input_is_refused(self):
        test = "sprites.h5:/test/x"
        (self.folder / "there.h5").write_text("", encoding="utf-8")
        self.assertIn("no such run", self.refused("runs/none", test, "x.h5"))
        self.assertIn("none.h5", self.refused("runs/small", "none.h5", "x.h5"))
        self.assertIn("x.txt: expected an output whose name ends in .h5 or .npy", self.refused("runs/small", test, "x.txt"))
        self.assertIn("there.h5: exists already; name another file, or replace it with --force",
                      self.refused("runs/small", test, "there.h5"))
        self.assertIn("there is no folder nowhere", self.refused("runs/small", test, "nowhere/x.h5"))
        self.assertIn("--posterior p: expected one of q, importance, hmc",
                      self.refused("runs/small", test, "x.h5", "--posterior", "p"))
        self.assertIn("--samples 0: expected a number from 1 to 65,536", self.refused("runs/small", test, "x.h5", "--samples", 0))
        self.assertIn("--draws 99999999: expected at most", self.refused("runs/small", test, "x.h5", "--draws", 99999999))
        elbo_cli.sprites(self.folder / "large.h5", size=16)
        for ranks in (None, 2):
            said = self.refused("runs/small", "large.h5:/test/x", "x.h5", ranks=ranks)
            self.assertIn("samples of 16 x 16", said)
        self.assertIn("--samples 5: is of --posterior importance and hmc",
                      self.refused("runs/small", test, "x.h5", "--samples", 5))
        self.assertIn("--draws 5: x.npy gets the means alone", self.refused("runs/small", test, "x.npy", "--draws", 5))
        self.assertFalse((self.folder / "x.h5").exists())


if __name__ == "__main__":
    unittest.main()
