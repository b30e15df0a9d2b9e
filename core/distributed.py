"""Work on one process or on several: join, exchange values, end together after an error.

``torchrun`` starts the processes and describes them in the environment; :func:`session` joins them.
On one process every function here returns what one process would see and changes nothing.
"""

import gc
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from core.errors import UserError

T = TypeVar("T")

# torchrun sets all of these. Some clusters set a few of them for their own purposes.
_LAUNCH = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_ADDRESS = ("MASTER_ADDR", "MASTER_PORT")

# Counts failures and reported messages. It outlives the process group, so that it also works after
# an error.
_store: dist.Store | None = None
_num_turns = 0  # calls of run_on_main, which name its entry in the store


class PeerError(RuntimeError):
    """Another process failed first and reports the reason; this one ends silently."""


# This process -------------------------------------------------------------------------------------


def rank() -> int:
    """Return the number of this process, from 0, counted over all machines."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes on all machines."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Return True on the one process that writes logs, checkpoints and results."""
    return rank() == 0


def local_rank() -> int:
    """Return the number of this process on its machine, which is the number of its GPU."""
    if not dist.is_initialized():
        return 0
    return int(os.environ.get("LOCAL_RANK", 0))


def local_world_size() -> int:
    """Return the number of processes on this machine."""
    if not dist.is_initialized():
        return 1
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


# Joining and leaving ------------------------------------------------------------------------------


@contextmanager
def session(*, use_cuda: bool, timeout_minutes: float = 10.0) -> Iterator[None]:
    """Join the processes of this run and leave them at the end, also after an error.

    Inside, standard output of all processes but the main one is discarded.

    Args:
        use_cuda: see :func:`init`.
        timeout_minutes: see :func:`init`.

    Raises:
        UserError: see :func:`init`.
        PeerError: another process failed first; the error of this process is only a consequence.
    """
    init(use_cuda=use_cuda, timeout_minutes=timeout_minutes)
    try:
        with _only_main_prints():
            yield
        # To the others, which may still write, a process that ends early looks like a failed one.
        barrier()
    except Exception as error:
        is_first = _count("failures") == 1
        _leave(failed=True)
        if is_first or isinstance(error, UserError):
            raise
        raise PeerError("another process failed first") from error
    _leave(failed=False)


def init(*, use_cuda: bool, timeout_minutes: float = 10.0) -> None:
    """Join the processes that ``torchrun`` started.

    A second call changes nothing; neither does a call in a process that was started with plain
    ``python``.

    Args:
        use_cuda: exchange tensors with NCCL and use the GPU whose number is the local rank, where
            there is a CUDA device; otherwise exchange them with gloo.
        timeout_minutes: minutes that a process waits for the others before it fails.

    Raises:
        UserError: the environment is incomplete, this machine has fewer GPUs than processes, or the
            other processes cannot be reached.
    """
    place = read_launch(os.environ)
    if place is None or dist.is_initialized():
        return
    cuda = use_cuda and torch.cuda.is_available()
    if cuda:
        check_num_gpus(place, torch.cuda.device_count())
        torch.cuda.set_device(place["LOCAL_RANK"])
    if place["WORLD_SIZE"] == 1:
        return
    try:
        _join(place, cuda, timedelta(minutes=timeout_minutes))
    except (dist.DistError, TimeoutError) as error:
        address = ":".join(os.environ[name] for name in _ADDRESS)
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the {place['WORLD_SIZE']} processes did not find each other at {address}: {reason}"
        ) from error


def _join(place: Mapping[str, int], cuda: bool, timeout: timedelta) -> None:
    """Meet the other processes and create the process group."""
    global _store
    backend = "nccl" if cuda else "gloo"
    device = torch.device("cuda", place["LOCAL_RANK"]) if cuda else None
    store, number, count = next(dist.rendezvous("env://", timeout=timeout))
    _store = dist.PrefixStore("intclip", store)
    _check_backends(_store, backend, number, count)
    dist.init_process_group(
        backend, store=store, rank=number, world_size=count, timeout=timeout, device_id=device
    )


def read_launch(environ: Mapping[str, str]) -> dict[str, int] | None:
    """Return the numbers that a launcher put into the environment, None without a launcher.

    Returns:
        RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE (1 where it is not set).

    Raises:
        UserError: only some of the variables are set, or a value is not a number in range.
    """
    given = [name for name in _LAUNCH if environ.get(name)]
    if not given:
        return None
    missing = [name for name in (*_LAUNCH, *_ADDRESS) if not environ.get(name)]
    if missing:
        raise UserError(
            f"{', '.join(given)} set but {', '.join(missing)} not: start several processes with "
            f"torchrun, which sets all of them, or unset {', '.join(given)} to run one process"
        )
    texts = {name: environ[name] for name in _LAUNCH}
    texts["LOCAL_WORLD_SIZE"] = environ.get("LOCAL_WORLD_SIZE") or "1"
    place = {}
    for name, text in texts.items():
        if not text.isdecimal():
            raise UserError(
                f"{name} is '{text}'; expected a whole number from 0, as torchrun sets it"
            )
        place[name] = int(text)
    if place["RANK"] >= place["WORLD_SIZE"]:
        raise UserError(
            f"RANK is {place['RANK']}; expected less than WORLD_SIZE, which is "
            f"{place['WORLD_SIZE']}"
        )
    return place


