"""Not-a-number on one rank: found at its step, with rank, layer, sample; never in a checkpoint; skipped if asked for.

One sample holds a value so large that its ELBO overflows, another its negative, so that the data's mean stays finite.
"""
import array
import random
import re
import shutil
import socket
import subprocess
import sys

import elbo_cli
import faults

SAMPLES, WIDTH = 520, 40  # 26 batches of 20
HUGE = {311: 1e30, 12: -1e30}
SETTINGS = ("data.train=x.h5:/x", "data.validation=~", "data.binarize=none",
            "model.likelihood={gaussian: {variance: 1}}", "training.epochs=3", "training.batch=20",
            "checkpoint.every.steps=1", "checkpoint.keep=1000")


def write_dataset(folder, name, huge):
    """Uniform numbers, and the huge ones, as /x of an HDF5 file."""
    dice = random.Random(1)
    values = array.array("f", [dice.random() for _ in range(SAMPLES * WIDTH)])
    for sample, value in huge.items():
        values[sample * WIDTH + 7] = value
    (folder / "x.bin").write_bytes(values.tobytes())
    (folder / name).unlink(missing_ok=True)
    subprocess.run(["h5import", "x.bin", "-d", f"{SAMPLES},{WIDTH}", "-p", "/x", "-t", "FP", "-s", "32", "-o", name],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)


class NotANumber(faults.Case):
    def setUp(self):
        super().setUp()
        self.small_run()
        write_dataset(self.folder, "x.h5", HUGE)

    def test_found_at_its_step_and_kept_out_of_checkpoints(self):
        found = set()
        for ranks in (1, 2, 3, 4):
            run = self.run_folder(f"nan{ranks}")
            bad = self.train(*SETTINGS, f"output={run}", ranks=ranks, expect=3)
            told = re.search(rf"elbo: training diverged at step (\d+) \(epoch 1\): rank (\d) on "
                             rf"{re.escape(socket.gethostname())}: (.*) for sample (\d+)", bad.err)
            self.assertTrue(told, bad)
            step, sample = int(told[1]), int(told[4])
            self.assertIn(sample, HUGE)
            self.assertLess(int(told[2]), ranks)
            self.assertTrue(re.search("encoder|decoder|KL divergence|reconstruction", told[3]), bad)
            found.add((step, sample))
            status = elbo_cli.status(run)
            self.assertEqual((status["state"], status["exit"]), ("diverged", 3))
            self.assertIn(f"for sample {sample}", status["message"])
            self.assertEqual(faults.checkpoint_steps(run), list(range(1, step)))
            for checkpoint in (run / "checkpoints").glob("step-*.h5"):
                self.elbo("inspect", checkpoint)
                dump = subprocess.run(["h5dump", "-m", "%.9g", checkpoint], check=True, stdout=subprocess.PIPE).stdout
                self.assertIsNone(re.search(rb"\b(nan|inf)\b", dump), checkpoint)
            self.expect_tidy(run)
            # The same command meets the same step again.
            again = self.train(*SETTINGS, f"output={run}", ranks=ranks, expect=3)
            self.assertIn(f"resume   {run}/checkpoints/step-{step - 1:08}.h5", again.out)
            self.assertIn(f"diverged at step {step} ", again.err)
        self.assertEqual(len(found), 1, "every number of ranks meets it at the same step")
        self.row("NaN on one rank of 1-4", "found at its step, status 3, rank, layer, sample named")

    def test_skipped_on_all_ranks_alike(self):
        skip = (*SETTINGS, "training.on_nan=skip")
        expected = self.undisturbed(*skip, ranks=1)
        whole = self.run_folder("whole")
        skips = [event for event in elbo_cli.events(whole) if event["event"] == "skip"]
        # One or two in each of three epochs.
        self.assertIn(len(skips), range(3, 7))
        self.assertEqual([event["skipped"] for event in skips], list(range(1, len(skips) + 1)))
        for line in elbo_cli.metrics(whole):
            self.assertTrue(abs(line["elbo"]) < 1e6, line)
        epochs = [line for line in elbo_cli.metrics(whole, "train") if line["over"] == "epoch"]
        self.assertEqual(sum(line["samples"] for line in epochs), 3 * SAMPLES - 20 * len(skips))
        for ranks in (3, 4):
            self.train(*skip, f"output=runs/skip{ranks}", ranks=ranks)
            self.expect_bits(expected, self.run_folder(f"skip{ranks}"))
        self.assertEqual(elbo_cli.status(whole)["state"], "done")
        self.row("the same, on_nan: skip", "steps skipped on all ranks alike", lost=len(skips))

    def test_skipping_is_bounded(self):
        write_dataset(self.folder, "x.h5", {})
        bad = self.train(*SETTINGS, "training.on_nan=skip", "training.skip_limit=3", "optimizer.rate=1e30", ranks=2,
                         expect=3)
        self.assertRegex(bad.err, "diverged at step 5 .*after 3 skipped steps in a row")
        # Fewer steps an epoch than may be skipped in a row: there would be nothing to take the mean of.
        bad = self.train(*SETTINGS, "training.on_nan=skip", "training.batch=520", "optimizer.rate=1e30",
                         "output=runs/empty", ranks=2, expect=3)
        self.assertIn("every step of epoch 2 was skipped", bad.err)
        self.assertEqual([line["epoch"] for line in elbo_cli.metrics(self.run_folder("empty"))], [1])
        self.row("NaN in every step, on_nan: skip", "ended after skip_limit, status 3")


if __name__ == "__main__":
    if not shutil.which("h5import"):
        sys.exit("h5import is missing: install hdf5-tools")
    faults.main("__main__")
