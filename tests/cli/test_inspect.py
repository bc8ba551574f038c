"""inspect, --help, --version, --reference, --rehearse: what they say, and that they leave nothing behind."""
import os
import pathlib
import re
import tempfile
import time
import unittest

import elbo_cli


class Inspect(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.config = self.small_run()

    def test_dataset(self):
        out = self.elbo("inspect", "sprites.h5").out
        for words in ("/train/x", "200 x 8 x 8", "uint8", "0 to 255", "/train/factors", "200 x 5"):
            self.assertIn(words, out)

    def test_checkpoint(self):
        self.elbo("train", self.config)
        out = self.elbo("inspect", "runs/small/checkpoints/best.h5").out
        for words in ("checksum right", "encoder/dense1/weight", "16 x 64", "decoder/output/bias", "best", "Open MPI"):
            self.assertIn(words, out)
        self.assertRegex(out, r"step +8\n +epoch +2")
        # 64-16, 16-4 twice, 4-16, 16-64, each with its biases.
        self.assertRegex(out, r"in all +2,344")

    def test_configuration(self):
        out = self.elbo("inspect", self.config, "--ranks", 2).out
        self.assertRegex(out, r"in all +2,344")
        self.assertIn("25 a rank x 2", out)
        # Products of a step: forward and weight gradients of all layers, input gradients of all but the first.
        products = 64 * 16 + 16 * 8 + 4 * 16 + 16 * 64
        self.assertIn(f"{2 * (3 * products - 64 * 16) / 1e6:.2f} million", out)

    def test_configuration_without_its_dataset(self):
        there = self.elbo("inspect", self.config).out
        elsewhere = ("data.train=nowhere.h5:/train/x", "data.validation=nowhere.h5:/test/x")
        out = self.elbo("inspect", self.config, *elsewhere, "data.shape=[8, 8]").out
        self.assertIn("nowhere.h5:/train/x is not there; samples of 8 x 8", out)
        self.assertIn("in all, without data", out)
        parameters = re.compile(r"\nparameters\n(?:  .*\n)+")
        self.assertEqual(parameters.search(out)[0], parameters.search(there)[0])
        self.assertIn("data.shape", self.elbo("inspect", self.config, *elsewhere, expect=2).err)

    @unittest.skipIf(elbo_cli.SANITIZED, "sanitizers take memory of their own")
    def test_memory_is_what_inspect_says(self):
        config = elbo_cli.CONFIGURATION.replace("dense: 16", "dense: 1500")
        (self.folder / "wide.yaml").write_text(config, encoding="utf-8")
        elbo_cli.sprites(self.folder / "larger.h5", train=6000, test=300, size=64)
        os.replace(self.folder / "larger.h5", self.folder / "sprites.h5")
        for ranks in (1, 2, 4):
            text = self.elbo("inspect", "wide.yaml", "--ranks", ranks).out
            said = float(re.search(r"in all while it saves +([\d.]+) MiB", text)[1]) * 2**20
            used = self.peak(ranks, "train", "wide.yaml", "training.epochs=1", f"output=runs/w{ranks}")
            self.assertLess(abs(used / said - 1), 0.1,
                            f"{ranks} ranks: said {said / 2**20:.1f} MiB, used {used / 2**20:.1f}\n{text}")

    def test_memory_between_nodes(self):
        """Each of two nodes gets the other's half of the gradients, and keeps its own sum, in the room of one array."""
        alone = self.elbo("inspect", self.config, "--ranks", 2).out
        self.assertNotIn("between", alone)
        for precision, arrays in (("fp32", 2), ("bf16", 3)):
            out = self.elbo("inspect", self.config, "--ranks", 2, "--nodes", 2, "communication.route=direct",
                            f"communication.precision={precision}").out
            values, between = (float(re.search(rf"{row} +([\d.]+) KiB", out)[1])
                               for row in ("values, one copy", "between 2 nodes, direct"))
            self.assertAlmostEqual(between / values, arrays, delta=0.05)
            self.assertIn(" a rank x 4", out)
        self.assertEqual(self.elbo("inspect", self.config, "--nodes", 0, expect=2).out, "")

    def peak(self, ranks, *arguments):
        """Most memory that a run's ranks held at once, bytes; pages that they share count once (proportional set size)."""
        process = elbo_cli.start(arguments, ranks=ranks, cwd=self.folder)
        most = 0
        while process.poll() is None:
            most = max(most, sum(self.held(pid) for pid in self.ranks_below(process.pid)))
            time.sleep(0.002)
        output = process.communicate()[0]
        self.assertEqual(process.returncode, 0, output)
        return most

    @staticmethod
    def ranks_below(launcher):
        children = pathlib.Path(f"/proc/{launcher}/task/{launcher}/children").read_text(encoding="utf-8").split()
        return [int(child) for child in children]

    @staticmethod
    def held(pid):
        try:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
            return int(re.search(r"Pss: +(\d+) kB", rollup)[1]) * 1024
        except (OSError, TypeError):
            return 0  # it has ended

    def test_rehearsal(self):
        before = self.files()
        with tempfile.TemporaryDirectory() as scratch:
            for ranks in (None, 3):
                out = self.elbo("train", self.config, "--rehearse", ranks=ranks, env={"TMPDIR": scratch}).out
                self.assertIn("would run", out)
                self.assertIn("steps       done, validation done", out)
                self.assertIn("checkpoint  written, pictures drawn", out)
                self.assertIn("resume", out)
            self.assertEqual([name for name in os.listdir(scratch) if "elbo" in name], [])
        self.assertEqual(self.files(), before)
        self.assertIn("nowhere.h5", self.elbo("train", self.config, "--rehearse", "data.train=nowhere.h5", expect=2).err)
        self.assertIn("TMPDIR names /nonexistent, which does not exist",
                      self.elbo("train", self.config, "--rehearse", env={"TMPDIR": "/nonexistent"}, expect=2).err)

    def test_rehearsal_says_what_was_done(self):
        self.elbo("convert", "gaussian-mixture", "vectors.h5", "--train", 200, "--test", 60)
        out = self.elbo("train", self.config, "--rehearse", "data.train=vectors.h5:/train/x", "data.validation=~",
                        "model.likelihood=gaussian").out
        self.assertIn("steps       done; there is nothing to validate with\n", out)
        self.assertIn("checkpoint  written\n", out)

    def test_output_fits_80_columns(self):
        commands = re.findall(r"^  (\w+) ", self.elbo("--help").out.split("Subcommands:")[1], re.M)
        self.assertTrue({"train", "evaluate", "encode", "completion"} <= set(commands), commands)
        for arguments in (("--help",), *((command, "--help") for command in commands), ("train", "--reference"),
                          ("inspect", "sprites.h5"), ("inspect", self.config), ("train", self.config)):
            for line in self.elbo(*arguments).out.splitlines():
                self.assertLessEqual(len(line), 80, f"{arguments}: {line}")
                self.assertNotIn("\x1b", line)

    def test_what_needs_no_mpi_is_printed_by_one_rank(self):
        for arguments in (("inspect", "sprites.h5"), ("runs", "."), ("train", self.config, "--print-output"),
                          ("train", "--reference")):
            self.assertEqual(self.elbo(*arguments, ranks=3).out, self.elbo(*arguments).out)

    def test_words_that_would_be_ignored_are_refused(self):
        self.elbo("train", self.config)
        for message, arguments in (
                ("--ranks and --nodes belong to a configuration", ("inspect", "sprites.h5", "--ranks", 3)),
                ("--ranks and --nodes belong to a configuration", ("inspect", "runs/small/checkpoints/best.h5", "--nodes", 1)),
                ("--markdown is of --reference", ("train", self.config, "--markdown")),
                ("--quiet and --verbose", ("train", self.config, "-q", "-v"))):
            said = self.elbo(*arguments, expect=2)
            self.assertIn(message, said.err)
            self.assertEqual(said.out, "")

    def test_quiet(self):
        self.assertEqual(len(self.elbo("train", self.config, "--quiet").out.splitlines()), 1)
        self.assertIn("saved", self.elbo("train", self.config, "--fresh", "--verbose").out)

    def test_version(self):
        out = self.elbo("--version").out
        for word in ("elbo", "oneDNN", "MPI", "HDF5"):
            self.assertIn(word, out)

    def test_output_may_be_named_by_keys(self):
        self.elbo("train", self.config, "output=runs/z{model.latent}-s{seed}")
        self.assertTrue(pathlib.Path(self.folder / "runs/z4-s1/metrics.jsonl").is_file())


if __name__ == "__main__":
    unittest.main()
