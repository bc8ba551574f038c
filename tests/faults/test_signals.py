"""Signals and the time limit: all ranks agree on a step, save and end with 75; then the same command goes on to the
bits of the undisturbed run, in mid-epoch too. A second signal ends at once."""
import os
import signal
import time

import elbo_cli
import faults

STOPPED = 75
# Long epochs, so that a signal meets the midst of one; in the first no save but the one that it asks for.
STEPS = 115
EPOCHS = ("training.epochs=25", "data.train=long.h5:/train/x")
QUIET = (*EPOCHS, "checkpoint.every.steps=~", "data.validation=~")


class Signals(faults.Case):
    def setUp(self):
        super().setUp()
        self.small_run()
        elbo_cli.sprites(self.folder / "long.h5", train=7300, test=10)

    def expect_stopped(self, training, run, reason, since):
        seconds = training.end(expect=STOPPED, since=since, seconds=10)
        said, status = training.said(), elbo_cli.status(run)
        self.assertRegex(said, rf"stopped early at step [\d,]+ \({reason}\) with a checkpoint")
        self.assertEqual((status["state"], status["exit"]), ("stopped early", STOPPED), training)
        self.assertEqual(status["step"], faults.newest_step(run))
        stops = [event for event in elbo_cli.events(run) if event["event"] == "stop"]
        self.assertEqual((stops[-1]["step"], stops[-1]["reason"]), (status["step"], reason))
        self.expect_tidy(run)
        return seconds, status["step"]

    def stop(self, run, kind, ranks, to_rank=None, overrides=()):
        """Starts, sends a signal some steps later, to the launcher or to one rank; returns step and seconds."""
        before = faults.newest_step(run)
        training = self.start(f"output={run}", *overrides, ranks=ranks)
        victim = training.rank(to_rank) if to_rank is not None else training.process.pid
        training.wait_for_step(before + 25, run)
        os.kill(victim, kind)
        return self.expect_stopped(training, run, kind.name, time.monotonic())

    def stop_by_turns(self, name, turns, *overrides):
        """turns: (signal, ranks, to which rank or None). Then on to the end."""
        expected = self.undisturbed(*overrides)
        run = self.run_folder(name)
        in_mid_epoch = 0
        for kind, ranks, to_rank in turns:
            seconds, step = self.stop(run, kind, ranks, to_rank, overrides)
            in_mid_epoch += step % STEPS != 0
            whom = "process" if ranks is None else f"mpirun, {ranks} ranks" if to_rank is None else \
                f"rank {to_rank} of {ranks}"
            self.row(f"{kind.name} to {whom}", "saved, status 75, went on", seconds)
        self.assertGreater(in_mid_epoch, 0)
        self.train(f"output={run}", *overrides, ranks=3)
        self.expect_bits(expected, run, name)

    def test_one_process(self):
        turns = [(kind, None, None) for kind in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)]
        self.stop_by_turns("one", turns, *QUIET)

    def test_mpirun(self):
        self.stop_by_turns("mpirun", [(signal.SIGUSR1, ranks, None) for ranks in (2, 3, 4)], *EPOCHS)

    def test_one_rank_alone(self):
        self.stop_by_turns("rank", [(signal.SIGUSR1, 3, 2), (signal.SIGTERM, 2, 1), (signal.SIGINT, 3, 0)], *QUIET)

    def test_a_second_signal_ends_at_once(self):
        run = self.run_folder("small")
        for first, second in ((signal.SIGUSR1, signal.SIGUSR1), (signal.SIGTERM, signal.SIGINT)):
            # Rank 1 is frozen, so that rank 0 cannot follow the first request.
            before = faults.newest_step(run)
            training = self.start(*QUIET, ranks=2, env={"ELBO_FAULT": "stop@forward:300/1"})
            asked, frozen = training.rank(0), training.rank(1)
            training.wait_for(lambda: faults.state_of(frozen) == "T")
            os.kill(asked, first)
            os.kill(asked, first)  # launchers may send one request by two ways
            time.sleep(0.7)
            self.assertNotIn(faults.state_of(asked), "ZX", training)
            began = time.monotonic()
            os.kill(asked, second)
            training.wait_for(lambda: faults.state_of(asked) in "ZX", ended=True)
            seconds = time.monotonic() - began
            self.assertLess(seconds, 0.5 * faults.PATIENCE)
            training.end(since=began, seconds=10)
            self.assertNotIn(training.process.returncode, (0, 2, 3, STOPPED))
            self.assertEqual(faults.newest_step(run), before, training)
            self.row(f"{first.name}, then {second.name}", "ended at once", seconds,
                     faults.last_step(run / "metrics.jsonl") - before)

    def test_stop_around_an_epochs_end(self):
        expected = self.undisturbed(*QUIET)
        # A request during a step is followed after the next one; 4 virtual ranks pass forward in every step.
        for step in (STEPS - 2, STEPS - 1, STEPS):
            run = self.run_folder(f"step{step}")
            training = self.start(f"output={run}", *QUIET, env={"ELBO_FAULT": f"stop@forward:{4 * step}"})
            victim = training.rank(0)
            training.wait_for(lambda: faults.state_of(victim) == "T")
            os.kill(victim, signal.SIGUSR1)
            os.kill(victim, signal.SIGCONT)
            stopped = self.expect_stopped(training, run, "SIGUSR1", time.monotonic())[1]
            self.assertIn(stopped, (step, step + 1))
            self.train(f"output={run}", *QUIET, ranks=2)
            self.expect_bits(expected, run, f"stopped after step {stopped} of {STEPS} an epoch")
        self.row("SIGUSR1 around an epoch's end", "saved, status 75, same bits")

    def test_stop_during_validation(self):
        expected = self.undisturbed()
        run = self.run_folder("validation")
        training = self.start(f"output={run}", ranks=2, env={"ELBO_FAULT": "stop@validation:30/1"})
        victim = training.rank(1)
        training.wait_for(lambda: faults.state_of(victim) == "T")
        os.kill(victim, signal.SIGUSR1)
        os.kill(victim, signal.SIGCONT)
        seconds, step = self.expect_stopped(training, run, "SIGUSR1", time.monotonic())
        self.assertEqual(step % 12, 0, "at the epoch's end, which was under way")
        self.row("SIGUSR1 in validation", "epoch ended, saved, status 75", seconds)
        self.train(f"output={run}", ranks=4)
        self.expect_bits(expected, run)

    def test_time_limit(self):
        many = "training.epochs=100000"
        limit = 4.0
        how = (many, f"training.time_limit={limit:.0f}s")
        trainings = {ranks: self.start(f"output=runs/limit{ranks}", *how, ranks=ranks) for ranks in (None, 2)}
        for ranks, training in trainings.items():
            seconds, step = self.expect_stopped(training, self.run_folder(f"limit{ranks}"), "training.time_limit",
                                                training.began)
            self.assertLess(seconds, (limit + 1) * faults.PATIENCE)  # the launcher's own start and end
            self.assertGreater(step, 50)
            self.row(f"time limit of {limit:.0f} s, {ranks or 1} ranks", "saved, status 75", seconds)
        # Both were the same training until the earlier one's stop.
        shorter = min(("limitNone", "limit2"), key=lambda name: faults.newest_step(self.run_folder(name)))
        epochs = f"training.epochs={faults.newest_step(self.run_folder(shorter)) // 12 + 5}"
        expected = self.undisturbed(epochs)
        self.train(f"output=runs/{shorter}", epochs, ranks=3)
        self.expect_bits(expected, self.run_folder(shorter))


if __name__ == "__main__":
    faults.main("__main__")
