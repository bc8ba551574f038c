"""Helpers of the tests in which something goes wrong: trainings in the background whose processes are known, the bits
of a run, and a table of what was done to it. As a program: prints the tables that a folder's *.jsonl files hold.

Environment: ELBO_FAULT_TABLE (a folder that each script's rows are appended to), ELBO_FAULTS=all (every combination,
where the tests take some by turns).
"""
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import elbo_cli

ALL = os.environ.get("ELBO_FAULTS") == "all"
# A program with sanitizers is several times slower, and so is a machine that others use.
PATIENCE = 5 if elbo_cli.SANITIZED else 1

# 8 x 8 pixels, 12 steps an epoch, the last of them short; steps of about 0.2 ms.
CONFIGURATION = """\
output: runs/small
seed: 7
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x", binarize: dynamic}
model:
  latent: 4
  encoder: [{dense: 48}]
  decoder: [{dense: 48}]
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 60, batch: 64, virtual_ranks: 4}
checkpoint: {every: {epochs: 0, steps: 40}, keep: 3}
report: {every: 5, pictures: 20}
"""

TOKEN = "ELBO_FAULT_TOKEN"
_numbers = itertools.count()


def running(token):
    """The living processes of a training: process id to rank, None for a launcher's."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            if f"{TOKEN}={token}".encode() not in variables:
                continue
            if state_of(int(entry.name)) in "ZX":
                continue
            ranks = [int(text.partition(b"=")[2]) for text in variables if text.startswith(b"OMPI_COMM_WORLD_RANK=")]
            elbo = os.path.samefile(entry / "exe", elbo_cli.ELBO)
            found[int(entry.name)] = (ranks or [0])[0] if elbo else None
        except OSError:
            continue  # ended meanwhile, or another user's
    return found


def state_of(process):
    """R, S, D, T, Z ... of a process; X where there is none."""
    try:
        stat = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X"
    return stat[stat.rindex(")") + 2]


class Training:
    """`elbo train` in the background, alone or on ranks, in a session of its own. What it says goes to a file."""

    def __init__(self, arguments, ranks=None, cwd=None, env=None, command=None):
        self.token = f"{os.getpid()}-{next(_numbers)}"
        self.ranks, self.env = ranks, env or {}
        self.command = [str(word) for word in command or elbo_cli.command_line(arguments, ranks)]
        self.output = tempfile.TemporaryFile()
        self.began = time.monotonic()
        variables = elbo_cli.environment({**self.env, TOKEN: self.token})
        self.process = subprocess.Popen(self.command, cwd=cwd, env=variables, stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True)

    def __str__(self):
        lines = self.said().splitlines()
        if len(lines) > 60:
            lines[25:-25] = ["..."]
        command = f"{self.env} {' '.join(self.command)}"
        return "\n".join([command, f"status {self.process.poll()}", "--- output", *lines])

    def said(self):
        return os.pread(self.output.fileno(), 1 << 24, 0).decode("utf-8", errors="replace")

    def processes(self):
        """Of elbo itself: rank to process id."""
        return {rank: process for process, rank in running(self.token).items() if rank is not None}

    def rank(self, number):
        """Process id of a rank, once all have started."""
        return self.wait_for(self.complete)[number]

    def complete(self):
        """processes(), once all have started."""
        found = self.processes()
        return found if len(found) == (self.ranks or 1) else None

    def wait_for(self, what, seconds=30, ended=False):
        """Waits until what() is true, or its text has been said; returns it. Fails where the training ends first."""
        text = re.compile(what) if isinstance(what, str) else None
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            over = self.process.poll() is not None
            found = text.search(self.said()) if text else what()
            if found:
                return found
            if over and not ended:
                raise AssertionError(f"ended before {what}:\n{self}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} in {seconds * PATIENCE} s:\n{self}")
            time.sleep(0.004)

    def wait_for_step(self, step, output):
        """Until metrics.jsonl has a line of that step or a later one."""
        metrics = pathlib.Path(output) / "metrics.jsonl"
        return self.wait_for(lambda: last_step(metrics) >= step)

    def first_to_go(self):
        """Waits until a rank is gone, or an injected fault was told of: the time."""
        ranks = {}

        def gone():
            if len(ranks) < (self.ranks or 1):
                ranks.update(self.processes())
            return (any(state_of(process) in "ZX" for process in ranks.values()) or "fault injected" in self.said()
                    or self.process.poll() is not None)
        self.wait_for(gone, ended=True)
        return time.monotonic()

    def end(self, expect=None, seconds=30, since=None, launchers=True):
        """Waits for the end; returns the seconds until then since a time (default: the start). No process may be left
        two seconds later, launchers' included unless they do not count. expect: the status, or several."""
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"has not ended in {seconds * PATIENCE} s:\n{self}") from None
        ended = time.monotonic()
        deadline = ended + 2 * PATIENCE
        while left := running(self.token) if launchers else self.processes():
            if time.monotonic() > deadline:
                raise AssertionError(f"processes are left: {left}:\n{self}")
            time.sleep(0.01)
        if expect is not None and status not in (expect if isinstance(expect, tuple) else (expect,)):
            raise AssertionError(f"expected status {expect}:\n{self}")
        return ended - (since or self.began)

    def sweep(self):
        """Ends what is left of it."""
        for _ in range(50):
            left = running(self.token)
            for process in left:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not left:
                break
            time.sleep(0.02)
        self.process.wait()
        self.output.close()


