"""Saving while the file system fails: at every call in turn, with SIGKILL at every call, and on a really full disk.

Whatever happens, a file with a checkpoint's name is whole, older ones are untouched, links point to whole files, and the
next start goes on. The calls are made to fail by preload.cpp; driver.cpp does what a training does, only quicker.
"""
import collections
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

import elbo_cli

PRELOAD = os.environ.get("ELBO_FAULT_PRELOAD", elbo_cli.ROOT / "build/tests/libfault_preload.so")
DRIVER = os.environ.get("ELBO_FAULT_DRIVER", elbo_cli.ROOT / "build/fault_driver")
REASONS = {errno.ENOSPC: "no space left on the device", errno.EIO: "input/output error", errno.EDQUOT: "quota",
           errno.EROFS: "read-only", errno.EACCES: "permission denied"}

Call = collections.namedtuple("Call", "name path")

CONFIGURATION = """\
output: run
seed: 1
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x"}
model: {latent: 2, encoder: [{dense: 6}], decoder: [{dense: 6}], likelihood: bernoulli}
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 3, batch: 20}
checkpoint: {keep: 3}
report: {pictures: 0}
"""


def faults(folder, call, at=0, action="", **more):
    """Environment for preload.cpp."""
    variables = {"LD_PRELOAD": PRELOAD, "FAULT_FOLDER": folder, "FAULT_CALL": call, "FAULT_AT": at,
                 "FAULT_ACTION": int(action) if isinstance(action, int) else action}
    variables.update({f"FAULT_{name.upper()}": value for name, value in more.items()})
    return {name: str(value) for name, value in variables.items()}


def traced(path):
    """The calls that a process under preload.cpp made."""
    return [Call(*line.split(" ", 1)) for line in path.read_text(encoding="utf-8").splitlines()]


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def temporaries(folder):
    return [name for name in names(folder) if ".tmp-" in name]


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("checkpoints/step-*.h5"))}


