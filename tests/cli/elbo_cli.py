"""Helpers of the tests that run the program as a user does: alone or through mpirun, in a temporary folder.

Environment: ELBO (the program; default build/elbo), MPIEXEC (default mpirun), ELBO_TEST_DATA (folder with mnist/).
"""
import contextlib
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ELBO = os.path.abspath(os.environ.get("ELBO", ROOT / "build" / "elbo"))
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")
TEST_DATA = pathlib.Path(os.environ.get("ELBO_TEST_DATA", ROOT.parent / "shared" / "data"))
# True where the program may be built with sanitizers, whose own memory counts as its.
SANITIZED = "ASAN_OPTIONS" in os.environ

# What a launcher leaves in the environment of its ranks: a test that is itself run under one must not hand it on.
LAUNCHER_PREFIXES = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "SLURM_")


def need_modules(*names):
    """For scripts that need other people's modules: goes on in the system's Python where this one has none, and ends
    with 77 (skipped) where that has none either. Called before anything else happens."""
    def has(python):
        command = [python, "-c", "import " + ", ".join(names)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if has(sys.executable):
        return
    other = "/usr/bin/python3"
    if os.path.exists(other) and has(other):
        SESSIONS.cleanup()
        os.execv(other, [other, *sys.argv])
    print(f"skipped: no Python with {', '.join(names)} (Debian: python3-h5py python3-numpy python3-pandas python3-pil)")
    sys.exit(77)


class Result:
    """status, out, err of a finished program, and the command for messages."""

    def __init__(self, command, finished):
        self.command = " ".join(map(str, command))
        self.status, self.out, self.err = finished.returncode, finished.stdout, finished.stderr

    def __str__(self):
        return f"{self.command}\nstatus {self.status}\n--- out\n{self.out}\n--- err\n{self.err}"


@functools.cache
def is_open_mpi():
    """True for Open MPI's launcher, False for MPICH's."""
    return "HYDRA" not in subprocess.run([MPIEXEC, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         encoding="utf-8", check=False).stdout


def launcher_options():
    """More ranks than cores, bound to none; Open MPI also has to be told that root may."""
    if not is_open_mpi():
        return ["-bind-to", "none"]
    return [*(["--allow-run-as-root"] if os.geteuid() == 0 else []), "--oversubscribe", "--bind-to", "none"]


def python_with(*modules):
    """A Python that has the modules, the running one or the system's; None where neither has."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", "import " + ", ".join(modules)], capture_output=True, check=False).returncode == 0:
                return python
    return None


def command_line(arguments, ranks=None):
    """The command that runs elbo: by itself, or on so many ranks."""
    command = [ELBO, *map(str, arguments)]
    if ranks is not None:
        command = [MPIEXEC, *launcher_options(), "-n", str(ranks), *command]
    return command


# Where a run of mpirun's ends, it removes the folder of the host's runs, which one that begins may be about to use: so
# every run has its own, in this one.
SESSIONS = tempfile.TemporaryDirectory(prefix="elbo-ompi-", ignore_cleanup_errors=True)

# Tests run beside each other on few cores: ranks that wait make room, and nobody asks every time what devices the machine
# has.
THRIFTY = {"OMP_NUM_THREADS": "1", "OMPI_MCA_mpi_yield_when_idle": "1", "HWLOC_COMPONENTS": "-pci,-linuxio"}


def environment(extra=None):
    """This process's environment without a launcher's variables, one thread a rank; None values are taken out."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHER_PREFIXES)}
    own = {"OMPI_MCA_orte_tmpdir_base": tempfile.mkdtemp(prefix="", dir=SESSIONS.name)}
    for name, value in (THRIFTY | own | (extra or {})).items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = str(value)
    return variables


def run(arguments, ranks=None, cwd=None, env=None, expect=0, timeout=300):
    """Runs elbo and returns its Result. expect: the status that it must end with; None takes any.

    In a session of its own, so that a launcher that signals its process group does not reach the caller's.
    """
    command = command_line(arguments, ranks)
    finished = subprocess.run(command, cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              encoding="utf-8", errors="replace", check=False, start_new_session=True)
    result = Result(command, finished)
    if expect is not None and result.status != expect:
        raise AssertionError(f"expected status {expect}:\n{result}")
    return result


def start(arguments, ranks=None, cwd=None, env=None):
    """Starts elbo in the background, for tests that signal it; output is readable from .stdout (errors included)."""
    return subprocess.Popen(command_line(arguments, ranks), cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
                            start_new_session=True)


def sprites(path, train=200, test=50, size=8, seed=1):
    """A small dataset of sprites at path."""
    run(["convert", "sprites", path, "--train", train, "--test", test, "--size", size, "--seed", seed])
    return pathlib.Path(path)


def lines(path):
    """Objects of a file of JSON lines."""
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def metrics(output, kind=None):
    """Lines of a run's metrics.jsonl, of one kind where given."""
    return [line for line in lines(pathlib.Path(output) / "metrics.jsonl") if kind in (None, line["kind"])]


TIMING = ("seconds", "samples_per_second")


def figures(output):
    """Lines of a run's metrics.jsonl without their timing: what two runs of the same training share."""
    return [{key: value for key, value in line.items() if key not in TIMING} for line in metrics(output)]


def arrays(checkpoint):
    """Every array of a checkpoint: names, shapes and types, and all their bytes."""
    with tempfile.NamedTemporaryFile(prefix="elbo-test-") as raw:
        dump = subprocess.run(["h5dump", "-g", "/parameters", "-g", "/optimizer", "-b", "LE", "-o", raw.name, checkpoint],
                              check=True, stdout=subprocess.PIPE).stdout
        return dump.split(b"\n", 1)[1], raw.read()  # the first line is the file's name


def bits(run, checkpoint="latest.h5"):
    """What two runs of the same training share to the last bit: arrays of a checkpoint, and figures()."""
    return arrays(pathlib.Path(run) / "checkpoints" / checkpoint), figures(run)


def wait_until(true, seconds=60, what="", pause=0.01):
    """The first value of true() that is one; AssertionError after so many seconds, with `what`: text or what makes it."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(pause)


class Resources:
    """For `with`: make() starts things and hands what ends each to self.cleanup (an ExitStack), called whatever happens."""

    def __enter__(self):
        self.cleanup = contextlib.ExitStack()
        try:
            self.make()
        except BaseException:
            self.cleanup.close()
            raise
        return self

    def __exit__(self, *_):
        self.cleanup.close()


def events(output):
    return lines(pathlib.Path(output) / "events.jsonl")


def status(output):
    return json.loads((pathlib.Path(output) / "status.json").read_text(encoding="utf-8"))


CONFIGURATION = """\
output: runs/small
seed: 1
data: {train: "sprites.h5:/train/x", validation: "sprites.h5:/test/x"}
model:
  latent: 4
  encoder: [{dense: 16}]
  decoder: [{dense: 16}]
  likelihood: bernoulli
optimizer: {kind: adam, rate: 1e-3}
training: {epochs: 2, batch: 50}
"""


class Case(unittest.TestCase):
    """A test in a temporary folder of its own: self.folder."""

    def setUp(self):
        if not os.access(ELBO, os.X_OK):
            self.fail(f"no program at {ELBO}: build it, or set ELBO")
        scratch = tempfile.TemporaryDirectory(prefix="elbo-test-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def elbo(self, *arguments, **options):
        """run() in self.folder."""
        return run(arguments, cwd=self.folder, **options)

    def small_run(self, text=CONFIGURATION, **dataset):
        """Writes sprites.h5 and small.yaml to self.folder; returns the configuration's name."""
        sprites(self.folder / "sprites.h5", **dataset)
        (self.folder / "small.yaml").write_text(text, encoding="utf-8")
        return "small.yaml"

    def files(self):
        """Every file of self.folder, relative, sorted: to see that nothing was left behind."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())


class PreparedCase(Case):
    """A test whose folder begins as a copy of what prepare() left in one, once for all tests of the class."""

    def prepare(self):
        """Fills self.folder; like a test, but for its own cleanups, which wait until the class is done."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        maker = cls()
        Case.setUp(maker)
        cls.addClassCleanup(maker.doCleanups)
        maker.prepare()
        cls.prepared = maker.folder

    def setUp(self):
        super().setUp()
        shutil.copytree(self.prepared, self.folder, symlinks=True, dirs_exist_ok=True)
