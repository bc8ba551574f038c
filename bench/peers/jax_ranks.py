#!/usr/bin/env python3
"""jax_vae.py's training steps in several processes, a device each, gradients averaged by a jitted pmean over gloo.

Prints a line of JSON, seconds a step: together (a step as it is), off (without exchange), backward (of it), alone (the
gradient's all-reduce and nothing else). --variant mpi: over MPI, under mpirun, whose ranks count; MPITRAMPOLINE_LIB has
to name a wrapper (MPIwrapper's libmpiwrapper.so) that was built with that MPI.
"""
import atexit
import json
import os

import jax
import optax
from jax.sharding import NamedSharding, PartitionSpec as P

import models

arguments = models.arguments(__doc__)
over_mpi, status = arguments.variant == "mpi", 1
if over_mpi:
    arguments.rank = int(os.environ["OMPI_COMM_WORLD_RANK"])
    # Collectives are made on the thread that called MPI_Init.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    # Runs after JAX's own last act, MPI_Finalize: JAX 0.10 would go on to free communicators, at which MPI aborts.
    atexit.register(lambda: os._exit(status))
jax.config.update("jax_cpu_collectives_implementation", "mpi" if over_mpi else "gloo")
jax.distributed.initialize(arguments.first, arguments.ranks, arguments.rank)
import jax_vae as single  # makes arrays, so JAX has to know of the other processes

mesh = jax.make_mesh((arguments.ranks,), ("ranks",))
everywhere, divided = NamedSharding(mesh, P()), NamedSharding(mesh, P("ranks"))


def on_all(function, *specs):
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=P(), check_vma=False))


def on_all_devices(sharding, arrays):
    """Global arrays of what each process has: the whole (everywhere), or its part (divided)."""
    return jax.tree.map(lambda array: jax.make_array_from_process_local_data(sharding, jax.device_get(array)), arrays)


def update(parameters, state, x, i):
    key = jax.random.fold_in(jax.random.key(i), jax.lax.axis_index("ranks"))
    gradients = jax.lax.pmean(jax.grad(single.loss)(parameters, x, key), "ranks")
    updates, state = single.optimizer.update(gradients, state)
    return optax.apply_updates(parameters, updates), state


update = on_all(update, P(), P(), P("ranks"), P())
all_reduce = on_all(lambda gradients: jax.lax.pmean(gradients, "ranks"), P())
parameters, state = on_all_devices(everywhere, (single.parameters, single.state))
batches = on_all_devices(divided, single.batches)
gradients = parameters


def step(i):
    global parameters, state
    parameters, state = update(parameters, state, batches[i % len(batches)], i)
    jax.block_until_ready(parameters)


def alone(_):
    global gradients
    gradients = jax.block_until_ready(all_reduce(gradients))


def seconds_of(function):
    """Of a function of parameters, batch and key, in this process alone."""
    jitted = jax.jit(function)
    return models.seconds_a_step(lambda i: jax.block_until_ready(
        jitted(single.parameters, single.batches[i % len(batches)], single.keys[0])), arguments.steps)


found = {"together": models.seconds_a_step(step, arguments.steps),
         "alone": models.seconds_a_step(alone, arguments.steps),
         "off": models.seconds_a_step(single.step, arguments.steps),
         "backward": seconds_of(jax.value_and_grad(single.loss)) - seconds_of(single.loss)}
alone(0)  # so that no process leaves before the others are done
print(json.dumps(found), flush=True)
jax.distributed.shutdown()
status = 0
