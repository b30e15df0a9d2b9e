"""The one file that seeds. Every random stream of a run derives from ``cfg.SEED``."""

import os
import random

import numpy as np
import torch

from core.distributed import from_main, rank, world_size


def set_seed(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices); a negative seed leaves them random, zero is a
    seed like any other.

    Several processes start from one state, a random one too: what is drawn while building must be
        the same on all.
    """
    if seed < 0 and world_size() > 1:
        seed = from_main(lambda: int.from_bytes(os.urandom(4), "little"))
    if seed < 0:
        return
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)  # seeds CUDA too


def part_ranks() -> None:
    """Give every process but the first a global random state of its own, so that they do not drop
    the same units.
    """
    if rank() > 0:
        set_seed((torch.initial_seed() + rank()) % 2**32)


def make_generator(seed: int, stream: int = 0) -> torch.Generator:
    """Return a CPU generator for one named stream (loader order, initialisation, ...) of the run's
    seed.

    Streams are independent, so that drawing more numbers from one does not shift another. A
    negative seed gives a non-deterministic generator, the same on all processes.
    """
    generator = torch.Generator()
    if seed < 0 and world_size() > 1:
        seed = torch.initial_seed()  # of set_seed: random and the same on all
    if seed < 0:
        generator.seed()
    else:
        generator.manual_seed(derive_seed(seed, stream))
    return generator


def derive_seed(*parts: int) -> int:
    """Mix non-negative integers into one seed of 63 bits, for :meth:`torch.Generator.manual_seed`."""
    word = np.random.SeedSequence(parts).generate_state(1, np.uint64)[0]
    # A Python integer first: NumPy 1 refuses to shift an unsigned 64-bit integer by a signed one.
    return int(word) >> 1


def seed_worker(worker_id: int) -> None:
    """Seed NumPy and Python in a data loader worker from torch's per-worker seed
    (``DataLoader(worker_init_fn=)``).
    """
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed)


def random_state() -> dict:
    """Return the state of all global generators, for checkpoints (plain tensors and tuples only)."""
    state = {"python": random.getstate(), "torch": torch.get_rng_state()}
    name, keys, *rest = np.random.get_state()
    state["numpy"] = (name, torch.from_numpy(keys.astype(np.int64)), *rest)
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()  # of the one device that this process uses
    return state


def set_random_state(state: dict) -> None:
    """Restore what :func:`random_state` returned."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(state["torch"].cpu())
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    if torch.cuda.is_available() and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu())
