"""One process or many: who am I, and what do the others have.

``torchrun`` starts the processes and tells each its place in the environment; :func:`session` joins
them. Without it, or with one process, every function here is a no-op that returns what one process
would see.
"""

import gc
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from core.errors import UserError

T = TypeVar("T")
_LAUNCH = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
)  # torchrun sets all of them; some clusters set a few for themselves
_ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
_store: dist.Store | None = (
    None  # where a process leaves word that it failed; outlives the process group
)


class PeerError(RuntimeError):
    """Another process failed first and says why; this one ends without a word of its own."""


# Who am I -----------------------------------------------------------------------------------------


def rank() -> int:
    """Return the number of this process, counted over all machines."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes on all machines."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Return whether this process is the one that writes logs, checkpoints and results."""
    return rank() == 0


def local_rank() -> int:
    """Return the number of this process on its machine: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", 0)) if dist.is_initialized() else 0


def local_world_size() -> int:
    """Return the number of processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if dist.is_initialized() else 1


# Joining and leaving ------------------------------------------------------------------------------


@contextmanager
def session(*, use_cuda: bool, timeout_minutes: float = 10.0) -> Iterator[None]:
    """Join the processes of this run, and leave them at the end, also after an error; only the main
    one prints.

    Raises:
        UserError: see :func:`init`.
        PeerError: in place of what the end of another process, or the same fault there, has caused
            here.
    """
    init(use_cuda=use_cuda, timeout_minutes=timeout_minutes)
    try:
        with _only_main_prints():
            yield
        barrier()  # a process that ends earlier would look like a failed one to those that still write
    except Exception as error:
        is_first = _count("failures") == 1
        _leave(failed=True)
        if is_first or isinstance(error, UserError):
            raise
        raise PeerError("another process failed first") from error
    _leave(failed=False)


def init(*, use_cuda: bool, timeout_minutes: float = 10.0) -> None:
    """Join the processes that ``torchrun`` started; a second call, or a plain ``python``, changes
    nothing.

    NCCL carries the tensors where CUDA is used, gloo otherwise; the GPU of a process is its local
    rank.

    Raises:
        UserError: the environment is incomplete, there are fewer GPUs than processes, or the others
            cannot be reached.
    """
    global _store
    place = read_launch(os.environ)
    if place is None or dist.is_initialized():
        return
    cuda = use_cuda and torch.cuda.is_available()
    if cuda:
        check_num_gpus(place, torch.cuda.device_count())
        torch.cuda.set_device(place["LOCAL_RANK"])
    if place["WORLD_SIZE"] == 1:
        return
    backend, timeout = "nccl" if cuda else "gloo", timedelta(minutes=timeout_minutes)
    try:
        store, number, count = next(dist.rendezvous("env://", timeout=timeout))
        _store = dist.PrefixStore("intclip", store)
        _check_backends(_store, backend, number, count)
        device = torch.device("cuda", place["LOCAL_RANK"]) if cuda else None
        dist.init_process_group(
            backend, store=store, rank=number, world_size=count, timeout=timeout, device_id=device
        )
    except (dist.DistError, TimeoutError) as error:
        address = ":".join(os.environ[name] for name in _ADDRESS)
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the {place['WORLD_SIZE']} processes did not find each other at {address}: {reason}"
        ) from error


def read_launch(environ: Mapping[str, str]) -> dict[str, int] | None:
    """Return RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE as numbers, or None where no
    launcher set any.

    Raises:
        UserError: some are set and others not, or a value is no number in range.
    """
    given = [name for name in _LAUNCH if environ.get(name)]
    if not given:
        return None
    missing = [name for name in (*_LAUNCH, *_ADDRESS) if not environ.get(name)]
    if missing:
        raise UserError(
            f"{', '.join(given)} set but {', '.join(missing)} not: start several processes with "
            "torchrun, which sets "
            f"all of them, or unset {', '.join(given)} to run one process"
        )
    place = {name: environ[name] for name in _LAUNCH}
    place["LOCAL_WORLD_SIZE"] = environ.get("LOCAL_WORLD_SIZE") or "1"
    for name, value in place.items():
        if not value.isdecimal():
            raise UserError(
                f"{name} is '{value}'; expected a whole number from 0, as torchrun sets it"
            )
    place = {name: int(value) for name, value in place.items()}
    if place["RANK"] >= place["WORLD_SIZE"]:
        raise UserError(
            f"RANK is {place['RANK']}; expected less than WORLD_SIZE, which is "
            f"{place['WORLD_SIZE']}"
        )
    return place


