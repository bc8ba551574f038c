"""Batch scripts of launch/ with a training, a launcher and a batch system that are shell scripts: which ends of a job
put it back in the queue. tests/slurm runs them under a real Slurm.
"""
import os
import shlex
import signal
import subprocess
import time
import unittest

import elbo_cli

LAUNCH = elbo_cli.ROOT / "launch"
EXAMPLE = LAUNCH / "sweep.example"

# elbo: tells its run's folder, writes its arguments to "trained", and does what "behaviour" says: $run is its folder.
ELBO = """#!/bin/sh
set -eu
run=runs/plain
for argument; do case $argument in output=*) run=${argument#output=} ;; wrong=*) exit 2 ;; esac; done
if [ "$2" = --print-output ]; then echo "$run"; exit; fi
for argument; do echo "$argument"; done >>trained
mkdir -p "$run/checkpoints"
save() {
    echo "{\\"state\\": \\"$1\\", \\"step\\": $2}" >"$run/status.json"
    ln -sfn "step-0000000$2.h5" "$run/checkpoints/latest.h5"
}
. ./behaviour
"""
MPIRUN = """#!/bin/sh
for argument; do echo "$argument"; done >launched
while [ "$1" != "$ELBO" ]; do shift; done
exec "$@"
"""
RECORD = '#!/bin/sh\nfor argument; do echo "$argument"; done >>"${0##*/}.called"\n'


