"""The models that elbo is compared on, and how their steps are timed."""

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


def arguments(description):
    import argparse
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--variant", default="plain")
    return parser.parse_args()


def measure(step, batch, seconds):
    """Median samples a second over ten pieces of the time, after a warm-up; step(i) returns when step i is done."""
    import statistics
    import time
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
