"""Commands of the pages, and how they are run: every ```sh block, in order, in a copy of the project's configs and
scripts whose build/elbo is the program under test, with root's leave for mpirun.

A comment before a block says what a test does with it:
  <!-- test: not run, REASON -->              left to people, or to another test that REASON names
  <!-- test: needs mnist -->                  skipped where the test data has no folder of that name; data/mnist is it
  <!-- test: needs onnxruntime -->            skipped where no Python has it, or elbo was built without libonnx
  <!-- test: with training.epochs=1 ... -->   appended to every "train" command of the block, to save time
  <!-- test: status 2 -->                     what the block ends with; 0 where nothing is said
  <!-- test: Ctrl-C after TEXT -->            as a terminal sends it, once a line with TEXT was printed
Several are joined with ";". A ```python block with such a comment is run, too; others are other tests' matter.

What a ```text block right behind shows has been printed, line by line and in this order, up to numbers, durations and
spaces: a line "..." stands for any lines, "..." at a line's end for the rest of it.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import elbo_cli

BLOCK = re.compile(r"(?:<!-- test: (?P<marks>[^\n]*?) -->\n+)?```(?P<language>sh|python)\n(?P<commands>.*?)^```$"
                   r"(?:\n+```text\n(?P<shown>.*?)^```$)?", re.DOTALL | re.MULTILINE)
MARKS = ("not", "needs", "with", "status", "Ctrl-C")
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?\*?")
DURATION = re.compile(r"(# (h|min|s|ms)\b ?)+")


class Block:
    """One block of a page: its marks, its commands and what the page says that they print."""

    def __init__(self, match):
        self.marks = [mark.strip() for mark in (match["marks"] or "").split(";") if mark.strip()]
        self.language, self.commands, self.shown = match["language"], match["commands"], match["shown"] or ""

    def mark(self, word):
        """What stands behind the mark that begins with the word; None where there is no such mark."""
        return next((mark[len(word):].strip() for mark in self.marks if mark.split(" ")[0] == word), None)


def blocks(text):
    """The blocks of a page that a test runs or has a reason not to."""
    return [block for block in map(Block, BLOCK.finditer(text)) if block.language == "sh" or block.marks]


def with_overrides(commands, overrides):
    """Commands with the overrides behind each that trains."""
    return "".join(re.sub(r"(\btrain configs/\S+)", rf"\1 {overrides}", line) for line in commands.splitlines(True))


def plain(line):
    """A line without what differs between two runs: numbers, durations, spaces."""
    return " ".join(DURATION.sub("# ", NUMBER.sub("#", line)).split())


def missing_line(shown, said):
    """The first line shown that was not said in its place, or None."""
    rest = iter([plain(line) for line in said.splitlines()])
    for line in shown.splitlines():
        begin, cut, _ = line.rpartition("...")
        wanted = plain(begin if cut else line)
        if wanted and not any(said_line.startswith(wanted) if cut else said_line == wanted for said_line in rest):
            return line
    return None


def onnx_python():
    """A Python with onnxruntime, which tests/run.sh puts into build/wheels (or ELBO_ONNX_PYTHON names), or None."""
    python = os.environ.get("ELBO_ONNX_PYTHON") or str(elbo_cli.ROOT / "build/wheels/onnxruntime/bin/python")
    without = "without libonnx" in elbo_cli.run(["export", "nowhere", "-o", "out"], expect=2).err
    return python if os.path.exists(python) and not without else None


class Reader:
    """A temporary folder in which somebody follows a page."""

    def __init__(self, case):
        scratch = tempfile.TemporaryDirectory(prefix="elbo-docs-")
        case.addCleanup(scratch.cleanup)
        self.case, self.folder = case, pathlib.Path(scratch.name)
        for name in ("configs", "launch"):
            shutil.copytree(elbo_cli.ROOT / name, self.folder / name)
        for name in ("build", "data", "bin"):
            (self.folder / name).mkdir()
        (self.folder / "build" / "elbo").symlink_to(elbo_cli.ELBO)
        as_users_have_it = dict.fromkeys(elbo_cli.THRIFTY) | {"OMP_NUM_THREADS": 1}
        as_root = dict.fromkeys(("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), 1)
        self.environment = elbo_cli.environment(as_users_have_it | (as_root if os.geteuid() == 0 else {}))

    def let_python_be(self, python):
        """For commands of a page that need other people's modules: python3 is this one."""
        script = self.folder / "bin" / "python3"  # no link, by which a virtual environment would not know itself
        script.write_text(f'#!/bin/sh\nexec "{python}" "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        self.environment["PATH"] = f"{self.folder / 'bin'}:{self.environment['PATH']}"

    def has(self, what):
        """True where what a mark needs is there; data is put in its place."""
        if what == "onnxruntime":
            return onnx_python() is not None
        if not (elbo_cli.TEST_DATA / what).is_dir():
            return False
        link = self.folder / "data" / what
        if not link.exists():
            link.symlink_to(elbo_cli.TEST_DATA / what)
        return True

    def follow(self, block):
        """Runs a block and checks what it came to; True where it was run."""
        for mark in block.marks:
            self.case.assertIn(mark.split(" ")[0], MARKS, f"unknown mark: {mark}")
        if block.mark("not") is not None or not all(
                self.has(mark.split(" ")[1]) for mark in block.marks if mark.startswith("needs ")):
            return False
        commands = with_overrides(block.commands, block.mark("with")) if block.mark("with") else block.commands
        program = ["bash", "-euo", "pipefail", "-c"] if block.language == "sh" else [onnx_python(), "-c"]
        status, said = self.run([*program, commands], block.mark("Ctrl-C"))
        self.case.assertEqual(status, int(block.mark("status") or 0), f"{commands}\n--- said\n{said}")
        self.case.assertIsNone(missing_line(block.shown, said), f"{commands}\n--- said\n{said}")
        return True

    def run(self, command, interrupt):
        """Status and output of a command; interrupt: "after TEXT"."""
        def listen():  # to Ctrl-C, which shells have their background commands ignore, and those hand on
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
                                   start_new_session=True, preexec_fn=listen)
        limit = threading.Timer(500, os.killpg, (process.pid, signal.SIGKILL))
        limit.start()
        said = ""
        for line in process.stdout:
            said += line
            if interrupt and interrupt.removeprefix("after ") in line:
                interrupt = None
                os.killpg(process.pid, signal.SIGINT)
        process.stdout.close()
        status = process.wait()
        limit.cancel()
        return status, said