class Jobs(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        (self.folder / "launch").symlink_to(LAUNCH)
        (self.folder / "bin").mkdir()
        for name, text in (("elbo", ELBO), ("mpirun", MPIRUN), ("scontrol", RECORD), ("qsub", RECORD),
                           ("ompi_info", "#!/bin/sh\n")):
            path = self.folder / "bin" / name
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)

    def start(self, script, *arguments, behaviour, **extra):
        for name in ("scontrol.called", "qsub.called", "trained"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "behaviour").write_text(behaviour, encoding="utf-8")
        variables = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "ELBO": self.folder / "bin/elbo",
                     "SLURM_SUBMIT_DIR": self.folder, "SLURM_JOB_ID": "12", "PBS_O_WORKDIR": self.folder,
                     "PBS_NODEFILE": "nodes", **extra}
        return subprocess.Popen(["bash", LAUNCH / script, *arguments], cwd="/", env=elbo_cli.environment(variables),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                encoding="utf-8", start_new_session=True)

    def job(self, script, *arguments, expect, **options):
        """Runs a job to its end; what it said."""
        return self.end(self.start(script, *arguments, **options), expect)

    def end(self, process, expect):
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, expect, out)
        return out

    def called(self, name):
        path = self.folder / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def test_which_ends_go_back_in_the_queue(self):
        save = 'save "stopped early" 3; '
        for behaviour, status, again in (
                (save + "exit 75", 75, True),
                (save + "exit 1", 1, True),        # a launcher that loses the status
                ("save done 9; exit 0", 0, False),
                (save + "save failed 4; exit 1", 1, False),
                ("save running 4; kill -9 $$", 137, False),
                (save + "exit 2", 2, False),
                (save + "exit 3", 3, False)):
            with self.subTest(behaviour=behaviour):
                elbo_run = f"output=runs/{time.monotonic_ns()}"
                out = self.job("slurm.sbatch", "a.yaml", elbo_run, behaviour=behaviour, expect=status)
                self.assertEqual(self.called("scontrol.called"), ["requeue", "12"] if again else [], out)
                self.assertEqual(self.called("trained"), ["train", "a.yaml", elbo_run])

    def test_a_job_without_progress_is_not_started_again(self):
        stop = 'save "stopped early" 3; exit 75'
        self.job("slurm.sbatch", "a.yaml", behaviour=stop, expect=75)
        self.assertEqual(self.called("scontrol.called"), ["requeue", "12"])
        out = self.job("slurm.sbatch", "a.yaml", behaviour=stop, expect=75, SLURM_RESTART_COUNT=1)
        self.assertEqual(self.called("scontrol.called"), [])
        self.assertIn("no step since step-00000003.h5", out)
        # status.json still tells of the stop before.
        out = self.job("slurm.sbatch", "a.yaml", behaviour="exit 1", expect=1, SLURM_RESTART_COUNT=1)
        self.assertEqual(self.called("scontrol.called"), [])
        self.assertIn("ended with status 1", out)
        self.job("slurm.sbatch", "a.yaml", "output=runs/none", behaviour="exit 75", expect=75)
        self.assertEqual(self.called("scontrol.called"), [])

    def test_restarts_are_bounded(self):
        for count, limit, again in ((99, None, True), (100, None, False), (1, 2, True), (2, 2, False), (0, 0, False)):
            with self.subTest(count=count, limit=limit):
                behaviour = f'save "stopped early" {time.monotonic_ns()}; exit 75'
                out = self.job("slurm.sbatch", "a.yaml", behaviour=behaviour, expect=75, SLURM_RESTART_COUNT=count,
                               MAX_RESTARTS=limit)
                self.assertEqual(bool(self.called("scontrol.called")), again, out)
                self.assertEqual("MAX_RESTARTS" in out, not again, out)

    def test_restarts_that_slurm_makes_after_failed_nodes_are_bounded_too(self):
        out = self.job("slurm.sbatch", "a.yaml", behaviour="save done 1", expect=1, SLURM_RESTART_COUNT=3,
                       MAX_RESTARTS=2)
        self.assertIn("more than MAX_RESTARTS=2", out)
        self.assertEqual(self.called("trained"), [])
        self.job("slurm.sbatch", "a.yaml", behaviour="save done 1", expect=0, SLURM_RESTART_COUNT=2, MAX_RESTARTS=2)

    def test_signals_reach_the_training_and_only_usr1_brings_the_job_back(self):
        # Stops on USR1, as elbo does; "ready" tells that it would.
        behaviour = ('trap \'save "stopped early" $step; exit 75\' USR1; step=$(($(date +%s%N) / 1000)); touch ready\n'
                     "while :; do sleep 0.1; done")
        for name, again in (("USR1", True), ("TERM", False), ("INT", False)):
            with self.subTest(signal=name):
                (self.folder / "ready").unlink(missing_ok=True)
                process = self.start("slurm.sbatch", "a.yaml", behaviour=behaviour)
                self.addCleanup(process.kill)
                while not (self.folder / "ready").exists() and process.poll() is None:
                    time.sleep(0.01)
                process.send_signal(getattr(signal, f"SIG{name}"))
                out = self.end(process, 75)
                self.assertEqual(bool(self.called("scontrol.called")), again, out)

    def test_a_job_that_is_cancelled_while_it_stops_is_not_started_again(self):
        behaviour = ('trap "touch stopping; sleep 1; save \'stopped early\' 5; exit 75" USR1; trap "" TERM\n'
                     "touch ready; while :; do sleep 0.1; done")
        process = self.start("slurm.sbatch", "a.yaml", behaviour=behaviour)
        self.addCleanup(process.kill)
        for name, told in (("ready", signal.SIGUSR1), ("stopping", signal.SIGTERM)):
            while not (self.folder / name).exists() and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(told)
        out = self.end(process, 75)
        self.assertEqual(self.called("scontrol.called"), [], out)
        self.assertIn("ended by TERM", out)

    def test_wrong_input_ends_a_job_before_the_launcher_starts(self):
        for script, arguments in (("slurm.sbatch", ("a.yaml", "wrong=1")), ("slurm.sbatch", ("a.yaml", "--fresh"))):
            self.job(script, *arguments, behaviour="exit 0", expect=2)
            self.assertFalse((self.folder / "launched").exists())

    def test_a_task_of_an_array_has_its_line_and_folder_and_goes_back_alone(self):
        task = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_JOB_ID": "7"}
        stop = 'save "stopped early" 3; exit 75'
        for number, overrides in (("1", ["seed=1", "model.latent=10"]),
                                  ("4", ["seed=1", "model.latent=20", "model.encoder=[{dense: 200}]"])):
            with self.subTest(task=number):
                self.job("array.sbatch", EXAMPLE, "a.yaml", "b=1", behaviour=stop, expect=75,
                         SLURM_ARRAY_TASK_ID=number, **task)
                self.assertEqual(self.called("trained"),
                                 ["train", "a.yaml", "b=1", f"output=runs/plain-sweep/{number}", *overrides])
                self.assertEqual(self.called("scontrol.called"), ["requeue", f"7_{number}"])
                self.assertTrue((self.folder / f"runs/plain-sweep/{number}/status.json").exists())
        out = self.job("array.sbatch", EXAMPLE, "a.yaml", behaviour=stop, expect=2, SLURM_ARRAY_TASK_ID=5, **task)
        self.assertIn("no line for task 5: sbatch --array=1-4", out)
        out = self.job("array.sbatch", EXAMPLE, "a.yaml", behaviour=stop, expect=1)
        self.assertIn("sbatch --array=1-4", out)
        # Quotes are read and nothing is run.
        sweep = self.folder / "sweep"
        sweep.write_text(f"a='$(touch {shlex.quote(str(self.folder))}/ran)' b=\"c d\" *\n", encoding="utf-8")
        self.job("array.sbatch", sweep, "a.yaml", behaviour="save done 1", expect=0, SLURM_ARRAY_TASK_ID=1, **task)
        self.assertEqual(self.called("trained")[3:], [f"a=$(touch {self.folder}/ran)", "b=c d", "*"])
        self.assertFalse((self.folder / "ran").exists())

    def test_the_example_is_a_sweep_of_a_configuration_that_is_there(self):
        lines = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
        self.assertEqual(len(lines), 4)
        for line in lines:
            told = self.elbo("train", "--print-output", elbo_cli.ROOT / "configs/mnist.yaml", *shlex.split(line))
            self.assertEqual(told.out, "runs/mnist\n")

    def test_pbs_submits_a_successor(self):
        stop = 'save "stopped early" %d; exit 75'
        self.job("pbs.sh", behaviour=stop % 1, expect=75, CONFIG="a.yaml")
        self.assertEqual(self.called("qsub.called"), ["-v", "CONFIG=a.yaml,RESTARTS=1", "launch/pbs.sh"])
        self.assertEqual(self.called("launched")[:4], ["--bind-to", "core", "--hostfile", "nodes"])
        self.job("pbs.sh", behaviour=stop % 2, expect=75, CONFIG="a.yaml", RESTARTS=7)
        self.assertEqual(self.called("qsub.called")[1], "CONFIG=a.yaml,RESTARTS=8")
        self.job("pbs.sh", behaviour=stop % 3, expect=75, CONFIG="a.yaml", RESTARTS=100)
        self.assertEqual(self.called("qsub.called"), [])
        self.job("pbs.sh", behaviour="save done 4", expect=0, CONFIG="a.yaml", RESTARTS=1)
        self.assertEqual(self.called("qsub.called"), [])


if __name__ == "__main__":
    unittest.main()
