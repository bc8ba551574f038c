#!/usr/bin/env python3
"""Training steps of a dense VAE in JAX, jitted, samples a second: one JSON line. Bind it to a core for one thread.

Data lies in memory as floats and pixels are not drawn afresh: input costs JAX nothing.
"""
import json

import jax
import jax.numpy as jnp
import optax

import models

arguments = models.arguments(__doc__)
activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[models.DENSE[arguments.model][3]]
half = jnp.bfloat16 if arguments.precision == "bf16" else jnp.float32


def initial(key, sizes):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        key, part = jax.random.split(key)
        layers.append((jax.random.normal(part, (inputs, outputs)) / inputs ** 0.5, jnp.zeros(outputs)))
    return layers


def stack(layers, x):
    for i, (weight, bias) in enumerate(layers):
        x = (x.astype(half) @ weight.astype(half)).astype(jnp.float32) + bias
        if i + 1 < len(layers):
            x = activation(x)
    return x


def loss(parameters, x, key):
    mean, log_variance = jnp.split(stack(parameters[0], x), 2, axis=1)
    z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
    logits = stack(parameters[1], z)
    cross_entropy = jnp.sum(jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits))))
    kl = 0.5 * jnp.sum(mean * mean + jnp.exp(log_variance) - 1 - log_variance)
    return (cross_entropy + kl) / x.shape[0]


optimizer = optax.adam(1e-3)


@jax.jit
def update(parameters, state, x, key):
    gradients = jax.grad(loss)(parameters, x, key)
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(parameters, updates), state


keys = jax.random.split(jax.random.key(1), 10)
encoder, decoder = models.widths(arguments.model)
parameters = (initial(keys[0], encoder), initial(keys[1], decoder))
state = optimizer.init(parameters)
batches = [(jax.random.uniform(key, (arguments.batch, encoder[0])) < 0.3).astype(jnp.float32) for key in keys[2:]]


def step(i):
    global parameters, state
    parameters, state = update(parameters, state, batches[i % len(batches)], jax.random.fold_in(keys[0], i))
    jax.block_until_ready(parameters)


if __name__ == "__main__":
    rate = models.measure(step, arguments.batch, arguments.seconds)
    print(json.dumps({"peer": f"jax {jax.__version__}", "variant": "jitted", "samples_per_second": rate}))
