#!/usr/bin/env python3
"""torch_vae.py's training steps in several processes, gradients averaged by DistributedDataParallel over gloo.

Prints a line of JSON, seconds a step: together (a step as it is), off (without exchange), backward (of it), alone (the
gradient's all-reduce and nothing else). --variant small: buckets of 1 MB, so that more go during the backward pass.
"""
import datetime
import json
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import models
import torch_vae as single

arguments = single.arguments
dist.init_process_group("gloo", init_method=f"tcp://{arguments.first}", rank=arguments.rank,
                        world_size=arguments.ranks, timeout=datetime.timedelta(seconds=60))
buckets = {"bucket_cap_mb": 1} if arguments.variant == "small" else {}
model = DistributedDataParallel(single.vae, gradient_as_bucket_view=True, **buckets)
gradient = torch.zeros(sum(parameter.numel() for parameter in single.vae.parameters()))
backward = []


def step(i):
    single.optimizer.zero_grad(set_to_none=True)
    loss = model(single.batches[i % len(single.batches)])
    begin = time.perf_counter()
    loss.backward()
    backward.append(time.perf_counter() - begin)
    single.optimizer.step()


def step_without_exchange(i):
    with model.no_sync():
        step(i)


found = {"together": models.seconds_a_step(step, arguments.steps),
         "alone": models.seconds_a_step(lambda i: dist.all_reduce(gradient), arguments.steps)}
backward.clear()
found["off"] = models.seconds_a_step(step_without_exchange, arguments.steps)
found["backward"] = sorted(backward)[len(backward) // 2]
dist.barrier()
print(json.dumps(found))
dist.destroy_process_group()