def check_num_gpus(place: Mapping[str, int], num_gpus: int) -> None:
    """Raise :class:`UserError` if this machine has fewer GPUs than processes."""
    wanted = max(place["LOCAL_WORLD_SIZE"], place["LOCAL_RANK"] + 1)
    if wanted > num_gpus:
        raise UserError(
            f"{wanted} processes on a machine with {num_gpus} GPU{'s' if num_gpus > 1 else ''}; "
            f"expected --nproc-per-node {num_gpus} at most (or USE_CUDA False)"
        )


def first_to_report(message: str) -> bool:
    """Return whether this process is to say ``message``: what all processes find wrong should be read
    once.
    """
    if _store is not None:
        return _count(f"message/{hashlib.blake2b(message.encode()).hexdigest()}") == 1
    number = os.environ.get("LOCAL_RANK", "")  # before they have met, one on each machine
    return not number.isdecimal() or int(number) == 0


def _check_backends(store: dist.Store, backend: str, number: int, count: int) -> None:
    store.set(f"backend/{number}", backend)
    others = [store.get(f"backend/{i}").decode() for i in range(count)]
    if len(set(others)) > 1:
        without = ", ".join(str(i) for i, name in enumerate(others) if name == "gloo")
        raise UserError(
            f"ranks {without} see no CUDA device, the others do; mend the machine or set USE_CUDA "
            "False"
        )


@contextmanager
def _only_main_prints() -> Iterator[None]:
    if is_main():
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


def _count(key: str) -> int:
    """Return how many processes have come to ``key``, with this one."""
    try:
        return _store.add(key, 1) if _store is not None else 1
    except RuntimeError:  # the process that held the store is gone
        return 1


def _leave(*, failed: bool) -> None:
    """Destroy the process group, except NCCL's after an error: it would wait for the others; the
    exit is enough.
    """
    gc.collect()  # a network that still holds gloo's threads at the exit can abort it
    if dist.is_initialized() and not (failed and dist.get_backend() == "nccl"):
        dist.destroy_process_group()


# What do the others have --------------------------------------------------------------------------


def check_peers() -> None:
    """Raise :class:`PeerError` if another process has failed; for those who wait without a
    collective.
    """
    try:
        failed = _store is not None and _store.add("failures", 0) > 0
    except RuntimeError:  # the process that held the store is gone
        failed = True
    if failed:
        raise PeerError("another process failed first")


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()


@contextmanager
def local_main_first() -> Iterator[None]:
    """Let the first process of each machine through before the others, to download what they find;
    no collectives.
    """
    if local_rank() > 0:
        barrier()
    yield
    if local_rank() == 0:
        barrier()


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Return the sum of ``tensor`` over all processes, on all of them; ``tensor`` itself is left
    alone.
    """
    if world_size() == 1:
        return tensor
    total = tensor.detach().clone()
    dist.all_reduce(total)
    return total


def all_gather_rows(rows: Tensor) -> Tensor:
    """Return all processes' ``(N_r, ...)`` as one ``(sum of N_r, ...)``, in the order of the ranks;
    N_r may be 0.
    """
    if world_size() == 1:
        return rows
    counts = all_gather_objects(len(rows))
    if not any(counts):
        return rows
    padded = rows.new_zeros((max(counts), *rows.shape[1:]))  # collectives want one shape
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def all_gather_objects(item: T) -> list[T]:
    """Return every process's picklable ``item`` in the order of the ranks, on all processes."""
    if world_size() == 1:
        return [item]
    items: list[Any] = [None] * world_size()
    dist.all_gather_object(items, item)
    return items


def gather_objects(item: T) -> list[T] | None:
    """Return every process's picklable ``item`` in the order of the ranks on the main process, None
    elsewhere.
    """
    if world_size() == 1:
        return [item]
    items: list[Any] | None = [None] * world_size() if is_main() else None
    dist.gather_object(item, items)
    return items


def from_main(function: Callable[[], T]) -> T:
    """Call ``function`` on the main process alone; its picklable result, or its :class:`UserError`,
    reaches all.
    """
    if world_size() == 1:
        return function()
    outcome: list[Any] = [None, None]  # result, message of a mistake
    if is_main():
        try:
            outcome[0] = function()
        except UserError as error:
            outcome[1] = str(error)
    dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise UserError(outcome[1])
    return outcome[0]


def check_identical(what: str, value: Any, advice: str) -> None:
    """Raise :class:`UserError` on every process if ``value`` is not the same on all of them."""
    values = all_gather_objects(value)
    others = [str(number) for number, other in enumerate(values) if other != values[0]]
    if others:
        raise UserError(f"rank {', '.join(others)} and rank 0 have different {what}; {advice}")
