"""Two processes in one run's folder: the second is refused; a lock whose process was killed is taken over at once. A
run whose folder is removed says so and ends with 1."""
import os
import re
import shutil
import signal
import socket
import time

import elbo_cli
import faults

LONG = "training.epochs=100000"


class Lock(faults.Case):
    def setUp(self):
        super().setUp()
        self.small_run()
        self.run = self.run_folder("small")

    def test_a_second_process_is_refused_and_a_killed_ones_lock_taken_at_once(self):
        for ranks in (None, 2):
            first = self.start(LONG, ranks=ranks)
            holder = first.rank(0)
            first.wait_for_step(faults.newest_step(self.run) + 50, self.run)
            for options, comers in (((), None), (("--fresh",), 2)):
                began = time.monotonic()
                refused = self.train(LONG, *options, ranks=comers, expect=2)
                seconds = time.monotonic() - began
                self.assertRegex(refused.err, f"another elbo works in this folder: process {holder} on "
                                              f"{re.escape(socket.gethostname())} since .*last sign of life")
                self.assertEqual(len(re.findall("elbo: ", refused.err)), 1, refused)
            self.assertIsNone(first.process.poll(), first)
            self.row(f"second process, holder has {ranks or 1} ranks", "refused (status 2), holder named", seconds)
            os.kill(holder, signal.SIGKILL)
            first.end(seconds=10)
            self.assertTrue((self.run / "lock").exists())
        began = time.monotonic()
        epochs = f"training.epochs={faults.newest_step(self.run) // 12 + 3}"
        result = self.train(epochs, ranks=3)
        seconds = time.monotonic() - began
        self.assertIn("resume", result.out)
        self.assertLess(seconds, 10 * faults.PATIENCE)  # a lock is taken for dead after 120 s without a sign of life
        self.row("start after kill -9 of the holder", "lock taken over at once", seconds)
        self.expect_tidy(self.run)
        self.expect_bits(self.undisturbed(epochs), self.run)

    def test_the_lock_of_another_host_is_respected(self):
        self.train("training.epochs=2")
        (self.run / "lock").write_text("elbo lock\nhost elsewhere\nprocess 1\nsince 2026-11-20T12:00:00Z\ntoken 1234\n",
                                       encoding="utf-8")
        self.assertRegex(self.train(expect=2).err, "another elbo works in this folder.*last sign of life")
        old = time.time() - 130
        os.utime(self.run / "lock", (old, old))
        self.assertIn("resume", self.train().out)
        self.row("lock silent for 130 s", "taken over")

    def test_a_lock_that_is_lost_ends_the_run(self):
        # There is no save that would notice it; the holder looks at its lock every 10 s.
        quiet = (LONG, "data.validation=~", "checkpoint.every.steps=~", "report.pictures=0")
        others = "elbo lock\nhost elsewhere\nprocess 1\nsince 2026-11-20T12:00:00Z\ntoken 1234\n"
        trainings = {ranks: self.start(*quiet, f"output=runs/lost{ranks}", ranks=ranks) for ranks in (None, 2)}
        for ranks, training in trainings.items():
            run = self.run_folder(f"lost{ranks}")
            training.wait_for_step(50, run)
            (run / "new").write_text(others, encoding="utf-8")
            os.replace(run / "new", run / "lock")
        began = time.monotonic()
        for ranks, training in trainings.items():
            run = self.run_folder(f"lost{ranks}")
            seconds = training.end(expect=1, since=began, seconds=20)
            self.assertRegex(training.said(), r"(?m)^elbo: .*another process has taken over this run \(process 1 on "
                                              r"elsewhere since .*\), so this one ends without saving$")
            self.assertEqual(len(re.findall("taken over", training.said())), 1, training)
            # What the other writes there is not written over.
            self.assertEqual(elbo_cli.status(run)["state"], "running")
            self.assertNotIn("failure", [event["event"] for event in elbo_cli.events(run)])
            self.assertEqual((run / "lock").read_text(encoding="utf-8"), others)
            self.assertEqual(faults.checkpoint_steps(run), [])
            self.row(f"lock taken by another, {ranks or 1} ranks", "told, ended, nothing written", seconds, "the run")

    def test_the_runs_folder_is_removed(self):
        for ranks, then in ((None, "removed"), (2, "removed"), (2, "renamed")):
            training = self.start("training.epochs=100", ranks=ranks)
            training.wait_for_step(100, self.run)
            began = time.monotonic()
            if then == "removed":
                while self.run.exists():  # a save may bring files back meanwhile
                    shutil.rmtree(self.run, ignore_errors=True)
            else:
                self.run.rename(self.folder / "elsewhere")
            training.wait_for(r"elbo: warning: .*no checkpoint of step [\d,]+: .*does not exist; was it moved or "
                              r"removed\?.*training goes on")
            told = time.monotonic() - began
            training.end(expect=1, seconds=60)
            self.assertRegex(training.said(), r"elbo: .*the state after step 1,200 could not be saved: .*"
                                              "the run has no checkpoint")
            self.assertFalse(self.run.exists(), training)
            self.row(f"run's folder {then}, {ranks or 1} ranks", "told, went on, status 1", told, "the run")
        # What was renamed is whole.
        shutil.move(self.folder / "elsewhere", self.run)
        self.assertGreater(faults.newest_step(self.run), 0)
        self.train("training.epochs=100")
        self.expect_bits(self.undisturbed("training.epochs=100"), self.run)


if __name__ == "__main__":
    faults.main("__main__")
