#!/usr/bin/env python3
"""Training steps of a VAE in PyTorch, samples a second on one thread: one JSON line.

Data lies in memory as floats, sliced a step, and pixels are not drawn afresh: input costs PyTorch nothing.
--variant: plain, channels_last (images), or compiled (torch.compile, images with channels last).
"""
import json

import torch
import torch.nn.functional as F
from torch import nn

import models

arguments = models.arguments(__doc__)
torch.set_num_threads(1)
torch.manual_seed(1)
convolutional = arguments.model == "conv64"
shape = (1, 64, 64) if convolutional else (models.DENSE[arguments.model][0],)


def stack(sizes, activation):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def dense_networks():
    encoder, decoder = models.widths(arguments.model)
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[models.DENSE[arguments.model][3]]
    return stack(encoder, activation), stack(decoder, activation)


def convolutional_networks():
    encoder, decoder = [], []
    for i in range(4):
        encoder += [nn.Conv2d(32 if i else 1, 32, 4, 2, 1), nn.ReLU()]
        decoder += [nn.ReLU(), nn.ConvTranspose2d(32, 32 if i < 3 else 1, 4, 2, 1)]
    return (nn.Sequential(*encoder, nn.Flatten(), stack((512, 256, 256, 20), nn.ReLU)),
            nn.Sequential(stack((10, 256, 256, 512), nn.ReLU), nn.Unflatten(1, (32, 4, 4)), *decoder))


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = convolutional_networks() if convolutional else dense_networks()

    def forward(self, x):
        mean, log_variance = self.encoder(x).float().chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z).float()
        kl = 0.5 * (mean * mean + log_variance.exp() - 1 - log_variance).sum()
        return (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / len(x)


vae = Vae()
layout = torch.channels_last if convolutional and arguments.variant != "plain" else torch.contiguous_format
vae = vae.to(memory_format=layout)
optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3, fused=True)
bound = torch.compile(vae) if arguments.variant == "compiled" else vae
batches = [(torch.rand(arguments.batch, *shape) < 0.3).float().contiguous(memory_format=layout) for _ in range(8)]


def step(i):
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "bf16"):
        loss = bound(batches[i % len(batches)])
    loss.backward()
    optimizer.step()


if __name__ == "__main__":
    rate = models.measure(step, arguments.batch, arguments.seconds)
    print(json.dumps({"peer": f"torch {torch.__version__.split('+')[0]}", "variant": arguments.variant,
                      "samples_per_second": rate}))
