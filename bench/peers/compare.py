"""Measures elbo and its peers by turns on one core, and prints the table. Called by bench/peers.sh."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

import dense

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", 3))
SECONDS = float(os.environ.get("SECONDS_EACH", 4))
CASES = [f"{model}/{batch}/{precision}" for precision in ("fp32", "bf16") for batch in (128, 20)
         for model in dense.MODELS if (batch, model) != (20, "wide")]


def one_core(command):
    """The last line of JSON that a command prints, run on the last core that this process may use."""
    core = max(os.sched_getaffinity(0))
    finished = subprocess.run(["taskset", "-c", str(core), *map(str, command)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", check=False)
    if finished.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}:\n{finished.stderr}")
    return json.loads(finished.stdout.strip().splitlines()[-1])


def elbo(model, batch, precision):
    inputs, hidden, latent, activation = dense.MODELS[model]
    layers = [f"{{dense: {width}}}" for width in hidden]
    found = one_core([os.environ["ELBO"], "bench", HERE / "dense.yaml", f"--batch={batch}", f"--precision={precision}",
                      f"--seconds={SECONDS}", "--json=-", f"data.shape=[{inputs}]", f"model.latent={latent}",
                      f"model.activation={activation}", f"model.encoder=[{', '.join(layers)}]",
                      f"model.decoder=[{', '.join(reversed(layers))}]"])
    return found


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


def main():
    print("| model | batch | precision | elbo, samples/s | share of FMA peak | JAX | torch | torch compiled | elbo / best peer |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in sys.argv[1:] or CASES:
        rates, share = measure(case)
        best = max(rate for name, rate in rates.items() if name != "elbo")
        model, batch, precision = case.split("/")
        print(f"| {model} | {batch} | {precision} | {rates['elbo']:,.0f} | {share:.0%} | {rates['jax']:,.0f} | "
              f"{rates['torch']:,.0f} | {rates['torch compiled']:,.0f} | {rates['elbo'] / best:.2f} |", flush=True)


main()