class Faults(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        if elbo_cli.SANITIZED:
            self.skipTest("a sanitizer's run-time library must come before every other")
        for program in (PRELOAD, DRIVER):
            if not os.path.exists(program):
                self.fail(f"no {program}: build it")


class EveryCall(Faults):
    """The driver, on a folder that holds the checkpoints of steps 1 and 2; it saves step 3."""

    def setUp(self):
        super().setUp()
        self.before = self.folder / "before"
        self.before.mkdir()
        for step in (1, 2):
            self.assertEqual(self.drive("save", self.before, step).returncode, 0)
        self.whole = self.folder / "whole"
        shutil.copytree(self.before, self.whole, symlinks=True)
        self.assertEqual(self.drive("save", self.whole, 3, env=self.trace_of("any", self.whole)).returncode, 0)
        self.calls = traced(self.folder / "trace")

    def trace_of(self, call, folder):
        return faults(folder, call, trace=self.folder / "trace")

    def drive(self, *arguments, env=None):
        return subprocess.run([DRIVER, *map(str, arguments)], env=elbo_cli.environment(env), capture_output=True,
                              encoding="utf-8", timeout=60, check=False)

    def save_with(self, call, at, action, **more):
        """Saves step 3 in a fresh copy of the folder under this fault; returns the copy and what the driver said."""
        run = self.folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(self.before, run, symlinks=True)
        return run, self.drive("save", run, 3, env=faults(run, call, at, action, **more))

    def check(self, run, case):
        """What must hold whatever happened."""
        checked = self.drive("check", run)
        self.assertEqual(checked.returncode, 0, f"{case}: {checked.stderr}")
        for name, text in contents(run).items():
            self.assertEqual(text, contents(self.whole).get(name, contents(self.before).get(name)), (case, name))
        self.assertIn("step-00000002.h5", contents(run), case)

    def check_next(self, run, case):
        """The next start finds nothing in its way, and leaves nothing of the last one's behind."""
        again = self.drive("save", run, 3)
        self.assertEqual(again.returncode, 0, f"{case}: {again.stderr}")
        self.check(run, case)
        self.assertEqual([name for name in names(run) if name != "checkpoints/step-00000001.h5"], names(self.whole), case)
        self.assertEqual(os.readlink(run / "checkpoints/latest.h5"), "step-00000003.h5", case)

    def each(self, call):
        """Numbers of the calls of this name, and what each is on."""
        return enumerate((made for made in self.calls if made.name == call), start=1)

    def test_the_calls_are_those_of_a_save(self):
        # Were the preloaded functions not called, everything below would hold of itself.
        made = collections.Counter(call.name for call in self.calls if "/checkpoints" in call.path)
        self.assertEqual(made, {"open": 1, "write": 1, "fsync": 4, "close": 1, "rename": 3, "symlink": 2, "unlink": 3})
        self.assertEqual([name for name in temporaries(self.whole)], [])

    def test_every_call_fails_in_turn(self):
        for name in ("open", "write", "pwrite", "fsync", "close", "rename", "symlink", "unlink", "ftruncate"):
            for at, made in self.each(name):
                for code in (errno.ENOSPC, errno.EIO):
                    case = (*made, at, errno.errorcode[code])
                    run, result = self.save_with(name, at, code)
                    self.assertIn(result.returncode, (0, 1), (case, result.stderr))
                    if "/checkpoints" in made.path and name != "unlink":
                        self.assertEqual(result.returncode, 1, case)
                    if result.returncode == 1:
                        self.assertIn(str(run), result.stderr, case)
                        self.assertIn(REASONS[code], result.stderr, case)
                        self.assertEqual(len(result.stderr.splitlines()), 1, case)
                    self.check(run, case)
                    if name != "unlink":
                        self.assertEqual(temporaries(run), [], case)
                        self.assertFalse((run / "lock").exists(), case)
                    self.check_next(run, case)

    def test_other_reasons_are_told(self):
        for code in (errno.EDQUOT, errno.EROFS, errno.EACCES):
            for name in ("write", "rename"):
                at = next(at for at, made in self.each(name) if "/checkpoints" in made.path)
                run, result = self.save_with(name, at, code)
                self.assertEqual(result.returncode, 1)
                self.assertIn(REASONS[code], result.stderr)
                self.assertIn("step-00000003.h5", result.stderr)
                self.check_next(run, (name, code))

    def test_a_disk_that_fails_for_good(self):
        for name in ("open", "write", "fsync", "rename", "symlink"):
            first = next(at for at, made in self.each(name) if "/checkpoints" in made.path)
            run, result = self.save_with(name, first, errno.EIO, forever=1)
            self.assertEqual(result.returncode, 1, name)
            self.assertIn("/checkpoints/", result.stderr)
            self.assertIn(REASONS[errno.EIO], result.stderr)
            self.check(run, name)
            self.check_next(run, name)

    def test_short_writes(self):
        for name in ("write", "pwrite"):
            for at, made in self.each(name):
                run, result = self.save_with(name, at, "short")
                self.assertEqual((result.returncode, result.stderr), (0, ""), made)
                self.assertEqual(contents(run), contents(self.whole), made)
                self.assertEqual((run / "events.jsonl").read_text(), (self.whole / "events.jsonl").read_text(), made)
                self.assertEqual(names(run), names(self.whole), made)

    def test_a_disk_that_fills_within_a_write(self):
        for name in ("write", "pwrite"):
            for at, made in self.each(name):
                run, result = self.save_with(name, at, "full")
                # Only giving the lock back, the last of all writes, succeeds with nowhere to write to.
                gives_back = name == "write" and at == len([call for call in self.calls if call.name == name])
                self.assertEqual(result.returncode, 0 if gives_back else 1, (made, result.stderr))
                self.assertIn("" if gives_back else REASONS[errno.ENOSPC], result.stderr)
                self.check(run, made)
                self.assertEqual(temporaries(run), [], made)
                log = run / "events.jsonl"
                self.assertTrue(log.read_text().endswith("\n"), made)
                self.check_next(run, made)

    def test_killed_at_every_call(self):
        for at, made in enumerate(self.calls, start=1):
            run, result = self.save_with("any", at, "kill")
            self.assertEqual(result.returncode, -signal.SIGKILL, made)
            self.check(run, made)
            self.check_next(run, made)


class Training(Faults):
    """`elbo train` of a tiny model, three checkpoints; faults on what lies in its folder checkpoints/."""

    def setUp(self):
        super().setUp()
        elbo_cli.sprites(self.folder / "sprites.h5", train=60, test=20)
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")

    def train(self, output, *more, **options):
        return self.elbo("train", "small.yaml", f"output={output}", *more, **options)

    def calls(self):
        """Calls in checkpoints/ of an undisturbed run, which stays as "whole"."""
        folder = self.folder / "whole/checkpoints"
        self.train("whole", env=faults(folder, "any", trace=self.folder / "trace"))
        return traced(self.folder / "trace")

    def check(self, run, case):
        """Checkpoints are whole, equal to the undisturbed run's in length, and links point to them."""
        found = sorted(run.glob("checkpoints/*.h5"))
        for path in found:
            self.elbo("inspect", path)
            self.assertEqual(len(path.read_bytes()), self.size_of(path.resolve().name), (case, path))

    def size_of(self, name):
        return (self.folder / "whole/checkpoints" / name).stat().st_size

    def goes_on(self, run, case):
        """Without the fault, the same command ends where the undisturbed run did."""
        self.train(run)
        self.assertEqual(temporaries(run), [], case)
        self.assertEqual(os.readlink(run / "checkpoints/latest.h5"), "step-00000009.h5", case)
        self.assertFalse((run / "lock").exists(), case)
        whole = [line["elbo"] for line in elbo_cli.metrics(self.folder / "whole")]
        self.assertEqual([line["elbo"] for line in elbo_cli.metrics(run)], whole, case)

    def test_a_failing_save(self):
        calls = self.calls()
        reasons = (errno.ENOSPC, errno.EIO)
        # The second of three saves, and the last.
        for number, name in enumerate(("open", "write", "fsync", "close", "rename", "symlink")):
            of_name = [call for call in calls if call.name == name]
            for at in (len(of_name) // 3 + 1, len(of_name)):
                case, code = (name, at), reasons[(number + at) % 2]
                run = self.folder / f"run-{name}-{at}"
                result = self.train(run, expect=None, env=faults(run / "checkpoints", name, at, code))
                self.assertIn(result.status, (0, 1), f"{case} {result}")
                self.assertIn(REASONS[code], result.err, case)
                self.assertIn(str(run / "checkpoints"), result.err, case)
                self.check(run, case)
                self.assertEqual(temporaries(run), [], case)
                self.assertTrue((run / "checkpoints/step-00000003.h5").exists(), case)
                if result.status == 0:
                    self.assertEqual(os.readlink(run / "checkpoints/latest.h5"), "step-00000009.h5", case)
                self.goes_on(run, case)

    def test_a_disk_that_fails_for_good(self):
        calls = self.calls()
        for name, ranks in (("write", None), ("fsync", None), ("rename", 2)):
            at = len([call for call in calls if call.name == name]) // 3 + 1
            run = self.folder / f"run-{name}"
            result = self.train(run, ranks=ranks, expect=None,
                                env=faults(run / "checkpoints", name, at, errno.ENOSPC, forever=1, rank=0))
            self.assertEqual(result.status, 1, f"{name} {result}")
            self.assertIn(REASONS[errno.ENOSPC], result.err)
            self.assertRegex(result.err, rf"{run}/checkpoints/(step-\d+|latest|best)\.h5")
            self.assertIn(elbo_cli.status(run)["state"], ("failed", "done"))
            self.assertEqual(elbo_cli.status(run)["exit"], 1)
            self.check(run, name)
            self.assertEqual(temporaries(run), [], name)
            self.train(run, ranks=ranks)
            self.assertEqual(elbo_cli.status(run)["exit"], 0)

    def test_the_best_state_is_not_forgotten(self):
        # Such steps change no value: the first epoch stays the best, and what is saved later does not replace it.
        still = "optimizer.rate=1e-30"
        run = self.folder / "once"
        result = self.train(run, still, env=faults(run / "checkpoints", "rename", 1, errno.ENOSPC))
        self.assertIn("no checkpoint of step 3", result.err)
        self.assertEqual(os.readlink(run / "checkpoints/best.h5"), "step-00000003.h5")
        self.assertEqual(os.readlink(run / "checkpoints/latest.h5"), "step-00000009.h5")
        saves = [(event["event"], event["step"]) for event in elbo_cli.events(run) if event["event"].startswith("save")]
        self.assertEqual(saves, [("save_failed", 3), ("save", 3), ("save", 6), ("save", 9)])
        # A link that cannot be made, from a start without any checkpoint on.
        for ranks in (None, 2):
            run = self.folder / f"never{ranks}"
            (run / "checkpoints/best.h5/in the way").mkdir(parents=True)
            shutil.copy(self.folder / "once/configuration.yaml", run)
            result = self.train(run, still, ranks=ranks, expect=1)
            self.assertRegex(result.err, r"elbo: the best state so far, after step 3, could not be saved: \S+best\.h5: ")
            self.assertEqual(elbo_cli.status(run)["state"], "failed")
            self.assertEqual(os.readlink(run / "checkpoints/latest.h5"), "step-00000009.h5")

    def test_killed_within_a_save(self):
        calls = self.calls()
        each = len(calls) // 3
        # Every call of the second save.
        for at in range(each + 1, 2 * each + 1):
            run = self.folder / f"run-{at}"
            result = self.train(run, expect=None, env=faults(run / "checkpoints", "any", at, "kill"))
            self.assertEqual(result.status, -signal.SIGKILL, f"{calls[at - 1]} {result}")
            self.check(run, calls[at - 1])
            self.goes_on(run, calls[at - 1])
            self.assertEqual(names(run / "checkpoints"), names(self.folder / "whole/checkpoints"), calls[at - 1])


class FullDisk(Faults):
    """A disk of 300 KB that fills up: a small tmpfs, which only root may mount."""

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        if os.geteuid() != 0:
            self.skipTest("only root may mount a tmpfs")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", self.disk], capture_output=True,
                                 encoding="utf-8", check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.disk], check=True)

    def test_training_on_a_disk_that_fills_up(self):
        elbo_cli.sprites(self.folder / "sprites.h5", train=60, test=20)
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        run = pathlib.Path(self.disk) / "run"
        # Room for about two checkpoints of 56 KB besides the ballast.
        ballast = pathlib.Path(self.disk) / "ballast"
        ballast.write_bytes(bytes(160_000))
        result = self.elbo("train", "small.yaml", f"output={run}", expect=1)
        self.assertIn(REASONS[errno.ENOSPC], result.err)
        self.assertIn(str(run / "checkpoints"), result.err)
        found = sorted(run.glob("checkpoints/*.h5"))
        self.assertTrue(found, names(run))
        for path in found:
            self.elbo("inspect", path)
        self.assertEqual(temporaries(run), [])
        for log in ("metrics.jsonl", "events.jsonl"):
            elbo_cli.lines(run / log)
        # A full disk is told as such at a start as well, and touches nothing that is there.
        filler = pathlib.Path(self.disk) / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        before = contents(run)
        self.assertIn(REASONS[errno.ENOSPC], self.elbo("train", "small.yaml", f"output={run}", expect=1).err)
        self.assertEqual(contents(run), before)
        ballast.unlink()
        filler.unlink()
        self.elbo("train", "small.yaml", f"output={run}")
        self.assertEqual(elbo_cli.status(run)["exit"], 0)
        self.assertEqual(os.readlink(run / "checkpoints/latest.h5"), "step-00000009.h5")


if __name__ == "__main__":
    unittest.main()
