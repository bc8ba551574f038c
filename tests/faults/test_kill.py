"""kill -9 of a random rank at random moments of a run, saves among them, then the same command on some number of ranks,
until it finishes: with the bits of the undisturbed run.

The tenfold of the test run and tests/faults/soak.sh: ELBO_FAULT_TRIALS (default 10), ELBO_FAULT_SEED (the first trial's
number; each trial depends on its own alone).
"""
import concurrent.futures
import os
import random
import shutil
import signal
import time
import unittest

import faults

TRIALS = int(os.environ.get("ELBO_FAULT_TRIALS", 10))
RANKS = (1, 2, 3, 4)
SIDE_BY_SIDE = 3  # a killed run mostly waits for its launcher
NAMED = r"process rank {rank} .*signal 9"  # by mpirun, who sees it


class Kill(faults.Case):
    def setUp(self):
        super().setUp()
        self.small_run()
        self.expected = self.undisturbed()

    def kill_at_random(self, dice, training, run, rank):
        """Kills a rank at some moment after its first save, half of the time in the midst of one; when."""
        before = faults.newest_step(run)
        saving = dice.random() < 0.5

        def wait_for(what):
            training.wait_for(lambda: what() or training.process.poll() is not None, ended=True)
        started = training.wait_for(lambda: training.complete() or training.process.poll() is not None, ended=True)
        if started is True:
            return time.monotonic()  # what little was left to do was done before anybody looked
        victim = started[rank]
        if saving:
            # A temporary file among the checkpoints is one that is being written.
            wanted = before + dice.randrange(1, 6) * 40
            wait_for(lambda: faults.newest_step(run) >= wanted)
            wait_for(lambda: any((run / "checkpoints").glob(".*.tmp-*")))
            time.sleep(dice.random() * 0.004)
        else:
            wait_for(lambda: faults.newest_step(run) > before)
            time.sleep(dice.random() * 0.35)
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the run was over before
        return time.monotonic()

    def one_trial(self, number):
        dice = random.Random(number)
        run = self.run_folder(f"kill{number}")
        kills, slowest, lost, story = dice.randrange(1, 4), 0.0, 0, []
        for _ in range(20):
            if len(story) == kills:
                break
            ranks = RANKS[(number + len(story)) % len(RANKS)]
            rank = dice.randrange(ranks)
            training = self.start(f"output={run}", ranks=None if ranks == 1 else ranks)
            moment = self.kill_at_random(dice, training, run, rank)
            seconds = training.end(since=moment, seconds=10)
            if training.process.returncode == 0:  # it was faster
                if story:
                    break
                shutil.rmtree(run)
                continue
            self.assertNotIn(training.process.returncode, (2, 3, 75), training)
            if ranks > 1:
                self.assertRegex(training.said(), NAMED.format(rank=rank), training)
            story.append(f"rank {rank} of {ranks}")
            slowest = max(slowest, seconds)
            lost = max(lost, faults.last_step(run / "metrics.jsonl") - faults.newest_step(run))
        self.assertTrue(story, f"trial {number}: no kill came in time")
        ranks = dice.choice(RANKS)
        self.train(f"output={run}", ranks=None if ranks == 1 else ranks)
        self.expect_bits(self.expected, run, f"trial {number}: {story}")
        self.expect_tidy(run)
        shutil.rmtree(run)
        self.row(f"kill -9: {', '.join(story)}", f"resumed on {ranks}, same bits", slowest, lost)

    def test_random_ranks_at_random_moments(self):
        first = int(os.environ.get("ELBO_FAULT_SEED", random.SystemRandom().randrange(1_000_000)))
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as several:
            trials = {number: several.submit(self.one_trial, number) for number in range(first, first + TRIALS)}
            try:
                for number, trial in trials.items():
                    print(f"trial ELBO_FAULT_SEED={number}", flush=True)
                    trial.result()
            finally:
                several.shutdown(cancel_futures=True)

    @unittest.skipIf("ELBO_FAULT_TRIALS" in os.environ, "the random trials alone")
    def test_in_the_save(self):
        # Without validation there is no best, so that saves come every 40 steps alone.
        expected = self.undisturbed("data.validation=~", output="runs/unvalidated")
        run = self.run_folder("saving")
        for count, ranks in ((3, 2), (1, 3), (2, None)):
            before = faults.newest_step(run)
            training = self.start("data.validation=~", f"output={run}", ranks=ranks,
                                  env={"ELBO_FAULT": f"kill@saving:{count}/0"})
            seconds = training.end(since=training.first_to_go(), seconds=10)
            self.assertNotIn(training.process.returncode, (0, 2, 3, 75), training)
            # What was handed to the writer just before may or may not have come to the disk.
            self.assertIn(faults.newest_step(run) - before, (40 * (count - 1), 40 * max(count - 2, 0)), training)
            for checkpoint in (run / "checkpoints").glob("step-*.h5"):
                self.elbo("inspect", checkpoint)
            self.row(f"kill -9 in save {count}, {ranks or 1} ranks", "older checkpoints whole", seconds,
                     faults.last_step(run / "metrics.jsonl") - faults.newest_step(run))
        self.train("data.validation=~", f"output={run}", ranks=4)
        self.expect_bits(expected, run)
        self.expect_tidy(run)


if __name__ == "__main__":
    faults.main("__main__")