def check_num_gpus(place: Mapping[str, int], num_gpus: int) -> None:
    """Raise :class:`UserError` if this machine has fewer GPUs than processes.

    Args:
        place: numbers of :func:`read_launch`.
        num_gpus: number of GPUs of this machine.
    """
    wanted = max(place["LOCAL_WORLD_SIZE"], place["LOCAL_RANK"] + 1)
    if wanted > num_gpus:
        plural = "s" if num_gpus > 1 else ""
        raise UserError(
            f"{wanted} processes on a machine with {num_gpus} GPU{plural}; "
            f"expected --nproc-per-node {num_gpus} at most (or USE_CUDA False)"
        )


def first_to_report(message: str) -> bool:
    """Return True on the first process that reports ``message``, so that it is printed once.

    Before the processes have met, the first process of each machine reports.
    """
    if _store is not None:
        digest = hashlib.blake2b(message.encode()).hexdigest()
        return _count(f"message/{digest}") == 1
    number = os.environ.get("LOCAL_RANK", "")
    return not number.isdecimal() or int(number) == 0


def _check_backends(store: dist.Store, backend: str, number: int, count: int) -> None:
    """Raise :class:`UserError` if only some of the processes have a CUDA device."""
    store.set(f"backend/{number}", backend)
    backends = [store.get(f"backend/{i}").decode() for i in range(count)]
    if len(set(backends)) > 1:
        without = ", ".join(str(i) for i, name in enumerate(backends) if name == "gloo")
        raise UserError(
            f"ranks {without} have no CUDA device, the others do; repair the machine or set "
            "USE_CUDA False"
        )


@contextmanager
def _only_main_prints() -> Iterator[None]:
    if is_main():
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


def _count(key: str) -> int:
    """Return the number of processes that have counted ``key`` so far, including this one."""
    if _store is None:
        return 1
    try:
        return _store.add(key, 1)
    except RuntimeError:  # the process that held the store has ended
        return 1


def _leave(*, failed: bool) -> None:
    """Destroy the process group, except NCCL's after an error."""
    # A network that still holds threads of gloo when Python ends can abort the process.
    gc.collect()
    # After an error NCCL would wait for the other processes. The end of this process is enough.
    skip = failed and dist.is_initialized() and dist.get_backend() == "nccl"
    if dist.is_initialized() and not skip:
        dist.destroy_process_group()


# Exchanging values --------------------------------------------------------------------------------


def check_peers() -> None:
    """Raise :class:`PeerError` if another process has failed.

    A process that waits without a collective calls this in its loop; else it could wait forever.
    """
    try:
        failed = _store is not None and _store.add("failures", 0) > 0
    except RuntimeError:  # the process that held the store has ended
        failed = True
    if failed:
        raise PeerError("another process failed first")


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()


def run_on_main(function: Callable[[], None]) -> None:
    """Call ``function`` on the main process while the others wait, however long it takes.

    The others wait without a collective, which would time out. ``function`` must not contain
    collectives. All processes call this equally often.

    Raises:
        PeerError: on the other processes, if the main one fails.
    """
    global _num_turns
    _num_turns += 1
    if world_size() == 1:
        function()
        return
    assert _store is not None
    done = f"turn/{_num_turns}"
    if is_main():
        function()
        _store.add(done, 1)
        return
    while _store.add(done, 0) == 0:
        check_peers()
        time.sleep(0.2)


@contextmanager
def local_main_first() -> Iterator[None]:
    """Run the block on the first process of each machine, then on the others.

    The first process can download files that the others then find. The block must not contain
    collectives.
    """
    if local_rank() > 0:
        barrier()
    yield
    if local_rank() == 0:
        barrier()


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Return the sum of ``tensor`` over all processes; ``tensor`` itself is not changed."""
    if world_size() == 1:
        return tensor
    total = tensor.detach().clone()
    dist.all_reduce(total)
    return total


def all_gather_rows(rows: Tensor) -> Tensor:
    """Return the rows of all processes in the order of the ranks, on every process.

    Args:
        rows: ``(N_r, ...)``; the number of rows may differ between processes and may be 0.

    Returns:
        ``(sum of N_r, ...)``.
    """
    if world_size() == 1:
        return rows
    counts = all_gather_objects(len(rows))
    if not any(counts):
        return rows
    # Collectives need one shape on all processes.
    padded = rows.new_zeros((max(counts), *rows.shape[1:]))
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def all_gather_objects(item: T) -> list[T]:
    """Return the picklable ``item`` of each process in the order of the ranks, on every process."""
    if world_size() == 1:
        return [item]
    items: list[Any] = [None] * world_size()
    dist.all_gather_object(items, item)
    return items


def gather_objects(item: T) -> list[T] | None:
    """Return what :func:`all_gather_objects` returns on the main process, None on the others."""
    if world_size() == 1:
        return [item]
    items: list[Any] | None = [None] * world_size() if is_main() else None
    dist.gather_object(item, items)
    return items


def from_main(function: Callable[[], T]) -> T:
    """Call ``function`` on the main process only and return its result on every process.

    Args:
        function: returns a picklable value.

    Raises:
        UserError: ``function`` raised it; every process raises the same message.
    """
    if world_size() == 1:
        return function()
    result, fault = None, None
    if is_main():
        try:
            result = function()
        except UserError as error:
            fault = str(error)
    outcome: list[Any] = [result, fault]
    dist.broadcast_object_list(outcome)
    result, fault = outcome
    if fault is not None:
        raise UserError(fault)
    return result


def check_identical(what: str, value: Any, advice: str) -> None:
    """Raise :class:`UserError` on every process if ``value`` differs between processes.

    Args:
        what: name of the value, for the error.
        value: any picklable value.
        advice: what the user can do, for the end of the error.
    """
    values = all_gather_objects(value)
    others = [str(number) for number, other in enumerate(values) if other != values[0]]
    if others:
        raise UserError(f"rank {', '.join(others)} and rank 0 have different {what}; {advice}")
