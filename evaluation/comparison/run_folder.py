"""Read the output folders of finished runs: metrics, scores, decision rule, run card.

N: images of a split, C: classes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError
from core.files import read_json

from ..metrics import Array
from ..predictions.npz import load_arrays, read_names

SPLITS = ("test", "val")  # the first one that a run has is its result
ARRAYS = ("scores", "labels", "images", "classes")

# The lines that CoOp and Dassl write, and their result parsers read.
_SPLIT_LINE = re.compile(r"Evaluate on the \*(\w+)\* set")
_RESULT_LINE = re.compile(r"=> result\s*$")
_METRIC_LINE = re.compile(r"\* ([^:*]+): ([-+.\deE]+)%\s*$")


@dataclass(frozen=True, eq=False)
class SavedScores:
    """Content of ``scores_<split>.npz``.

    Attributes:
        scores: ``(N, C)`` float64.
        labels: ``(N, C)``; above 0 positive, 0 negative, -1 unknown.
        images: N image names as the annotation file gives them.
        classes: C class names.
    """

    scores: Array
    labels: Array
    images: Sequence[str]
    classes: Sequence[str]


@dataclass(frozen=True, eq=False)
class RunFolder:
    """A finished run on disk.

    Attributes:
        path: the output folder, or the log file.
        metrics: split -> metric -> value; a value that is not a number is NaN.
        card: content of ``run.json``; empty without the file.
        rule: content of ``rule.json``; empty without the file.
    """

    path: Path
    metrics: Mapping[str, Mapping[str, float]]
    card: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration as nested mappings; empty if the run card has none."""
        config = self.card.get("config")
        return config if isinstance(config, Mapping) else {}

    def has_scores(self, split: str) -> bool:
        """Return True if the folder has the scores of ``split``."""
        return _scores_file(self.path, split).is_file()

    def scores(self, split: str) -> SavedScores:
        """Read the scores of ``split``.

        Raises:
            UserError: the file is missing, cannot be read, or is not valid.
        """
        return read_scores(_scores_file(self.path, split))


def read_run(path: str | Path) -> RunFolder:
    """Read a finished run.

    Args:
        path: an output folder with ``metrics.json``, or with the ``log.txt`` of CoOp or Dassl for
            the numbers alone; or such a log file.

    Raises:
        UserError: the folder has no result, or a file of it is not valid.
    """
    path = Path(path)
    if path.is_file():
        return RunFolder(path, read_log(path))
    if not (path / "metrics.json").is_file():
        log = path / "log.txt"
        if log.is_file():
            return RunFolder(path, read_log(log))
        raise UserError(
            f"{path} has no metrics.json and no log.txt; expected the output folder of a finished "
            "run"
        )
    return RunFolder(
        path,
        read_metrics(path / "metrics.json"),
        card=_read_optional(path / "run.json"),
        rule=_read_optional(path / "rule.json"),
    )


def read_metrics(path: str | Path) -> dict[str, dict[str, float]]:
    """Read ``metrics.json``: split -> metric -> value, NaN where the file has null.

    Raises:
        UserError: the file cannot be read or has no split.
    """
    content = read_json(path)
    result = {}
    for split, values in content.items():
        if isinstance(values, Mapping):
            result[split] = _numbers(values)
    if not result:
        raise UserError(f"{path} is not the result of a run; expected JSON with val or test")
    return result


def read_log(path: str | Path) -> dict[str, dict[str, float]]:
    """Read the metrics of a log that CoOp, Dassl or ``train.py`` wrote.

    A block starts with ``=> result`` and has lines such as ``* accuracy: 71.2%``. The last block of
    each split counts; a block without ``Evaluate on the *val* set`` before it is of test.

    Raises:
        UserError: the log cannot be read, or has no block with a number.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    result: dict[str, dict[str, float]] = {}
    split, block = "test", None
    for line in text.splitlines():
        named = _SPLIT_LINE.search(line)
        if named:
            split = named[1]
        if _RESULT_LINE.search(line):
            block = {}
            result[split] = block
            continue
        found = _METRIC_LINE.search(line)
        if found and block is not None:
            block[found[1].strip()] = _float(found[2])
    result = {name: values for name, values in result.items() if values}
    if not result:
        raise UserError(
            f"{path} has no result; expected lines '=> result' and '* <metric>: <number>%'"
        )
    return result


def read_scores(path: str | Path) -> SavedScores:
    """Read ``scores_<split>.npz``.

    Raises:
        UserError: the file cannot be read, an array is missing, or the arrays do not fit.
    """
    path = Path(path)
    arrays = load_arrays(path, ARRAYS)
    scores = arrays["scores"]
    for name in ("scores", "labels"):
        values = arrays[name]
        if values.ndim != 2 or values.shape != scores.shape or values.dtype.kind not in "fiub":
            raise UserError(
                f"{path}: '{name}' is {values.dtype} {values.shape}; expected numbers "
                "(images, classes), the same for scores and labels"
            )
    if not np.isfinite(scores).all():
        raise UserError(f"{path}: a score is NaN or infinite")
    return SavedScores(
        scores.astype(np.float64),
        arrays["labels"],
        images=read_names(path, arrays, "images", scores.shape[0]),
        classes=read_names(path, arrays, "classes", scores.shape[1]),
    )


def common_split(runs: Sequence[RunFolder]) -> str:
    """Return the split to compare on: test if all runs have it, otherwise val.

    Raises:
        UserError: the runs share no split.
    """
    for split in SPLITS:
        if all(split in run.metrics for run in runs):
            return split
    described = [f"{run.path} has {', '.join(run.metrics)}" for run in runs]
    raise UserError("the runs have no split in common: " + "; ".join(described))


def _scores_file(folder: Path, split: str) -> Path:
    return folder / f"scores_{split}.npz"


def _read_optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the entries that are numbers; null, which stands for NaN, becomes NaN."""
    numbers = {}
    for name, value in values.items():
        if value is None:
            numbers[name] = float("nan")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[name] = float(value)
    return numbers


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
