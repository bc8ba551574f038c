"""The scripts of launch/ under a real Slurm: stopped before the time limit, back in the queue, finished with the bits
of an undisturbed run; a failed node; scancel; an array; srun without MPI.
"""
import os
import signal
import subprocess
import sys
import time
import unittest

import elbo_cli
import slurm

ENDLESS = 1000000
# Slurm's clock: limits are whole minutes, and looked at every half a minute. A job that is to be signalled 58 s before
# its limit of a minute is signalled 2 to 40 s after its start: a run of this many seconds cannot be done by then.
LONG = 60
OVER = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")
ONE_NODE = ("--nodes=1", "--ntasks-per-node=2")


class Jobs(elbo_cli.Case):
    @classmethod
    def setUpClass(cls):
        cls.slurm = cls.enterClassContext(slurm.Slurm())

    def setUp(self):
        super().setUp()
        (self.folder / "launch").symlink_to(elbo_cli.ROOT / "launch")
        self.small_run(train=2000, test=100, size=16)

    def submit(self, *arguments):
        """sbatch in the test's folder; the job's number."""
        return self.slurm.submit(*arguments, cwd=self.folder, env={"ELBO": elbo_cli.ELBO, **self.environment()})

    def environment(self):
        """Whatever mpirun is tested stands first on the job's PATH."""
        folder = os.path.dirname(elbo_cli.MPIEXEC)
        return {"PATH": f"{folder}:{os.environ['PATH']}"} if folder else {}

    def log(self, job):
        """What a job wrote."""
        return (self.folder / f"elbo-{job}.log").read_text(encoding="utf-8", errors="replace")

    def said(self, job):
        """How a job stands and the end of what it wrote, for messages."""
        return f"{self.slurm.job(job)}\n{self.log(job)[-3000:]}"

    def wait_for(self, job, states, seconds):
        return slurm.wait_until(lambda: self.slurm.job(job)["JobState"] in states, seconds, lambda: self.said(job))

    def wait_for_checkpoint(self, job, output):
        latest = self.folder / output / "checkpoints/latest.h5"
        slurm.wait_until(latest.exists, 60, lambda: self.said(job))

    def figures(self, output):
        return elbo_cli.figures(self.folder / output)

    def expect_same(self, *outputs):
        """Two runs have the same metrics, and the same bits in their last checkpoints."""
        self.assertEqual(*map(self.figures, outputs))
        newest = [self.folder / output / "checkpoints/latest.h5" for output in outputs]
        self.assertEqual(*map(os.readlink, newest))
        for part in ("/parameters", "/optimizer"):
            subprocess.run(["h5diff", *newest, part], check=True)

    def epochs_of(self, seconds):
        """About so many seconds' epochs on two ranks."""
        began = time.monotonic()
        self.elbo("train", "small.yaml", "output=runs/measured", f"training.epochs={ENDLESS}",
                  "training.time_limit=12s", ranks=2, expect=75)
        return int(elbo_cli.status(self.folder / "runs/measured")["epoch"] * seconds / (time.monotonic() - began))

    def test_a_job_before_its_limit_goes_back_in_the_queue_and_ends_with_the_bits_of_an_undisturbed_run(self):
        epochs = f"training.epochs={self.epochs_of(LONG)}"
        job = self.submit(*ONE_NODE, "--time=1", "--signal=B:USR1@58", "launch/slurm.sbatch", "small.yaml", epochs,
                          "output=runs/queued")
        slurm.wait_until(lambda: self.slurm.job(job)["Restarts"] != "0", 90, lambda: self.said(job))
        stopped = elbo_cli.status(self.folder / "runs/queued")
        self.assertEqual((stopped["state"], stopped["exit"]), ("stopped early", 75))
        self.wait_for(job, OVER, 400)
        told = self.slurm.job(job)
        self.assertEqual((told["JobState"], told["ExitCode"]), ("COMPLETED", "0:0"), self.said(job))
        self.assertEqual(self.log(job).count("back in the queue"), int(told["Restarts"]))
        self.assertEqual(elbo_cli.status(self.folder / "runs/queued")["state"], "done")
        resumes = [event for event in elbo_cli.events(self.folder / "runs/queued") if event["event"] == "resume"]
        self.assertEqual(len(resumes), int(told["Restarts"]))

        self.elbo("train", "small.yaml", epochs, "output=runs/whole", ranks=2)
        self.expect_same("runs/whole", "runs/queued")

    def test_a_cancelled_job_is_over_and_its_run_goes_on_by_hand(self):
        job = self.submit(*ONE_NODE, "--time=10", "launch/slurm.sbatch", "small.yaml", f"training.epochs={ENDLESS}")
        self.wait_for_checkpoint(job, "runs/small")
        self.slurm.run("scancel", job)
        self.wait_for(job, ("CANCELLED",), 60)
        time.sleep(8)  # longer than a requeued job waits here
        told = self.slurm.job(job)
        self.assertEqual((told["JobState"], told["Restarts"]), ("CANCELLED", "0"), self.said(job))
        self.assertNotIn("back in the queue", self.log(job))
        status = elbo_cli.status(self.folder / "runs/small")
        self.assertIn(status["state"], ("stopped early", "running"))
        step = int(os.readlink(self.folder / "runs/small/checkpoints/latest.h5")[len("step-"):-len(".h5")])
        on = self.elbo("train", "small.yaml", f"training.epochs={status['epoch'] + 2}", ranks=2)
        self.assertIn("resume", on.out)
        self.assertGreater(elbo_cli.status(self.folder / "runs/small")["step"], step)

    def test_a_failed_node_costs_the_work_since_the_last_save(self):
        epochs = f"training.epochs={self.epochs_of(10)}"
        job = self.submit(*ONE_NODE, "--time=10", "launch/slurm.sbatch", "small.yaml", epochs, "output=runs/failed")
        self.wait_for_checkpoint(job, "runs/failed")
        self.slurm.run("scontrol", "update", f"NodeName={self.slurm.node}", "State=DOWN", "Reason=test")
        slurm.wait_until(lambda: self.slurm.job(job)["Restarts"] == "1", 60, lambda: self.said(job))
        self.wait_for(job, OVER, 120)
        told = self.slurm.job(job)
        self.assertEqual((told["JobState"], told["Restarts"]), ("COMPLETED", "1"), self.said(job))
        self.assertNotIn("back in the queue", self.log(job))
        self.elbo("train", "small.yaml", epochs, "output=runs/whole", ranks=2)
        self.expect_same("runs/whole", "runs/failed")

    def test_tasks_of_an_array_train_in_folders_of_their_own_and_go_back_in_the_queue_alone(self):
        (self.folder / "sweep").write_text("# two seeds\nseed=1\n\nseed=2 'model.encoder=[{dense: 24}]'\n",
                                           encoding="utf-8")
        epochs = self.epochs_of(10)
        job = self.submit("--nodes=1", "--ntasks-per-node=1", "--time=10", "--array=1-2", "launch/array.sbatch",
                          "sweep", "small.yaml", f"training.epochs={epochs}", "training.time_limit=6s")
        tasks = (f"{job}_1", f"{job}_2")
        for task in tasks:
            self.wait_for(task, OVER, 200)
        for number, task in enumerate(tasks, 1):
            output = self.folder / f"runs/small-sweep/{number}"
            told = self.slurm.job(task)
            self.assertEqual((told["JobState"], told["ExitCode"]), ("COMPLETED", "0:0"), self.said(task))
            self.assertEqual(elbo_cli.status(output)["state"], "done")
            resumes = [event for event in elbo_cli.events(output) if event["event"] == "resume"]
            self.assertEqual(len(resumes), int(told["Restarts"]), self.said(task))
            self.assertGreater(len(resumes), 0, self.said(task))
            self.assertIn(f"\nseed: {number}\n", (output / "configuration.yaml").read_text(encoding="utf-8"))

    def test_a_ranks_threads_have_cores_of_their_own(self):
        job = self.submit("--nodes=1", "--ntasks-per-node=1", "--cpus-per-task=2", "--time=10", "launch/slurm.sbatch",
                          "small.yaml", "training.threads=2", "training.epochs=1", "output=runs/threads")
        self.wait_for(job, OVER, 120)
        self.assertEqual(self.slurm.job(job)["JobState"], "COMPLETED", self.said(job))
        # What elbo says where they share one.
        self.assertNotIn("every step waits", self.log(job))

    def test_srun_without_mpi_is_refused_by_the_program(self):
        copies = self.slurm.run("srun", "--mpi=none", "-n", "2", elbo_cli.ELBO, "train", "small.yaml", cwd=self.folder,
                                expect=2)
        for word in ("srun --mpi=", "mpirun"):
            self.assertIn(word, copies.stderr)
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    reason = slurm.missing()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    # tests/run.sh ends its stages by TERM: as by Ctrl-C, Slurm ends too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main()
