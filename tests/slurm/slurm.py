"""A Slurm of one node in a temporary folder: munged, slurmctld and slurmd with their own configuration, key and ports.

It exists as long as the `with` block: whatever ends that, its jobs end, and its daemons and nothing else. Needs root.
"""
import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import elbo_cli

# Every look is a command of Slurm's.
wait_until = functools.partial(elbo_cli.wait_until, pause=0.2)

PROGRAMS = ("setpriv", "munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scancel",
            "scontrol")

# cred_expire: how long a requeued job waits; Slurm's own is two minutes. config_overrides: two cores, whatever the
# machine has. The node has no /etc/slurm, no cgroups and no database.
CONFIGURATION = """\
ClusterName=elbo
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
KillWait=10
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 CoresPerSocket=2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=60 State=UP
"""


def missing():
    """Why there can be no Slurm here, or None."""
    if os.geteuid() != 0:
        return "not root: slurmd must be"
    for program in PROGRAMS:
        if not find(program):
            return f"no {program}: install slurm-wlm, munge and util-linux"
    return None


def find(program):
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Slurm(elbo_cli.Resources):
    """run(...) calls Slurm's commands; job(...) tells how a job stands."""

    def make(self):
        self.folder = pathlib.Path(self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="elbo-slurm-")))
        # Tests that are interrupted do not leave their contexts.
        atexit.register(self.cleanup.close)
        self.folder.chmod(0o755)  # munged wants its socket where all may go
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        self.node = socket.gethostname().split(".")[0]
        controller, daemon = free_ports(2)
        text = CONFIGURATION.format(host=self.node, folder=self.folder, controller=controller, daemon=daemon)
        (self.folder / "slurm.conf").write_text(text, encoding="utf-8")
        self.environment = elbo_cli.environment({"SLURM_CONF": self.folder / "slurm.conf"})

        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        munge = self.folder / "munge.socket"
        files = [f"--{name}-file={self.folder}/munge.{name}" for name in ("pid", "log", "seed")]
        self.daemon("munged", "--foreground", "--force", f"--socket={munge}", f"--key-file={key}", *files)
        wait_until(munge.exists, 20, lambda: self.log("munged"))
        self.daemon("slurmctld", "-D")
        wait_until(lambda: self.run("scontrol", "ping", expect=None).returncode == 0, 30, lambda: self.log("slurmctld"))
        self.daemon("slurmd", "-D")
        self.cleanup.callback(self.end_jobs)
        idle = ("sinfo", "--noheader", "--format=%t")
        wait_until(lambda: self.run(*idle).stdout.strip() == "idle", 30, lambda: self.log("slurmd"))

    def daemon(self, program, *arguments):
        """Starts a daemon in the foreground; the end of the block ends it and waits for it, as a killed test does."""
        with open(self.folder / f"{program}.out", "wb") as out:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", find(program), *arguments],
                                       env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        self.cleanup.callback(end, process)

    def log(self, program):
        """What a daemon said, for messages."""
        said = [path.read_text(errors="replace") for path in self.folder.glob(f"{program}.*") if path.suffix in
                (".out", ".log")]
        return f"{program}:\n" + "\n".join(said)[-4000:]

    def run(self, program, *arguments, cwd=None, env=None, expect=0, timeout=120):
        """One of Slurm's commands, finished. expect: its status; None takes any."""
        command = [program, *map(str, arguments)]
        finished = subprocess.run(command, cwd=cwd, env={**self.environment, **(env or {})}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, encoding="utf-8",
                                  errors="replace", check=False)
        if expect is not None and finished.returncode != expect:
            raise AssertionError(f"expected status {expect}:\n{elbo_cli.Result(command, finished)}")
        return finished

    def submit(self, *arguments, cwd, env=None):
        """sbatch; the job's number."""
        return self.run("sbatch", "--parsable", *arguments, cwd=cwd, env=env).stdout.strip()

    def job(self, job):
        """What scontrol tells of a job: {"JobState": "RUNNING", "Restarts": "0", ...}."""
        told = self.run("scontrol", "--oneliner", "show", "job", job).stdout
        return dict(word.split("=", 1) for word in told.splitlines()[0].split() if "=" in word)

    def jobs(self):
        """Numbers of the jobs that wait or run."""
        return self.run("squeue", "--noheader", "--array", "--format=%i").stdout.split()

    def end_jobs(self):
        """No process of a job outlives the block: they end before the daemon that knows them."""
        self.run("scancel", "--user=root", expect=None)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not self.jobs(), 30, "the end of all jobs")


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
