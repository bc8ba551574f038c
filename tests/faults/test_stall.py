"""A rank frozen by SIGSTOP: named on stderr within communication.stall_seconds, goes on after SIGCONT with the same
bits, or ends the run after communication.stall_abort."""
import os
import re
import signal
import socket
import time

import elbo_cli
import faults

HOST = re.escape(socket.gethostname())
STALL = ("communication.stall_seconds=1",)
LONG = "training.epochs=300"  # so that the watchdogs look again before the end
LOOK = 1.5  # the watchdogs look every quarter of a second; 0.5 s for a busy machine


class Stall(faults.Case):
    def setUp(self):
        super().setUp()
        self.small_run()

    def expect_named(self, training, rank, process, began, what=""):
        """Waits for the line that names the rank; the seconds until then."""
        training.wait_for(rf"elbo: host {HOST}: no progress for [\d.]+ s in step [1-9][\d,]*: .*rank {rank} \(process "
                          rf"{process}\) has not arrived: in {what}", seconds=10)
        seconds = time.monotonic() - began
        self.assertLess(seconds, (1 + LOOK) * faults.PATIENCE, training)
        self.assertRegex(training.said(), rf"rank {rank} \(process {process}\) has not arrived: in \w+, the process is "
                                          r"stopped \(SIGSTOP\?\)")
        return seconds

    def test_a_frozen_rank_is_named_and_goes_on_with_the_same_bits(self):
        expected = self.undisturbed(LONG, ranks=3)
        for rank, place in ((1, "forward"), (0, "exchange"), (2, "validation")):
            name = f"stop{rank}"
            training = self.start(*STALL, LONG, f"output=runs/{name}", ranks=3,
                                  env={"ELBO_FAULT": f"stop@{place}:{5 if place == 'validation' else 100}/{rank}"})
            victim = training.rank(rank)
            training.wait_for(lambda: faults.state_of(victim) == "T")
            seconds = self.expect_named(training, rank, victim, time.monotonic(), place)
            time.sleep(0.5)
            self.assertIsNone(training.process.poll(), training)
            os.kill(victim, signal.SIGCONT)
            training.end(expect=0)
            self.assertRegex(training.said(), f"host {HOST}: goes on after")
            stalls = [event for event in elbo_cli.events(self.run_folder(name)) if event["event"] == "stall"]
            self.assertRegex(stalls[0]["message"], rf"rank {rank} \(process {victim}\).*goes on after")
            self.expect_bits(expected, self.run_folder(name), name)
            self.row(f"SIGSTOP in {place}, rank {rank} of 3", "named; after SIGCONT same bits", seconds)

    def test_kill_stop_at_any_moment(self):
        expected = self.undisturbed(LONG, ranks=2)
        training = self.start(*STALL, LONG, "output=runs/any", ranks=2)
        victim = training.rank(1)
        training.wait_for_step(100, self.run_folder("any"))
        os.kill(victim, signal.SIGSTOP)
        seconds = self.expect_named(training, 1, victim, time.monotonic())
        os.kill(victim, signal.SIGCONT)
        training.end(expect=0)
        self.expect_bits(expected, self.run_folder("any"))
        self.row("kill -STOP, rank 1 of 2", "named; after SIGCONT same bits", seconds)

    def test_a_stall_that_lasts_ends_the_run(self):
        expected = self.undisturbed(ranks=3)
        for rank in (2, 0):
            training = self.start(*STALL, "communication.stall_abort=2", ranks=3)
            run = self.run_folder("small")
            victim = training.rank(rank)
            training.wait_for_step(faults.newest_step(run) + 60, run)
            os.kill(victim, signal.SIGSTOP)
            began = time.monotonic()
            self.expect_named(training, rank, victim, began)
            # mpirun's status is that of the rank that ended the run, or of the stopped one, which was killed.
            seconds = training.end(expect=(1, 128 + signal.SIGKILL), since=began, seconds=10)
            self.assertIn(faults.state_of(victim), "ZX")
            self.assertRegex(training.said(), "the run ends, since this is longer than 2")
            status = elbo_cli.status(run)
            self.assertEqual((status["state"], status["exit"]), ("failed", 1), training)
            self.assertRegex(status["message"], rf"rank {rank} \(process {victim}\) has not arrived")
            self.row(f"SIGSTOP for good, rank {rank} of 3", "named, run ended, recorded as failed", seconds,
                     faults.last_step(run / "metrics.jsonl") - faults.newest_step(run))
        self.train(ranks=3)
        self.expect_bits(expected, self.run_folder("small"))
        self.expect_tidy(self.run_folder("small"))


if __name__ == "__main__":
    faults.main("__main__")
