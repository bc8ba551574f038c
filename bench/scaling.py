#!/usr/bin/env python3
"""Steps as `elbo bench --scaling` predicts them beside steps as they are: one rank with other numbers of rows, two ranks,
and 2 to 4 virtual hosts joined by networks of chosen rates. A Markdown table.

  bench/scaling.py [--models mlp wide conv64] [--hosts 2 3 4] [--rates 1 4 10] [--rows N] [--rounds N] [--seconds S]
  bench/scaling.py --clusters [--models ...] [--rows N] [--seconds S]

The second prints what is predicted for 16, 128 and 1,024 nodes of 64 cores at 25 and 200 Gb/s, by constants of a rank on
each core of this machine.

--rates: Gb/s out of a host. --rows: a rank (128). --rounds: of everything in turn (3), of which medians are shown.
--seconds: of one measurement, about (2). Needs root, Open MPI and two cores. ELBO: the program (build/elbo).

What is predicted for a rank follows from constants measured on one, for two from constants of two, and for hosts from
those of two hosts without a limit. Hosts share this machine's cores: each has its part of them. A
measurement during which other programs took more than a few hundredths of the machine is made again.
"""
import argparse
import ctypes
import json
import os
import pathlib
import resource
import signal
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/cli", "tests/cluster", "bench/peers")]
import elbo_cli
import hosts
import models

CORES = len(os.sched_getaffinity(0))
TOLERATED, TRIES, PATIENCE = 0.06, 8, 240
PR_SET_CHILD_SUBREAPER = 36
# What Ethernet, IP and TCP leave of a network's rate: the payload of a packet of 1,500 bytes.
PAYLOAD = 1448 / 1514


def busy():
    """Seconds of all cores in programs, this one's and others', since the start."""
    all_cores = pathlib.Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, _, _, steal = map(int, all_cores[:8])
    return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")


def own():
    """The same of this program and all that it has started, daemons too, since it is what orphans are left to."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            break
    return sum(usage.ru_utime + usage.ru_stime
               for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def wait_for_quiet():
    """Returns as soon as the machine was idle for a while, or after some minutes."""
    for _ in range(PATIENCE):
        before = busy()
        time.sleep(0.5)
        if busy() - before < 0.5 * TOLERATED * CORES:
            return


def undisturbed(measure):
    """What measure() returns, of the first try during which others leave the cores alone, or else of the best."""
    best = None
    for _ in range(TRIES):
        wait_for_quiet()
        before, mine, start = busy(), own(), time.monotonic()
        found = measure()
        time.sleep(0.2)  # daemons end a little later
        others = (busy() - before - (own() - mine)) / CORES / (time.monotonic() - start)
        if best is None or others < best[0]:
            best = others, found
        if others < TOLERATED:
            break
    if best[0] >= TOLERATED:
        print(f"others took {best[0]:.0%} of the machine during a measurement", file=sys.stderr)
    return best[1]


class Scaling:
    def __init__(self, options, model):
        self.options, self.model = options, model
        self.rows = {}  # what is compared -> (predicted, measured), each a list of seconds a step

    def arguments(self, rows, ranks, *more):
        return ["bench", *models.configuration(self.model), "data.prefetch=never", f"--batch={rows * ranks}",
                f"--seconds={self.options.seconds}", "--json=-", *more]

    def clusters(self):
        """What the program says of clusters, measured undisturbed."""
        asked = [word for word in self.arguments(self.options.rows, CORES) if word != "--json=-"]
        asked += ["--scaling", "--nodes=1,16,128,1024", "--bandwidth=25,200", "--ranks-per-node=64"]
        return undisturbed(lambda: elbo_cli.run(asked, CORES).out)

    def note(self, name, predicted, measured):
        lists = self.rows.setdefault(name, ([], []))
        lists[0].append(predicted)
        lists[1].append(measured)

    def found(self, run):
        return json.loads(undisturbed(lambda: run().out.strip().splitlines()[-1]))

    def on_one_node(self):
        rows = self.options.rows
        for ranks in (1, 2):
            launched = None if ranks == 1 else ranks
            scaling = ["--scaling", "--nodes=1", "--bandwidth=1", f"--ranks-per-node={ranks}"]
            found = self.found(lambda: elbo_cli.run(self.arguments(rows, ranks, *scaling), launched))
            costs, step = found["costs"], found["predictions"]["1000"]["1"]["seconds_a_step"]
            a_row = sum(costs[name]["a_row"] for name in ("data", "forward", "backward"))
            for count in (rows // 2, rows, 2 * rows):
                measured = self.found(lambda: elbo_cli.run(self.arguments(count, ranks), launched))
                self.note(f"{ranks} rank{'s' * (ranks > 1)}, {count} rows", step + a_row * (count - rows),
                          measured["seconds_a_step"])

    def on_hosts(self, cluster):
        rows, rates = self.options.rows, self.options.rates
        for count in self.options.hosts:
            cluster.limit(None)
            scaling = ["--scaling", f"--nodes={count}", f"--bandwidth={','.join(f'{rate * PAYLOAD:.3f}' for rate in rates)}",
                       "--ranks-per-node=1", f"--cores={min(1, CORES / count)}"]
            found = self.found(lambda: cluster.run(self.arguments(rows, 2, *scaling), (1, 1), ROOT))
            for rate in rates:
                cluster.limit(f"{rate}gbit")
                step = self.found(lambda: cluster.run(self.arguments(rows, count), (1,) * count, ROOT))
                prediction = list(found["predictions"].values())[rates.index(rate)][str(count)]
                self.note(f"{count} hosts, {rate:g} Gb/s", prediction["seconds_a_step"], step["seconds_a_step"])
                if self.options.verbose:
                    print(count, rate, prediction, found["costs"], found["network"], step["seconds_a_step"],
                          step["phases"], step.get("exchange"), sep="\n", file=sys.stderr)

    def print(self):
        for name, lists in self.rows.items():
            predicted, measured = map(statistics.median, lists)
            print(f"| {self.model} | {name} | {1e3 * predicted:.1f} | {1e3 * measured:.1f} "
                  f"({1e3 * min(lists[1]):.1f} to {1e3 * max(lists[1]):.1f}) | {predicted / measured - 1:+.0%} |", flush=True)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", choices=models.MODELS, nargs="+", default=["mlp", "wide", "conv64"])
    parser.add_argument("--hosts", type=int, nargs="*", default=[2, 3, 4])
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 4, 10])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--clusters", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="terms of each prediction, to the standard error")
    return parser.parse_args()


def main():
    options = read_options()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if options.clusters:
        for model in options.models:
            print(f"{model}\n{Scaling(options, model).clusters()}", flush=True)
        return
    reason = hosts.missing() if options.hosts else None
    if reason:
        raise SystemExit(reason)
    # So that a signal ends the hosts, too, and what runs on them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print("| model | what | predicted, ms a step | measured | error |\n|---|---|---|---|---|", flush=True)
    for model in options.models:
        scaling = Scaling(options, model)
        for _ in range(options.rounds):
            scaling.on_one_node()
            if options.hosts:
                with hosts.Hosts(max(options.hosts)) as cluster:
                    scaling.on_hosts(cluster)
        scaling.print()


main()
