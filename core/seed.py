"""Seed the global random state of a run, and make its independent random streams."""

import os
import random

import numpy as np
import torch

from core.distributed import from_main, rank, world_size


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices).

    Args:
        seed: 0 is a seed like any other; a negative one leaves the generators random. Then several
            processes agree on one random seed, because weights drawn while a network is built must
            be the same on all of them.
    """
    if seed < 0 and world_size() > 1:
        seed = from_main(lambda: int.from_bytes(os.urandom(4), "little"))
    if seed < 0:
        return
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)  # seeds CUDA too


def part_ranks() -> None:
    """Give each rank its own random state (dropout must differ between ranks)."""
    if rank() > 0:
        set_seed((torch.initial_seed() + rank()) % 2**32)


def make_generator(seed: int, stream: int = 0) -> torch.Generator:
    """Return a CPU generator for one random stream of a run (loader order, initialisation, ...).

    Streams are independent: more draws from one do not shift another.

    Args:
        seed: seed of the run; a negative one gives a random generator, equal on all processes.
        stream: number of the stream, at least 0.
    """
    generator = torch.Generator()
    if seed < 0 and world_size() > 1:
        # set_seed drew this one at random and gave it to all processes.
        seed = torch.initial_seed()
    if seed < 0:
        generator.seed()
    else:
        generator.manual_seed(derive_seed(seed, stream))
    return generator


def derive_seed(*parts: int) -> int:
    """Mix non-negative integers into one seed of 63 bits, as torch's generators take them."""
    word = np.random.SeedSequence(parts).generate_state(1, np.uint64)[0]
    # A Python integer first: NumPy 1 refuses to shift an unsigned 64-bit integer by a signed one.
    return int(word) >> 1


def seed_worker(worker_id: int) -> None:
    """Seed Python and NumPy in a data loader worker, as ``DataLoader(worker_init_fn=)``.

    Args:
        worker_id: not used; torch has seeded each worker differently, and this seed is taken.
    """
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed)


def random_state() -> dict:
    """Return the state of all global generators, as plain tensors and tuples for a checkpoint."""
    state = {"python": random.getstate(), "torch": torch.get_rng_state()}
    name, keys, *rest = np.random.get_state()
    # As a tensor, because checkpoints are read with weights_only; int64 is a type that torch has.
    state["numpy"] = (name, torch.from_numpy(keys.astype(np.int64)), *rest)
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()  # of the one device that this process uses
    return state


def set_random_state(state: dict) -> None:
    """Restore the generators from a state of :func:`random_state`."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(state["torch"].cpu())
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu())
