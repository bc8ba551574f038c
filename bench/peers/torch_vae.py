#!/usr/bin/env python3
"""Training steps of a dense VAE in PyTorch, samples a second on one thread: one JSON line.

Data lies in memory as floats, sliced a step, and pixels are not drawn afresh: input costs PyTorch nothing.
--variant: plain, or compiled (torch.compile).
"""
import json

import torch
import torch.nn.functional as F
from torch import nn

import dense

arguments = dense.arguments(__doc__)
torch.set_num_threads(1)
torch.manual_seed(1)
activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[dense.MODELS[arguments.model][3]]


def stack(sizes):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        encoder, decoder = dense.widths(arguments.model)
        self.encoder, self.decoder = stack(encoder), stack(decoder)

    def forward(self, x):
        mean, log_variance = self.encoder(x).float().chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z).float()
        kl = 0.5 * (mean * mean + log_variance.exp() - 1 - log_variance).sum()
        return (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / len(x)


vae = Vae()
optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
bound = torch.compile(vae) if arguments.variant == "compiled" else vae
batches = [(torch.rand(arguments.batch, dense.MODELS[arguments.model][0]) < 0.3).float() for _ in range(8)]


def step(i):
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "bf16"):
        loss = bound(batches[i % len(batches)])
    loss.backward()
    optimizer.step()


rate = dense.measure(step, arguments.batch, arguments.seconds)
print(json.dumps({"peer": f"torch {torch.__version__.split('+')[0]}", "variant": arguments.variant,
                  "samples_per_second": rate}))
