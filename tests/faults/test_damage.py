"""A damaged newest checkpoint, a byte flipped or cut short, is reported and the one before it taken; never a crash."""
import concurrent.futures
import os
import random
import shutil
import unittest

import elbo_cli
import faults

PLACES = 50
HEADER = 512
# 4 steps an epoch, a checkpoint after each of 3 epochs.
CONFIGURATION = faults.CONFIGURATION.replace("epochs: 60, batch: 64", "epochs: 3, batch: 50").replace(
    "{every: {epochs: 0, steps: 40}, keep: 3}", "{every: 1, keep: 3}")


class Damage(faults.Case):
    def setUp(self):
        super().setUp()
        self.small_run(CONFIGURATION, train=200, test=50)
        self.expected = self.undisturbed()
        self.whole = self.run_folder("whole")
        self.names = [f"step-{step:08}.h5" for step in faults.checkpoint_steps(self.whole)]
        self.assertEqual(len(self.names), 3)
        self.newest = (self.whole / "checkpoints" / self.names[-1]).read_bytes()
        self.dice = random.Random(20)

    def damaged_run(self, name, contents, checkpoints):
        """A copy of the run whose checkpoints of these names have other contents."""
        run = self.run_folder(name)
        shutil.copytree(self.whole, run, symlinks=True)
        for checkpoint in checkpoints:
            (run / "checkpoints" / checkpoint).write_bytes(contents)
        return run

    def goes_on(self, name, contents):
        """The damage is told of by inspect and train, and the run has the undisturbed one's bits in the end."""
        run = self.damaged_run(name, contents, self.names[-1:])
        inspected = self.elbo("inspect", run / "checkpoints" / self.names[-1], expect=2)
        self.assertRegex(inspected.err, "damaged|cut short|neither|no checkpoint|in \"", f"{name}: {inspected}")
        self.assertEqual(inspected.err.count("\n"), 1, inspected)
        again = self.train(f"output={run}")
        self.assertRegex(again.err, f"warning.*{self.names[-1]}", f"{name}: {again}")
        self.assertRegex(again.out, f"resume .*{self.names[-2]}", f"{name}: {again}")
        self.expect_bits(self.expected, run, name)
        shutil.rmtree(run)

    def all_go_on(self, cases):
        with concurrent.futures.ThreadPoolExecutor(2) as two:
            for future in [two.submit(self.goes_on, name, contents) for name, contents in cases.items()]:
                future.result()

    def places(self, first, behind, most):
        """Some of the header's, and the others spread over the rest."""
        size = len(self.newest)
        spread = [first + 1 + int((behind - first - 1) * (i + self.dice.random()) / (PLACES - most - 2))
                  for i in range(PLACES - most - 2)]
        return sorted({first, size - 1, *self.dice.sample(range(1, first), most), *spread})

    def test_a_flipped_byte(self):
        # Title, format, length, checksum, padding, HDF5's own signature right behind the header, arrays.
        places = self.places(HEADER, len(self.newest) - 1, 12)
        self.assertEqual(len(places), PLACES)
        cases = {}
        for place in places:
            contents = bytearray(self.newest)
            contents[place] ^= 1 << self.dice.randrange(8)
            cases[f"flipped{place}"] = bytes(contents)
        self.all_go_on(cases)
        self.row(f"a byte flipped, {PLACES} places", "reported, the one before taken, same bits", lost="4 steps")

    def test_cut_short(self):
        lengths = self.places(HEADER, len(self.newest) - 1, 6)
        self.assertEqual(len(lengths), PLACES)
        lengths[0] = 0
        self.all_go_on({f"cut{length}": self.newest[:length] for length in lengths})
        self.row(f"cut short, {PLACES} lengths", "reported, the one before taken, same bits", lost="4 steps")

    def test_bytes_that_do_not_belong_there(self):
        cases = {"longer": self.newest + b"\0", "zeros": bytes(len(self.newest)),
                 "random": self.dice.randbytes(len(self.newest)), "text": b"elbo checkpoint\n" * 100,
                 "older": self.newest.replace(b"format 1\n", b"format 9\n", 1)}
        self.all_go_on(cases)
        self.row("other contents", "reported, the one before taken, same bits", lost="4 steps")

    def test_two_of_three(self):
        run = self.damaged_run("two", self.newest[:-1], self.names[1:])
        again = self.train(f"output={run}")
        for name in self.names[1:]:
            self.assertRegex(again.err, f"warning.*{name}")
        self.assertRegex(again.out, f"resume .*{self.names[0]}")
        self.expect_bits(self.expected, run)
        self.row("the newest two cut short", "the third taken, same bits", lost="8 steps")

    def test_saves_before_the_damaged_step(self):
        # Gone on from step 8, one checkpoint kept: step 10 is saved while the damaged one of step 12 stands there.
        for name, fault in (("broken", "throw@forward:9"), ("whole", "")):  # in step 11, or none
            run = self.damaged_run(f"before-{name}", self.newest[:-1], self.names[2:])
            best = run / "checkpoints/best.h5"
            best.unlink()
            best.symlink_to(self.names[1])
            more = (f"output={run}", "checkpoint.keep=1", "checkpoint.every.steps=2")
            result = self.train(*more, env={"ELBO_FAULT": fault}, expect=1 if fault else 0)
            self.assertEqual((run / f"checkpoints/{self.names[2]}.abandoned").read_bytes(), self.newest[:-1], result)
            if fault:
                self.assertEqual(faults.checkpoint_steps(run), [8, 10], result)  # the best, and the last
                self.assertEqual(os.readlink(run / "checkpoints/latest.h5"), "step-00000010.h5")
                self.assertRegex(self.train(*more).out, "resume .*step-00000010.h5")
            else:
                told = [event["message"] for event in elbo_cli.events(run) if event["event"] == "warning"]
                self.assertIn(f"is {self.names[2]}.abandoned now", told[-1])
                self.assertIn(f"is {self.names[2]}.abandoned now", " ".join(result.err.split()))
            self.expect_bits(self.expected, run, name)
        self.row("saves before the damaged step", "kept, the damaged file set aside", lost="4 steps")

    def test_all_are_damaged(self):
        damaged = bytearray(self.newest)
        damaged[len(damaged) // 2] ^= 8
        run = self.damaged_run("all", bytes(damaged), self.names)
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        for ranks in (None, 2):
            result = self.train(f"output={run}", ranks=ranks, expect=2)
            self.assertRegex(result.err, "none of the run's 3 checkpoints can be read.*--fresh")
        self.assertEqual(before, {path: path.read_bytes() for path in run.rglob("*") if path.is_file()})
        self.row("all checkpoints damaged", "refused (status 2), nothing touched", lost="the run")
        self.train("--fresh", f"output={run}")
        self.expect_bits(self.expected, run)


if __name__ == "__main__":
    faults.main("__main__")
