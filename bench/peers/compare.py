"""Measures elbo and its peers by turns on one core, and prints the table. Called by bench/peers.sh."""
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

import models

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", 3))
SECONDS = float(os.environ.get("SECONDS_EACH", 4))
CASES = [f"{model}/{batch}/{precision}" for precision in ("fp32", "bf16") for batch in (128, 20)
         for model in models.MODELS if batch == 128 or model in ("mlp", "iwae")]


def one_core(command):
    """The last line of JSON that a command prints, run on the last core that this process may use."""
    core = max(os.sched_getaffinity(0))
    finished = subprocess.run(["taskset", "-c", str(core), *map(str, command)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", check=False)
    if finished.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}:\n{finished.stderr}")
    return json.loads(finished.stdout.strip().splitlines()[-1])


def elbo(model, batch, precision):
    return one_core([os.environ["ELBO"], "bench", *models.configuration(model), f"--batch={batch}",
                     f"--precision={precision}", f"--seconds={SECONDS}", "--json=-"])


def peer(program, model, batch, precision, variant="plain"):
    return one_core([sys.executable, HERE / program, model, f"--batch={batch}", f"--precision={precision}",
                     f"--seconds={SECONDS}", f"--variant={variant}"])["samples_per_second"]


def measure(case):
    model, batch, precision = case.split("/")
    ways = {
        "elbo": None,
        "jax": lambda: peer("jax_vae.py", model, batch, precision),
        "torch": lambda: peer("torch_vae.py", model, batch, precision),
        "torch compiled": lambda: peer("torch_vae.py", model, batch, precision, "compiled"),
    }
    if model == "conv64":  # the better of the layouts of images counts; JAX has no program of it
        ways["jax"] = lambda: math.nan
        ways["torch"] = lambda: max(peer("torch_vae.py", model, batch, precision, variant)
                                    for variant in ("plain", "channels_last"))
    rates, shares = {name: [] for name in ways}, []
    for _ in range(ROUNDS):
        for name, way in ways.items():
            if name == "elbo":
                found = elbo(model, batch, precision)
                shares.append(found["share_of_peak"])
                rates[name].append(found["samples_per_second"])
            else:
                rates[name].append(way())
    return {name: statistics.median(values) for name, values in rates.items()}, statistics.median(shares)


def number(rate):
    return "-" if math.isnan(rate) else f"{rate:,.0f}"


def main():
    print("| model | batch | precision | elbo, samples/s | share of FMA peak | JAX | torch | torch compiled | elbo / best peer |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in sys.argv[1:] or CASES:
        rates, share = measure(case)
        best = max(rate for name, rate in rates.items() if name != "elbo" and not math.isnan(rate))
        model, batch, precision = case.split("/")
        print(f"| {model} | {batch} | {precision} | {rates['elbo']:,.0f} | {share:.0%} | {number(rates['jax'])} | "
              f"{rates['torch']:,.0f} | {rates['torch compiled']:,.0f} | {rates['elbo'] / best:.2f} |", flush=True)


main()
