"""Stopping and going on: a resumed run is the undisturbed one; what may change, what may not; --fresh; finished runs."""
import os
import pathlib
import shutil
import signal
import time
import unittest

import elbo_cli



class Resume(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run(train=430, test=60)

    def train(self, *arguments, **options):
        return self.elbo("train", "small.yaml", *arguments, **options)

    def test_a_resumed_run_equals_the_undisturbed_one(self):
        # On several ranks the values agree to the last bit as well: both runs have the same number.
        for ranks in (None, 3):
            common = ("report.every=2", "optimizer.clip=40")
            self.train("training.epochs=6", f"output=runs/whole{ranks}", *common, ranks=ranks)
            self.train("training.epochs=3", f"output=runs/parts{ranks}", *common, ranks=ranks)
            again = self.train("training.epochs=6", f"output=runs/parts{ranks}", *common, ranks=ranks)
            self.assertIn("resume", again.out)
            self.assertIn("training.epochs: 3 -> 6", again.out)
            whole, parts = self.folder / f"runs/whole{ranks}", self.folder / f"runs/parts{ranks}"
            self.assertEqual(elbo_cli.figures(whole), elbo_cli.figures(parts))
            resumes = [event for event in elbo_cli.events(parts) if event["event"] == "resume"]
            self.assertEqual([event["epoch"] for event in resumes], [3])

    def test_a_killed_run_goes_on_from_its_newest_checkpoint(self):
        self.train("training.epochs=30", "output=runs/whole")
        for kind in (signal.SIGKILL, signal.SIGTERM):
            output = self.folder / f"runs/killed{int(kind)}"
            process = elbo_cli.start(["train", "small.yaml", "training.epochs=30", f"output={output}"], cwd=self.folder)
            deadline = time.monotonic() + 60
            while len(list(output.glob("checkpoints/step-*.h5"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.005)
            process.send_signal(kind)
            process.communicate()
            # Steps beyond the checkpoint leave lines behind, and a kill may tear the last one.
            with open(output / "metrics.jsonl", "a", encoding="utf-8") as metrics:
                metrics.write('{"kind": "train", "torn')
            self.train("training.epochs=30", f"output={output}")
            self.assertEqual(elbo_cli.figures(self.folder / "runs/whole"),
                             elbo_cli.figures(output))

    def test_a_finished_run_says_so_and_touches_nothing(self):
        self.train()
        before = {path: path.stat().st_mtime_ns for path in (self.folder / "runs").rglob("*")}
        again = self.train(ranks=2)
        self.assertIn("finished", again.out)
        self.assertEqual(before, {path: path.stat().st_mtime_ns for path in (self.folder / "runs").rglob("*")})

    def test_allowed_changes_are_printed_and_recorded(self):
        self.train()
        out = self.train("training.epochs=4", "optimizer.rate=5e-4", "checkpoint.keep=1").out
        for text in ("training.epochs: 2 -> 4", "checkpoint.keep: 3 -> 1", "optimizer.rate"):
            self.assertIn(text, out)
        changed = {event["key"] for event in elbo_cli.events(self.folder / "runs/small") if event["event"] == "change"}
        self.assertTrue({"training.epochs", "checkpoint.keep"} <= changed)
        self.assertEqual(len(list((self.folder / "runs/small/checkpoints").glob("step-*.h5"))), 1)

    def test_another_model_or_data_is_refused_with_both_values(self):
        self.train()
        metrics = (self.folder / "runs/small/metrics.jsonl").read_bytes()
        bad = self.train("model.latent=5", "seed=9", "training.epochs=3", expect=2)
        self.assertRegex(bad.err, r"model\.latent: 4 in the run, 5 now")
        self.assertRegex(bad.err, r"seed: 1 in the run, 9 now")
        self.assertNotIn("training.epochs:", bad.err)

        elbo_cli.sprites(self.folder / "other.h5", train=430, test=60, seed=2)
        bad = self.train("data.train=other.h5:/train/x", "training.epochs=3", expect=2)
        self.assertIn("fingerprint", bad.err)
        os.rename(self.folder / "sprites.h5", self.folder / "moved.h5")
        moved = self.train("data.train=moved.h5:/train/x", "data.validation=moved.h5:/test/x", "training.epochs=3")
        self.assertIn("data.train", moved.out)
        self.assertTrue((self.folder / "runs/small/metrics.jsonl").read_bytes().startswith(metrics))

    def test_fresh_keeps_the_old_run_beside(self):
        self.train()
        old = (self.folder / "runs/small/metrics.jsonl").read_bytes()
        self.train("--fresh", "model.latent=5")
        self.train("--fresh", "model.latent=6")
        self.assertEqual((self.folder / "runs/small.1/metrics.jsonl").read_bytes(), old)
        self.assertTrue((self.folder / "runs/small.2").is_dir())
        self.assertEqual(elbo_cli.status(self.folder / "runs/small")["state"], "done")

    def test_an_output_with_a_slash_behind(self):
        self.train("output=runs/small/", "training.epochs=1")
        old = (self.folder / "runs/small/metrics.jsonl").read_bytes()
        self.assertIn("resume", self.train("output=runs/small/").out)
        self.train("--fresh", "output=runs/small/")
        self.assertTrue((self.folder / "runs/small.1/metrics.jsonl").read_bytes().startswith(old))
        self.assertEqual(sorted(path.name for path in (self.folder / "runs").iterdir()), ["small", "small.1"])
        self.assertEqual(elbo_cli.status(self.folder / "runs/small")["state"], "done")

    def test_a_log_that_cannot_be_opened(self):
        self.train()
        metrics = self.folder / "runs/small/metrics.jsonl"
        metrics.unlink()
        for ranks in (None, 2):
            metrics.mkdir()
            bad = self.train("training.epochs=3", ranks=ranks, expect=1)
            self.assertRegex(bad.err, r"elbo: \S*metrics\.jsonl: cannot be opened for appending")
            self.assertNotIn("MPI_ABORT", bad.err)
            status = elbo_cli.status(self.folder / "runs/small")
            self.assertEqual((status["state"], status["exit"]), ("failed", 1))
            self.assertIn("metrics.jsonl", status["message"])
            metrics.rmdir()
        self.train("training.epochs=3", ranks=2)
        self.assertEqual(elbo_cli.status(self.folder / "runs/small")["state"], "done")

    def test_a_damaged_newest_checkpoint_is_passed_over(self):
        self.train("training.epochs=3", "output=runs/whole")
        self.train()
        newest = sorted((self.folder / "runs/small/checkpoints").glob("step-*.h5"))[-1]
        damaged = bytearray(newest.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        newest.write_bytes(damaged)
        again = self.train("training.epochs=3")
        self.assertIn(newest.name, again.err)
        self.assertEqual(elbo_cli.figures(self.folder / "runs/whole"),
                         elbo_cli.figures(self.folder / "runs/small"))

    def test_folders_that_hold_something_else_are_left_alone(self):
        (self.folder / "runs/small").mkdir(parents=True)
        note = self.folder / "runs/small/thesis.tex"
        note.write_text("mine", encoding="utf-8")
        self.assertIn("holds no run", self.train(expect=2).err)
        self.assertIn("holds no run", self.train("--fresh", expect=2).err)
        self.assertEqual(self.files(), ["runs/small/thesis.tex", "small.yaml", "sprites.h5"])

    def test_a_run_without_its_checkpoints_or_configuration(self):
        self.train()
        (self.folder / "runs/small/configuration.yaml").unlink()
        self.assertIn("finished", self.train().out)
        self.assertIn("resume", self.train("training.epochs=4").out)
        shutil.rmtree(self.folder / "runs/small/checkpoints")
        before = self.files()
        self.assertIn("4 epochs were trained here, but runs/small/checkpoints holds no checkpoint",
                      self.train("training.epochs=5", expect=2).err)
        self.assertEqual(self.files(), before)
        self.train("--fresh", "training.epochs=1")
        self.assertTrue((self.folder / "runs/small.1/metrics.jsonl").exists())

    def test_two_trainings_in_one_folder(self):
        first = elbo_cli.start(["train", "small.yaml", "training.epochs=100000"], cwd=self.folder)
        try:
            while not list((self.folder / "runs").glob("small/checkpoints/step-*.h5")):
                time.sleep(0.01)
            self.assertIn("another", self.train("training.epochs=100000", expect=2).err)
            self.assertIn("another", self.train("training.epochs=100000", "--fresh", expect=2).err)
            self.assertIn("another", self.train("training.epochs=1", expect=2).err)  # which are done
        finally:
            first.kill()
            first.communicate()

    def test_patience_ends_a_run_that_learns_no_more(self):
        # Updates this small change no float32 value, so that no epoch after the first is better.
        how = ("optimizer.rate=1e-30", "training.patience=2", "training.epochs=50")
        out = self.train(*how).out
        self.assertIn("stopped early", out)
        self.assertEqual(len(elbo_cli.metrics(self.folder / "runs/small", "validation")), 3)
        self.assertIn("finished", self.train(*how).out)
        self.train("optimizer.rate=1e-30", "training.patience=4", "training.epochs=50")
        self.assertEqual(len(elbo_cli.metrics(self.folder / "runs/small", "validation")), 5)

    def test_best_and_latest(self):
        self.train("training.epochs=5", "checkpoint.keep=1")
        folder = self.folder / "runs/small/checkpoints"
        elbos = [line["elbo"] for line in elbo_cli.metrics(self.folder / "runs/small", "validation")]
        steps = [line["step"] for line in elbo_cli.metrics(self.folder / "runs/small", "validation")]
        self.assertEqual(os.readlink(folder / "latest.h5"), f"step-{steps[-1]:08}.h5")
        self.assertEqual(os.readlink(folder / "best.h5"), f"step-{steps[elbos.index(max(elbos))]:08}.h5")
        self.assertEqual({path.name for path in folder.glob("step-*.h5")},
                         {os.readlink(folder / "latest.h5"), os.readlink(folder / "best.h5")})
        self.assertTrue(pathlib.Path(self.folder / "runs/small/samples/epoch-0005.png").is_file())


if __name__ == "__main__":
    unittest.main()
