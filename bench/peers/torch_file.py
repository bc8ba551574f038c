#!/usr/bin/env python3
"""Samples a second that h5py and PyTorch's DataLoader bring from an HDF5 file as float tensors, with nothing computed.

  torch_file.py FILE.h5 [--dataset train/x] [--way rows|chunks|shuffled] [--workers N] [--batch N] [--seconds S]

rows: a shuffled sampler, a read of h5py's for each sample. shuffled: the same, batch by batch (sorted indices, one
fancy-indexed read). chunks: an iterable dataset that shuffles chunks and the samples of 64 chunks, as elbo's windows do.
Each worker opens the file for itself. Prints a line of JSON: samples_per_second.
"""
import argparse
import json
import time

import h5py
import numpy
import torch

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--dataset", default="train/x")
parser.add_argument("--way", choices=("rows", "chunks", "shuffled"), default="rows")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--batch", type=int, default=256)
parser.add_argument("--seconds", type=float, default=10)
arguments = parser.parse_args()
torch.set_num_threads(1)


def opened():
    return h5py.File(arguments.file, "r")[arguments.dataset]


with h5py.File(arguments.file, "r") as file:
    SAMPLES, CHUNK = len(file[arguments.dataset]), (file[arguments.dataset].chunks or (1024,))[0]


def floats(rows):
    return torch.from_numpy(rows.astype(numpy.float32) / 255).reshape(len(rows), -1)


class Rows(torch.utils.data.Dataset):
    data = None

    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        if self.data is None:
            self.data = opened()
        return floats(self.data[index][None])[0]

    def __getitems__(self, indices):
        if self.data is None:
            self.data = opened()
        if arguments.way == "rows":
            return [self[index] for index in indices]
        return list(floats(self.data[numpy.sort(indices)]))


class Chunks(torch.utils.data.IterableDataset):
    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        data, random = opened(), numpy.random.default_rng(first)
        chunks = numpy.arange(0, SAMPLES, CHUNK)
        numpy.random.default_rng(0).shuffle(chunks)
        mine = chunks[first::step]
        for begin in range(0, len(mine), 64):
            window = numpy.concatenate([data[row:row + CHUNK] for row in numpy.sort(mine[begin:begin + 64])])
            order = random.permutation(len(window))
            for row in range(0, len(order), arguments.batch):
                yield floats(window[order[row:row + arguments.batch]])


if arguments.way == "chunks":
    loader = torch.utils.data.DataLoader(Chunks(), batch_size=None, num_workers=arguments.workers)
else:
    loader = torch.utils.data.DataLoader(Rows(), batch_size=arguments.batch, shuffle=True,
                                         num_workers=arguments.workers)
samples, begin = 0, None
for rows in loader:
    if begin is None:
        begin = time.perf_counter()  # workers have started
        continue
    samples += len(rows)
    if time.perf_counter() - begin > arguments.seconds:
        break
print(json.dumps({"samples_per_second": samples / (time.perf_counter() - begin)}))