def last_step(metrics):
    """Step of the last whole line of a metrics file; 0 where there is none."""
    try:
        whole = pathlib.Path(metrics).read_text(encoding="utf-8").rpartition("\n")[0]
        return json.loads(whole.rpartition("\n")[2])["step"] if whole else 0
    except FileNotFoundError:
        return 0


def checkpoint_steps(run):
    """Steps of the run's checkpoints, oldest first."""
    return sorted(int(path.name[5:-3]) for path in (pathlib.Path(run) / "checkpoints").glob("step-*.h5"))


def newest_step(run):
    return max(checkpoint_steps(run), default=0)


def state_attributes(checkpoint):
    """/state of a checkpoint as text, without the time and what depends on it."""
    dump = subprocess.run(["h5dump", "-A", "-m", "%.17g", "-g", "/state", checkpoint], check=True,
                          stdout=subprocess.PIPE, encoding="utf-8").stdout
    values = dict(re.findall(r'ATTRIBUTE "([^"]+)" \{.*?\(0\): ([^\n]+)', dump, re.DOTALL))
    return {name: value for name, value in values.items() if name not in ("seconds", "metrics_bytes")}


def bits(run, checkpoint="latest.h5"):
    """All arrays of a checkpoint, its state and the run's metrics, without what depends on the clock."""
    run = pathlib.Path(run)
    path = run / "checkpoints" / checkpoint
    return elbo_cli.arrays(path), state_attributes(path), elbo_cli.figures(run)


class Case(elbo_cli.Case):
    """A test with trainings that end with it, and rows of its script's table."""

    rows = []

    def train(self, *arguments, **options):
        """elbo train in the foreground."""
        return self.elbo("train", "small.yaml", *arguments, **options)

    def start(self, *arguments, **options):
        """elbo train in the background."""
        training = Training(["train", "small.yaml", *arguments], **{"cwd": self.folder, **options})
        self.addCleanup(training.sweep)
        return training

    def small_run(self, text=CONFIGURATION, **dataset):
        return super().small_run(text, **{"train": 730, "test": 101, **dataset})

    def undisturbed(self, *arguments, output="runs/whole", ranks=None):
        """Trains without a fault; its bits."""
        self.train(f"output={output}", *arguments, ranks=ranks)
        return bits(self.folder / output)

    def run_folder(self, name):
        return self.folder / "runs" / name

    def expect_bits(self, expected, run, what=""):
        arrays, state, metrics = bits(run)
        self.assertEqual(expected[1], state, what)
        self.assertEqual(len(expected[2]), len(metrics), what)
        for ours, theirs in zip(expected[2], metrics):
            self.assertEqual(ours, theirs, what)
        self.assertTrue(expected[0] == arrays, f"{what}: the arrays differ")

    def expect_tidy(self, run):
        """No temporary file is left in a run's folder that nobody works in, and no lock."""
        left = [str(path) for path in pathlib.Path(run).rglob("*") if ".tmp-" in path.name or path.name == "lock"]
        self.assertEqual(left, [])

    def row(self, fault, happened, seconds=None, lost="nothing"):
        """A row of the table. seconds: until the run ended or went on; lost: steps, or words."""
        if isinstance(lost, int):
            lost = f"{lost} steps" if lost != 1 else "1 step"
        row = {"script": pathlib.Path(sys.argv[0]).stem.removeprefix("test_"), "fault": fault, "happened": happened,
               "seconds": seconds, "lost": lost}
        self.rows.append(row)
        if folder := os.environ.get("ELBO_FAULT_TABLE"):
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            with open(pathlib.Path(folder) / f"{row['script']}.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


COLUMNS = (("fault", 27), ("what happened", 28), ("seconds", 7), ("lost", 12))  # with two blanks between: 80


def print_table(rows):
    def line(cells):
        wrapped = [textwrap.wrap(cell, width) or [""] for cell, (_, width) in zip(cells, COLUMNS)]
        for parts in itertools.zip_longest(*wrapped, fillvalue=""):
            print("  ".join(part.rjust(width) if name == "seconds" else part.ljust(width)
                            for part, (name, width) in zip(parts, COLUMNS)).rstrip())
    line([name for name, _ in COLUMNS])
    print("  ".join("-" * width for _, width in COLUMNS))
    for row in rows:
        seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
        line([row["fault"], row["happened"], seconds, row["lost"]])


def main(module):
    """Runs a script's tests, and prints its table whatever becomes of them."""
    if not shutil.which("h5dump"):
        raise SystemExit("h5dump is missing: install hdf5-tools")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # as an end that cleans up
    program = unittest.main(module, exit=False)
    print_table(Case.rows)
    sys.exit(0 if program.result.wasSuccessful() else 1)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir():
        raise SystemExit("Usage: faults.py FOLDER   prints the tables that tests left there")
    print_table([row for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl")) for row in elbo_cli.lines(path)])
