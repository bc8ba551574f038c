"""The models that elbo is compared on, and how their steps are timed."""
import argparse
import pathlib
import statistics
import time

HERE = pathlib.Path(__file__).resolve().parent

# Dense ones: input, hidden layers, latent dimensions, activation.
DENSE = {
    "mlp": (784, (400, 400), 20, "relu"),
    "iwae": (784, (200, 200), 50, "tanh"),
    "wide": (4096, (2048, 1024), 64, "relu"),
}
# And the convolutional one of configs/sprites-conv.yaml: 64 x 64 pixels, four convolutions of 32 channels and their mirror.
MODELS = (*DENSE, "conv64")


def widths(model):
    """Widths of the encoder, input to mean and log variance, and of the decoder, code to logits."""
    inputs, hidden, latent, _ = DENSE[model]
    return (inputs, *hidden, 2 * latent), (latent, *reversed(hidden), inputs)


def configuration(model):
    """What elbo bench is told of a model."""
    if model == "conv64":
        return [HERE.parent.parent / "configs/sprites-conv.yaml", "data.train=none.h5", "data.shape=[64, 64]",
                "data.binarize=dynamic", "data.prefetch=never"]
    inputs, hidden, latent, activation = DENSE[model]
    layers = [f"{{dense: {width}}}" for width in hidden]
    return [HERE / "dense.yaml", f"data.shape=[{inputs}]", f"model.latent={latent}", f"model.activation={activation}",
            f"model.encoder=[{', '.join(layers)}]", f"model.decoder=[{', '.join(reversed(layers))}]"]


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--variant", default="plain")
    several = parser.add_argument_group("of programs that run as several processes")
    several.add_argument("--rank", type=int, default=0)
    several.add_argument("--ranks", type=int, default=1)
    several.add_argument("--first", help="address and port that rank 0 listens on")
    several.add_argument("--steps", type=int, default=50, help="so many of everything that is measured")
    return parser.parse_args()


def measure(step, batch, seconds):
    """Median samples a second over ten pieces of the time, after a warm-up; step(i) returns when step i is done."""
    for i in range(20):
        step(i)
    rates, done = [], 20
    for _ in range(10):
        begin, steps = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds / 10 or steps < 3:
            step(done)
            done += 1
            steps += 1
        rates.append(steps * batch / (time.perf_counter() - begin))
    return statistics.median(rates)


def seconds_a_step(step, steps):
    """Median of five pieces of so many steps, after a warm-up: every process that takes part makes as many."""
    for i in range(3):
        step(i)
    times, piece = [], max(1, steps // 5)
    for _ in range(5):
        begin = time.perf_counter()
        for i in range(piece):
            step(i)
        times.append((time.perf_counter() - begin) / piece)
    return statistics.median(times)
