#!/usr/bin/env python3
"""Training on a file larger than data.memory: peak memory, what is read, how long is waited for it; how well batches of a
file sorted by label are mixed; and what h5py with PyTorch's DataLoader brings from the same file. Markdown.

  bench/streaming.py [--folder DIR] [--gib 4] [--memory 512MiB] [--ranks 2] [--epochs 1] [--keep] [key=value ...]

The file (uint8, 784 a sample, chunks of 1 MiB, sorted by label) is made in --folder and removed afterwards; --keep: left
there, and taken where it is found. Of the rest of the file system's cache nothing is asked: run it twice for a warm one.
ELBO: the program (build/elbo); bench_mixing is looked for beside it. PEERS: a Python environment with torch and h5py.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/cli"))
import elbo_cli

PEERS = pathlib.Path(os.environ.get("PEERS", ROOT / "build/peers")) / "bin/python"
MIXING = pathlib.Path(elbo_cli.ELBO).parent / "bench_mixing"
WIDTH, CHUNK, CLASSES = 784, 1337, 10

MAKE = """
import sys, h5py, numpy
path, samples, width, chunk, classes = sys.argv[1], *map(int, sys.argv[2:])
random = numpy.random.default_rng(1)
noise = random.integers(0, 64, (16 * chunk, width), dtype=numpy.uint8)
with h5py.File(path, "w") as file:
    x = file.create_dataset("train/x", (samples, width), numpy.uint8, chunks=(chunk, width))
    for begin in range(0, samples, len(noise)):
        rows = noise[:samples - begin].copy()
        rows[:, 0] = random.integers(0, 256, len(rows))  # no two alike
        first, last = begin * classes // samples, (begin + len(rows) - 1) * classes // samples
        for label in range(first, last + 1):
            mine = (numpy.arange(begin, begin + len(rows)) * classes // samples == label) if first < last else slice(None)
            rows[mine, 78 * label + 1:78 * label + 79] += 191
        x[begin:begin + len(rows)] = rows
"""

CONFIGURATION = """\
output: {output}
data: {{train: "{file}:/train/x", binarize: none, order: windowed, memory: {memory}}}
model: {{latent: 20, encoder: [{{dense: 400}}, {{dense: 400}}], decoder: [{{dense: 400}}, {{dense: 400}}]}}
training: {{epochs: {epochs}, batch_per_rank: 128}}
checkpoint: {{every: 1000000}}
report: {{every: 1000, pictures: 0}}
"""


def figures_of(process):
    """Of a process: bytes of its own memory, of what it shares (as its part), and bytes that it has read."""
    with open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as file:
        fields = dict(line.split(":") for line in file.read().splitlines()[1:])
    with open(f"/proc/{process}/io", encoding="utf-8") as file:
        read = int(file.readline().split()[1])
    return int(fields["Pss"].split()[0]) * 1024, read


class Watch(threading.Thread):
    """Looks at the ranks of a run twice a second."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name_of_program, self.peak, self.read, self.over = name, 0, {}, False

    def run(self):
        while not self.over:
            memory = 0
            for entry in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    if (entry / "cmdline").read_bytes().split(b"\0")[0] != self.name_of_program.encode():
                        continue
                    pss, read = figures_of(entry.name)
                except (OSError, ValueError, KeyError):
                    continue
                memory += pss
                self.read[entry.name] = read
            self.peak = max(self.peak, memory)
            time.sleep(0.5)


def train(arguments, file):
    output = pathlib.Path(arguments.folder) / "streaming-run"
    configuration = pathlib.Path(arguments.folder) / "streaming.yaml"
    configuration.write_text(CONFIGURATION.format(output=output, file=file, memory=arguments.memory,
                                                  epochs=arguments.epochs), encoding="utf-8")
    subprocess.run(["rm", "-rf", str(output)], check=True)
    watch = Watch(elbo_cli.ELBO)
    watch.start()
    try:
        said = elbo_cli.run(["train", configuration, "-q", *arguments.overrides], ranks=arguments.ranks, timeout=36000)
    finally:
        watch.over = True
        watch.join()
    if said.err:
        print(said.err, file=sys.stderr)
    events = {event["event"]: event for event in elbo_cli.events(output)}
    last = elbo_cli.metrics(output, "train")[-1]
    subprocess.run(["rm", "-rf", str(output)], check=True)
    return events, last, watch


def mibibytes(size):
    return f"{size / 2**20:,.0f} MiB"


def report(arguments, file, events, last, watch):
    size = os.path.getsize(file)
    phases = {name[7:]: seconds for name, seconds in events["accounting"].items() if name.startswith("phases.")}
    phases = phases or events["accounting"]["phases"]
    steps = sum(phases[name] for name in ("data", "forward", "backward", "exchange", "messages", "update", "wait"))
    read, data = events["reading"], events["data"]
    print(f"| file | data.memory | ranks | peak memory of all ranks | samples/s | data phase | waited for rows | "
          f"rows read, of the file an epoch | bytes read by all processes, the pass at the start included |\n{'|---' * 9}|")
    print(f"| {mibibytes(size)} | {arguments.memory} | {arguments.ranks} | {mibibytes(watch.peak)} | "
          f"{last['samples_per_second']:,.0f} | {100 * phases['data'] / steps:.2f} % | "
          f"{100 * read['waited'] / steps:.2f} % | {read['times']:.3f} | "
          f"{sum(watch.read.values()) / size:.3f} x in {arguments.epochs + 1} passes |\n", flush=True)
    print(f"blocks of {data['block']:,} samples, windows of {data['window']:,}: "
          f"{mibibytes(data['node_bytes'])} for rows\n")
    if MIXING.exists():
        samples = size // WIDTH
        print(subprocess.run([MIXING, *map(str, (samples, data["block"], data["window"], 128 * arguments.ranks,
                                                 arguments.ranks, CLASSES))],
                             check=True, capture_output=True, encoding="utf-8").stdout, flush=True)


def peers(arguments, file):
    print("| h5py and DataLoader, nothing computed | samples/s |\n|---|---|")
    for way, what in (("rows", "a read a sample, shuffled"), ("shuffled", "a read a batch of sorted rows, shuffled"),
                      ("chunks", "chunks shuffled, 64 mixed")):
        for workers in (0, arguments.ranks):
            found = subprocess.run([PEERS, ROOT / "bench/peers/torch_file.py", file, "--way", way, "--workers",
                                    str(workers), "--batch", str(128 * arguments.ranks)], check=True,
                                   capture_output=True, encoding="utf-8").stdout
            print(f"| {what}, {workers} workers | {json.loads(found)['samples_per_second']:,.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default="build")
    parser.add_argument("--gib", type=float, default=4)
    parser.add_argument("--memory", default="512MiB")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    arguments.folder = os.path.abspath(arguments.folder)
    file = pathlib.Path(arguments.folder) / f"streaming-{arguments.gib:g}.h5"
    samples = int(arguments.gib * 2**30 / WIDTH)
    if not file.exists():
        subprocess.run([PEERS, "-c", MAKE, str(file), *map(str, (samples, WIDTH, CHUNK, CLASSES))], check=True)
    try:
        report(arguments, file, *train(arguments, file))
        if PEERS.exists() and not arguments.no_peers:
            peers(arguments, file)
    finally:
        if not arguments.keep:
            file.unlink()


if __name__ == "__main__":
    main()
