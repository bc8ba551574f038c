#!/usr/bin/env python3
"""Training steps on two virtual hosts, a rank and a core each, joined by a network of a chosen rate: elbo; its model
with replicated parameters and MPI_Allreduce after the backward pass; PyTorch's DistributedDataParallel; JAX. In turn,
in one run; a Markdown table of medians, with the part of the exchange that computation hides.

  bench/cluster.py [--model mlp|iwae|wide] [--batch N] [--rate auto|none|1gbit] [--rounds N] [--seconds S]
                   [--way NAME] ... [key=value ...]

--batch: samples a rank (1024). --rate: what a host sends at most; auto: so much that what elbo sends takes as long as
its backward pass; none: what the machine can. --seconds: of one measurement, about (3). key=value: for elbo, for
example communication.route=direct. Needs root and two cores, and Open MPI.
ELBO: the program (build/elbo); bench_scaling is looked for beside it. PEERS: a Python environment with torch, jax and
optax (build/peers, which bench/peers.sh makes). MPITRAMPOLINE_LIB: a wrapper of Open MPI (MPIwrapper), through which JAX
can use it; jax-mpi is measured where it is given.

Hidden: (off + alone - together) / min(alone, backward), from seconds a step without exchange, of the exchange alone, of
a step as it is, and of its backward pass, by each program's own measurement.
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/cli", "tests/cluster", "bench/peers")]
import elbo_cli
import hosts
import models

PEERS = pathlib.Path(os.environ.get("PEERS", ROOT / "build/peers")) / "bin/python"
SCALING = pathlib.Path(elbo_cli.ELBO).parent / "bench_scaling"
# bench_scaling's names, and ours.
REPLICATED = {"replicated, MPI_Allreduce": "together", "replicated, no exchange": "off", "MPI_Allreduce alone": "alone"}
RANKS = 2
PORT = 29500
PATIENCE = 300  # seconds beyond those that are asked for
# Runs a command on the core of its rank: CORE,CORE COMMAND...
ON_CORE = 'exec taskset -c "$(echo "$0" | cut -d, -f$((OMPI_COMM_WORLD_RANK + 1)))" "$@"'


class Failed(Exception):
    pass


def outputs(commands, environment, seconds):
    """What commands that run side by side print; Failed where one does not end well or in time."""
    processes = [subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, encoding="utf-8", errors="replace", start_new_session=True)
                 for command in commands]
    try:
        said = [process.communicate(timeout=seconds) for process in processes]
    except subprocess.TimeoutExpired:
        raise Failed(f"not done within {seconds:.0f} s") from None
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
    for process, (_, errors) in zip(processes, said):
        if process.returncode != 0:
            lines = errors.strip().splitlines() or [f"status {process.returncode}"]
            # Around elbo's own message mpirun says more.
            raise Failed("\n".join([line for line in lines if line.startswith("elbo: ")] or lines[-12:]))
    return [out for out, _ in said]


class Comparison:
    def __init__(self, cluster, options):
        self.cluster, self.options = cluster, options
        self.cores = [str(core) for core in sorted(os.sched_getaffinity(0))[:RANKS]]
        self.steps = None

    def launch(self, command):
        """The command, by mpirun on both hosts, a core each."""
        return self.cluster.launch(["sh", "-c", ON_CORE, ",".join(self.cores), *command], (1,) * RANKS)

    def on_ranks(self, command):
        """The object that a program prints last that mpirun starts on both hosts."""
        said = outputs([self.launch(command)], elbo_cli.environment(), PATIENCE + 20 * self.options.seconds)[0]
        return json.loads(said.strip().splitlines()[-1])

    def elbo(self):
        bench = self.on_ranks([elbo_cli.ELBO, "bench", *models.configuration(self.options.model),
                               f"--batch={self.options.batch * RANKS}", f"--seconds={self.options.seconds}", "--json=-",
                               *self.options.overrides])
        found = {"together": bench["seconds_a_step"], "backward": bench["phases"]["backward"],
                 "bytes": bench["bytes_sent"] / RANKS}
        exchange = bench.get("exchange", {})
        found.update({key: exchange[key] for key in ("off", "alone", "together") if key in exchange})
        self.backward = found["backward"]
        return found

    def replicated(self):
        found = self.on_ranks([SCALING, "--network", self.options.model, "--batch", self.options.batch, "--rounds", 1,
                               "--seconds", self.options.seconds / 3, "--json", "--way", *REPLICATED])
        # The same kernels' as elbo's, which measures it.
        return {"backward": self.backward, **{ours: found[theirs] for theirs, ours in REPLICATED.items()}}

    def peer(self, program, *options, launched=False):
        """The slower rank's figures count: the other waits for it. launched: by mpirun, which says who has which rank."""
        environment = elbo_cli.environment({"GLOO_SOCKET_IFNAME": "eth0", "PYTHONDONTWRITEBYTECODE": 1})
        command = [PEERS, ROOT / "bench/peers" / program, self.options.model, f"--batch={self.options.batch}",
                   f"--steps={self.steps}", f"--first={self.cluster.address(0)}:{PORT}", f"--ranks={RANKS}", *options]
        if launched:
            commands = [self.launch(command)]
        else:
            commands = [self.cluster.inside(rank, ["taskset", "-c", core, *command, f"--rank={rank}"])
                        for rank, core in enumerate(self.cores)]
        said = "\n".join(outputs(commands, environment, PATIENCE + 40 * self.options.seconds))
        found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        if len(found) != RANKS:
            raise Failed(f"{len(found)} of {RANKS} ranks printed figures")
        return {key: max(one[key] for one in found) for key in found[0]}

    def ways(self):
        return {"elbo": self.elbo,
                "replicated": self.replicated,
                "torch": lambda: self.peer("torch_ranks.py"),
                "torch-small": lambda: self.peer("torch_ranks.py", "--variant=small"),
                "jax": lambda: self.peer("jax_ranks.py"),
                "jax-mpi": lambda: self.peer("jax_ranks.py", "--variant=mpi", launched=True)}

    def prepare(self):
        """Limits the network, and sets how many steps the peers make; elbo without a limit tells."""
        self.cluster.limit(None)
        found = self.elbo()
        self.steps = max(5, round(self.options.seconds / 3 / found["together"]))
        rate = self.options.rate
        if rate == "auto":
            rate = f"{8 * found['bytes'] / found['backward'] / 1e6:.0f}mbit"
        if rate != "none":
            self.cluster.limit(rate)
        without = f"{1e3 * found['together']:.1f} ms a step without a limit"
        print(f"{self.options.model}, batch {self.options.batch} a rank, {RANKS} hosts, "
              f"rate {rate}; elbo: {found['bytes'] / 1e6:.2f} MB sent a step by a host, {without}\n", flush=True)

    def measure(self):
        """Figures by way, one of each round; a way that fails is left out from then on."""
        ways = {name: way for name, way in self.ways().items() if name in self.options.way}
        found = {name: [] for name in ways}
        for _ in range(self.options.rounds):
            for name, way in list(ways.items()):
                try:
                    found[name].append(way())
                except Failed as error:
                    print(f"{name} failed: {error}", file=sys.stderr)
                    del ways[name]
        return {name: rounds for name, rounds in found.items() if rounds}


