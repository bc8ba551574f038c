"""A rank throws, ends or is killed in every phase of a training: all end within seconds, it is named, and the same
command goes on each time, in the end to the undisturbed run's bits."""
import concurrent.futures
import os
import re
import signal
import socket

import elbo_cli
import faults

RANKS = 3
# The places are the phases' names (src/comm/phase.hpp); these are not entered by a training that runs: the last three
# are the clock's alone.
NOT_ENTERED = ("starting", "ended", "waiting", "reporting", "messages", "reading")
# Phases of rank 0 alone.
OF_RANK_0 = ("saving", "picture")
# Which visit: past a checkpoint or two, and in every start of the run again.
VISITS = {"validation": 6, "picture": 2, "saving": 3, "agreeing": 4}
STEP_VISITS = 130  # of a phase of each step
SECONDS = 5

# Parameters enough that every rank owns some of them.
CONFIGURATION = faults.CONFIGURATION
for default, ours in (("epochs: 60", "epochs: 400" if faults.ALL else "epochs: 150"), ("dense: 48", "dense: 160"),
                      ("pictures: 20", "pictures: 2")):
    CONFIGURATION = CONFIGURATION.replace(default, ours)


def phases():
    text = (elbo_cli.ROOT / "src/comm/phase.hpp").read_text(encoding="utf-8")
    names = re.findall(r'\{"(\w+)", (?:true|false)\}', text)
    assert len(names) > 8, text
    return [name for name in names if name not in NOT_ENTERED]


def faults_of(phase, number):
    """ACTION@PLACE:COUNT/RANK of a phase: throw on the first and on the last rank, exit and kill by turns on either."""
    ranks = (0,) if phase in OF_RANK_0 else (0, RANKS - 1)
    visit = VISITS.get(phase, STEP_VISITS)
    for rank in ranks:
        for action in ("throw", "exit", "kill"):
            turn = action == ("exit", "kill")[number % 2] and rank == ranks[number // 2 % len(ranks)]
            if action == "throw" or turn or faults.ALL:
                yield action, phase, visit, rank


class Exceptions(faults.Case):
    def test_every_phase(self):
        self.small_run(CONFIGURATION)
        wanted = [fault for number, phase in enumerate(phases()) for fault in faults_of(phase, number)]
        # Each run goes through its faults one after the other; the two stand side by side, since they mostly wait.
        chains = {"throw": [fault for fault in wanted if fault[0] == "throw"],
                  "die": [fault for fault in wanted if fault[0] != "throw"]}
        with concurrent.futures.ThreadPoolExecutor(2) as two:
            done = [two.submit(self.chain, self.run_folder(name), chain) for name, chain in chains.items()]
            expected = self.undisturbed(ranks=RANKS)
            for name, one in zip(chains, done):
                one.result()
                self.train(f"output=runs/{name}", ranks=RANKS)
                self.expect_bits(expected, self.run_folder(name), name)
                self.expect_tidy(self.run_folder(name))

    def chain(self, run, chain):
        worst = {}
        for action, place, visit, rank in chain:
            seconds, lost = self.one(run, action, place, visit, rank)
            before = worst.get((action, place), (0, 0, []))
            worst[action, place] = (max(before[0], seconds), max(before[1], lost), [*before[2], str(rank)])
        happened = {"throw": "all ended, rank, host, place named; went on", "exit": "all ended, rank named; went on",
                    "kill": "all ended, rank named; went on"}
        for (action, place), (seconds, lost, ranks) in worst.items():
            self.row(f"{action} in {place}, rank {' and '.join(ranks)} of {RANKS}", happened[action], seconds, lost)

    def one(self, run, action, place, visit, rank):
        before = faults.newest_step(run)
        training = self.start(f"output={run}", ranks=RANKS, env={"ELBO_FAULT": f"{action}@{place}:{visit}/{rank}"})
        seconds = training.end(since=training.first_to_go(), seconds=SECONDS)
        status, said = training.process.returncode, training.said()
        if action == "throw":
            self.assertEqual(status, 1, training)
            told = f"elbo: rank {rank} on {re.escape(socket.gethostname())}: fault injected at {place}"
            self.assertRegex(said, told)
            self.assertEqual(len(re.findall("fault injected", said)), 1, training)
            recorded = elbo_cli.status(run)
            self.assertEqual((recorded["state"], recorded["exit"]), ("failed", 1), training)
            self.assertIn(f"fault injected at {place}", recorded["message"])
            self.assertIn(f"rank {rank}", recorded["message"])
        else:
            self.assertNotIn(status, (0, 2, 3, 75), training)
            # By mpirun, who sees it.
            self.assertRegex(said, rf"process rank {rank} .*signal 9" if action == "kill" else rf"name: \[.*,{rank}\]",
                             training)
        self.assertLess(seconds, SECONDS)
        self.assertGreaterEqual(faults.newest_step(run), before)
        return seconds, faults.last_step(run / "metrics.jsonl") - faults.newest_step(run)

    def test_one_process_alone(self):
        self.small_run(CONFIGURATION)
        for place in phases():
            result = self.train(env={"ELBO_FAULT": f"throw@{place}:{VISITS.get(place, STEP_VISITS)}"}, expect=1)
            self.assertRegex(result.err, f"(?m)^elbo: fault injected at {place}")
            self.assertEqual(elbo_cli.status(self.run_folder("small"))["state"], "failed")
        self.row("throw in every phase, one process", "status 1, place named")

    def test_errors_that_are_not_elbos_own(self):
        self.small_run(CONFIGURATION)
        run = self.run_folder("small")
        for ranks, who in ((None, ""), (2, f"rank 1 on {socket.gethostname()}: ")):
            where = "" if ranks is None else "/1"
            result = self.train(env={"ELBO_FAULT": f"exhaust@forward:{STEP_VISITS}{where}"}, ranks=ranks, expect=1)
            self.assertRegex(result.err, f"(?m)^elbo: {re.escape(who)}memory ran out")
            status = elbo_cli.status(run)
            self.assertEqual((status["state"], status["exit"]), ("failed", 1), result)
            self.assertIn(f"{who}memory ran out", status["message"])
        self.row("memory runs out, 1 and 2 ranks", "status 1, said in status.json")
        # A folder that leads to itself, from the first picture on: the file system's error, not elbo's.
        training = self.start("training.epochs=4", "report.tensorboard=true", "output=runs/loop",
                              env={"ELBO_FAULT": "stop@picture:1"})
        process = training.rank(0)
        training.wait_for(lambda: faults.state_of(process) == "T")
        samples = self.run_folder("loop") / "samples"
        samples.rmdir()
        samples.symlink_to("samples")
        os.kill(process, signal.SIGCONT)
        training.end(expect=1)
        self.assertRegex(" ".join(training.said().split()),
                         "warning: .*Too many levels of symbolic links.*training goes on")
        status = elbo_cli.status(self.run_folder("loop"))
        self.assertEqual((status["state"], status["exit"], status["epoch"]), ("failed", 1, 4), training)

    def test_a_request_that_is_malformed_is_refused(self):
        self.small_run(CONFIGURATION)
        for ranks in (None, 2):
            self.assertIn("ELBO_FAULT", self.train(env={"ELBO_FAULT": "burn@forward"}, ranks=ranks, expect=2).err)
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    faults.main("__main__")
