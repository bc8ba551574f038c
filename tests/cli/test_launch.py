"""launch/local.sh: signals stop a run and lose nothing, --retries goes on after a failure and after nothing else."""
import os
import pathlib
import pty
import shlex
import signal
import subprocess
import time
import unittest

import elbo_cli

LOCAL = elbo_cli.ROOT / "launch" / "local.sh"
# Long enough to be met alive, whatever the machine: stopped runs never get so far.
ENDLESS = "training.epochs=1000000"
LONG = "training.epochs=80"

# A launcher of one process that knows no Open MPI: local.sh gives it "-n RANKS PROGRAM ARGUMENT...".
LAUNCHER = """#!/bin/sh
if [ "$1" = --version ]; then exit 0; fi
shift 2
exec "$@"
"""


def environment(**extra):
    return elbo_cli.environment({"ELBO": elbo_cli.ELBO, "MPIRUN": elbo_cli.MPIEXEC, **extra})


def ranks_of(output):
    """Process ids of the ranks that train in a folder."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == os.fsencode(elbo_cli.ELBO) and os.fsencode(f"output={output}") in words:
            found.append(int(path.parent.name))
    return sorted(found)


class Local(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        self.small_run(train=430, test=60)

    def start(self, *arguments, **extra):
        return subprocess.Popen([LOCAL, *arguments], cwd=self.folder, env=environment(**extra),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                encoding="utf-8", errors="replace", start_new_session=True)

    def train(self, output, *overrides, options=("-n", "2")):
        """Starts a training and waits until it has saved."""
        process = self.start(*options, "train", "small.yaml", f"output={output}", *overrides)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        elbo_cli.wait_until(lambda: (output / "checkpoints/latest.h5").exists() or process.poll() is not None)
        return process

    def finish(self, process, status):
        out, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, out)
        return out

    def expect_stopped(self, output):
        status = elbo_cli.status(output)
        self.assertEqual((status["state"], status["exit"]), ("stopped early", 75))
        newest = os.readlink(output / "checkpoints/latest.h5")
        self.assertEqual(newest, f"step-{status['step']:08}.h5")
        self.assertEqual(ranks_of(output), [])
        return status["step"]

    def test_every_signal_saves_and_the_same_command_goes_on(self):
        output = self.folder / "runs/stopped"
        step = 0
        for name in ("TERM", "INT", "HUP", "USR1"):
            with self.subTest(signal=name):
                process = self.train(output, ENDLESS, options=("-n", "2", "--retries", "3"))
                elbo_cli.wait_until(lambda: elbo_cli.status(output)["state"] == "running")
                before = os.readlink(output / "checkpoints/latest.h5")
                elbo_cli.wait_until(lambda: os.readlink(output / "checkpoints/latest.h5") != before)
                process.send_signal(getattr(signal, f"SIG{name}"))
                out = self.finish(process, 75)
                self.assertIn("goes on from the newest checkpoint", out)
                self.assertNotIn("attempt", out)
                further = self.expect_stopped(output)
                self.assertGreater(further, step)
                step = further

    def test_ctrl_c_at_a_terminal_saves(self):
        output = self.folder / "runs/terminal"
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execve(LOCAL, [str(LOCAL), "-n", "2", "train", "small.yaml", f"output={output}", ENDLESS], environment())
        said = b""
        try:
            elbo_cli.wait_until(lambda: (output / "checkpoints/latest.h5").exists())
            os.write(terminal, b"\x03")
            while True:
                said += os.read(terminal, 4096)
        except OSError:
            pass  # the terminal's other end is closed: the script has ended
        finally:
            _, status = os.waitpid(child, 0)
            os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(status), 75, said.decode(errors="replace"))
        self.expect_stopped(output)

    def test_a_killed_rank_is_retried_and_the_run_has_the_bits_of_an_undisturbed_one(self):
        whole, killed = self.folder / "runs/whole", self.folder / "runs/killed"
        self.elbo("train", "small.yaml", LONG, f"output={whole}", ranks=2)
        process = self.train(killed, LONG, options=("-n", "2", "--retries", "1"))
        os.kill(ranks_of(killed)[-1], signal.SIGKILL)
        out = self.finish(process, 0)
        self.assertIn("attempt 1 of 2 ended with status", out)
        self.assertEqual(elbo_cli.status(killed)["state"], "done")
        self.assertEqual(len([event for event in elbo_cli.events(killed) if event["event"] == "resume"]), 1)
        self.assertEqual(elbo_cli.figures(whole), elbo_cli.figures(killed))
        newest = os.readlink(whole / "checkpoints/latest.h5")
        self.assertEqual(newest, os.readlink(killed / "checkpoints/latest.h5"))
        same = ["h5diff", whole / "checkpoints" / newest, killed / "checkpoints" / newest, "/parameters"]
        subprocess.run(same, check=True, stdout=subprocess.DEVNULL)

    def test_without_retries_a_killed_rank_ends_the_run(self):
        output = self.folder / "runs/killed"
        process = self.train(output, ENDLESS)
        os.kill(ranks_of(output)[0], signal.SIGKILL)
        out, _ = process.communicate(timeout=120)
        self.assertNotIn(process.returncode, (0, 2, 3, 75), out)
        self.assertNotIn("attempt", out)

    def test_wrong_input_and_a_time_limit_are_not_retried(self):
        wrong = self.start("--retries", "3", "-n", "2", "train", "small.yaml", "model.latent=none")
        self.assertNotIn("attempt", self.finish(wrong, 2))
        limited = self.start("--retries", "3", "-n", "2", "train", "small.yaml", ENDLESS, "training.time_limit=2s")
        self.assertNotIn("attempt", self.finish(limited, 75))
        self.expect_stopped(self.folder / "runs/small")


class Script(elbo_cli.Case):
    """What the script does with any program: no training, and one process instead of mpirun where that is enough."""

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def local(self, *arguments, **extra):
        return subprocess.run([LOCAL, *arguments], env=environment(**extra), stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=60,
                              start_new_session=True)

    def attempts(self, status, retries):
        """Runs a program that ends so; what local.sh said, the attempts made and the seconds waited between them."""
        calls, waits = self.folder / "calls", self.folder / "waits"
        for path in (calls, waits):
            path.write_text("", encoding="utf-8")
        # No time is lost here: what stands for sleep takes notes.
        self.program("sleep", f'#!/bin/sh\necho "$1" >>{shlex.quote(str(waits))}\n')
        fake = self.program("fake", f'#!/bin/sh\necho "$*" >>{shlex.quote(str(calls))}\nexit {status}\n')
        ended = self.local("--retries", str(retries), "train", "a b", MPIRUN=self.program("launcher", LAUNCHER),
                           ELBO=fake, PATH=f"{self.folder}:{os.environ['PATH']}")
        self.assertEqual(ended.returncode, status, ended.stdout)
        return ended.stdout, calls.read_text(encoding="utf-8").splitlines(), waits.read_text(encoding="utf-8").split()

    def test_which_ends_are_retried(self):
        for status, expected in ((0, 1), (2, 1), (3, 1), (75, 1), (1, 3), (137, 3), (143, 3)):
            with self.subTest(status=status):
                self.assertEqual(self.attempts(status, 2)[1], ["train a b"] * expected)

    def test_the_wait_grows_up_to_a_minute(self):
        said, calls, waits = self.attempts(9, 40)
        self.assertEqual(len(calls), 41)
        self.assertEqual(waits, [str(min(2 * attempt, 60)) for attempt in range(1, 41)])
        self.assertIn("attempt 1 of 41 ended with status 9; the next one goes on from the newest checkpoint in 2 s",
                      said)
        self.assertNotIn("attempt 41", said)

    def test_a_second_signal_kills_and_a_kill_that_was_asked_for_is_not_retried(self):
        started = self.folder / "started"
        deaf = self.program("deaf", f"#!/bin/sh\ntrap '' USR1\necho $$ >{shlex.quote(str(started))}\n"
                                    "while :; do sleep 1; done\n")
        process = subprocess.Popen([LOCAL, "-n", "1", "--retries", "3", "train"], env=environment(ELBO=deaf),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   encoding="utf-8", start_new_session=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        elbo_cli.wait_until(lambda: started.exists() and started.read_text().strip())
        process.terminate()
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.terminate()
        out, _ = process.communicate(timeout=30)
        self.assertNotIn(process.returncode, (0, 75), out)
        self.assertNotIn("attempt", out)
        gone = pathlib.Path("/proc", started.read_text().strip())
        elbo_cli.wait_until(lambda: not gone.exists(), 10)

    def test_only_a_training_is_said_to_go_on(self):
        waiting = self.program("waiting", "#!/bin/sh\ntrap 'exit 75' USR1\necho ready\nwhile :; do sleep 0.1; done\n")
        for command, told in (("train", "stopping; the same command goes on from the newest checkpoint (once more: kills)"),
                              ("evaluate", "stopping (once more: kills)")):
            process = subprocess.Popen([LOCAL, "-n", "1", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       env=environment(ELBO=waiting, MPIRUN=self.program("launcher", LAUNCHER)),
                                       stderr=subprocess.STDOUT, encoding="utf-8", start_new_session=True)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.kill)
            self.assertEqual(process.stdout.readline(), "ready\n")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.communicate(timeout=30)[0], told + "\n")
            self.assertEqual(process.returncode, 75)

    def test_quickstart_takes_no_arguments(self):
        for arguments, status in ((["--help"], 0), (["-h"], 0), (["--fast"], 2), (["--help", "more"], 2)):
            told = subprocess.run([elbo_cli.ROOT / "launch" / "quickstart.sh", *arguments], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, encoding="utf-8", check=False, timeout=30)
            self.assertEqual(told.returncode, status)
            self.assertIn("Usage: launch/quickstart.sh", told.stdout)
            self.assertLessEqual(max(map(len, told.stdout.splitlines())), 80)

    def test_arguments(self):
        for arguments, told in ((("-n", "0", "train"), "-n takes a number from 1, not '0'"),
                                (("-n",), "-n takes a number from 1, not ''"),
                                (("--retries", "-1", "train"), "--retries takes a number from 0, not '-1'"),
                                (("--retries", "2", "train", "--fresh", "a"), "--retries with --fresh"),
                                ((), "Usage:")):
            with self.subTest(arguments=arguments):
                ended = self.local(*arguments)
                self.assertEqual(ended.returncode, 2)
                self.assertIn(told, ended.stdout)
        told = self.local("--help")
        self.assertEqual(told.returncode, 0)
        self.assertLessEqual(max(map(len, told.stdout.splitlines())), 80)
        for word in ("-n RANKS", "--retries N", "ELBO", "MPIRUN", "75"):
            self.assertIn(word, told.stdout)


if __name__ == "__main__":
    unittest.main()