NAMES = {"elbo": "elbo", "replicated": "replicated, MPI_Allreduce after the backward pass",
         "torch": "torch, DistributedDataParallel, gloo", "torch-small": "the same, buckets of 1 MB",
         "jax": "JAX, pmean, gloo", "jax-mpi": "JAX, pmean, MPI"}


def hidden(one):
    """The part of the exchange that computation hides, of what it can hide at most."""
    return (one["off"] + one["alone"] - one["together"]) / min(one["alone"], one["backward"])


def print_table(found, samples):
    def milliseconds(rounds, key):
        return f"{1e3 * statistics.median(one[key] for one in rounds):,.1f}" if key in rounds[0] else "-"

    print("| way | samples/s | step, ms | without exchange | exchange alone | backward | hidden |")
    print("|---|---|---|---|---|---|---|")
    for name, rounds in found.items():
        rate = samples / statistics.median(one["together"] for one in rounds)
        share = f"{statistics.median(map(hidden, rounds)):.0%}" if "alone" in rounds[0] else "-"
        times = " | ".join(milliseconds(rounds, key) for key in ("together", "off", "alone", "backward"))
        print(f"| {NAMES[name]} | {rate:,.0f} | {times} | {share} |")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(models.DENSE), default="mlp")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rate", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--way", choices=list(NAMES), action="append", help="one of them; may be given several times")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    options = parser.parse_intermixed_args()
    options.way = options.way or [name for name in NAMES if name != "jax-mpi" or "MPITRAMPOLINE_LIB" in os.environ]
    return options


def main():
    options = read_options()
    reason = hosts.missing()
    if len(os.sched_getaffinity(0)) < RANKS:
        reason = f"{RANKS} cores are needed, one a host"
    for name in (elbo_cli.ELBO, SCALING, PEERS):
        if not os.access(name, os.X_OK):
            reason = f"no program at {name}"
    if reason:
        raise SystemExit(reason)
    # So that a signal ends the hosts, too, and what runs on them.
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, lambda *_: sys.exit(1))
    with hosts.Hosts(RANKS) as cluster:
        comparison = Comparison(cluster, options)
        try:
            comparison.prepare()
        except Failed as error:
            raise SystemExit(f"elbo failed: {error}") from None
        found = comparison.measure()
    print_table(found, options.batch * RANKS)


main()
