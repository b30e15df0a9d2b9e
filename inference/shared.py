"""Predict a list of files with all processes of a ``torchrun`` launch."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.distributed import from_main, gather_objects, rank, world_size
from core.errors import UserError
from inference.predictor import IntentPredictor
from inference.results import Prediction, Unreadable

NUM_BATCHES = 16  # of each process between two meetings
# The same where pictures are drawn, about half a second each: the others wait for a minute at most,
# far below the limit of the process group.
NUM_EXPLAINED = 64

Numbers = dict[str, Any]  # of an explanation, for JSON
Explain = Callable[[Prediction], Numbers]
Result = tuple[Prediction | Unreadable, Numbers | Unreadable | None]


def shared_stream(
    predictor: IntentPredictor,
    paths: Iterable[str],
    *,
    workers: int | None = None,
    explain: Explain | None = None,
) -> Iterator[Result]:
    """Yield a result for each path in order on the main process; nothing on the others.

    Each process predicts and explains its own part of the paths.

    Args:
        predictor: one per process, with equal settings.
        paths: files; only the main process takes from it.
        workers: see :meth:`IntentPredictor.stream`.
        explain: explains the image of a prediction; None: nothing is explained.

    Yields:
        What :meth:`IntentPredictor.stream` yields, and what ``explain`` returns: ``Unreadable``
        for an image that has changed since its prediction, None without an explanation.
    """

    def results(own: Iterable[str]) -> Iterator[Result]:
        for result in predictor.stream(own, workers=workers):
            yield result, _explained(result, explain)

    if world_size() == 1:
        yield from results(paths)
        return
    paths = iter(paths)
    size = predictor.batch_size * NUM_BATCHES
    if explain is not None:
        size = min(size, NUM_EXPLAINED)
    while True:
        parts = from_main(lambda: _parts(paths, size))
        if not any(parts):
            return
        for found in gather_objects(list(results(parts[rank()]))) or ():
            yield from found


def _explained(
    result: Prediction | Unreadable, explain: Explain | None
) -> Numbers | Unreadable | None:
    if explain is None or isinstance(result, Unreadable):
        return None
    try:
        return explain(result)
    except UserError as error:
        return Unreadable(result.image, str(error))


def _parts(paths: Iterator[str], size: int) -> list[list[str]]:
    """Return the next ``size`` paths of each process, in order of the processes."""
    return [list(itertools.islice(paths, size)) for _ in range(world_size())]
