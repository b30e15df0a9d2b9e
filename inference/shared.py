"""Predict a list of files with all processes of a ``torchrun`` launch."""

import itertools
from collections.abc import Iterable, Iterator

from core.distributed import from_main, gather_objects, rank, world_size
from inference.predictor import IntentPredictor
from inference.results import Prediction, Unreadable

NUM_BATCHES = 16  # of each process between two meetings


def shared_stream(
    predictor: IntentPredictor, paths: Iterable[str], *, workers: int | None = None
) -> Iterator[Prediction | Unreadable]:
    """Yield a result for each path in order on the main process; nothing on the others.

    Args:
        predictor: one per process, with equal settings.
        paths: files; only the main process takes from it.
        workers: see :meth:`IntentPredictor.stream`.
    """
    if world_size() == 1:
        yield from predictor.stream(paths, workers=workers)
        return
    paths = iter(paths)
    size = predictor.batch_size * NUM_BATCHES
    while True:
        parts = from_main(lambda: _parts(paths, size))
        if not any(parts):
            return
        for found in gather_objects(list(predictor.stream(parts[rank()], workers=workers))) or ():
            yield from found


def _parts(paths: Iterator[str], size: int) -> list[list[str]]:
    """Return the next ``size`` paths of each process, in order of the processes."""
    return [list(itertools.islice(paths, size)) for _ in range(world_size())]
