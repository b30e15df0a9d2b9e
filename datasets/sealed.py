"""Test records of a zero-shot data set, whose labels nobody reads before the final evaluation."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from datasets.records import Record


class SealBroken(RuntimeError):
    """Code read labels of unseen classes before the final evaluation; a fault of the program."""


class SealedRecords(Sequence):
    """Records whose labels and votes cannot be read until :meth:`open` is called."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._seal = _Seal()
        self._records = [SealedRecord(record, self._seal) for record in records]

    def open(self) -> None:
        """Allow the labels to be read; the final evaluation calls it."""
        self._seal.is_open = True

    @property
    def is_open(self) -> bool:
        """True after :meth:`open`."""
        return self._seal.is_open

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int | slice) -> Any:
        return self._records[index]

    def __iter__(self) -> Iterator["SealedRecord"]:
        return iter(self._records)


class _Seal:
    is_open = False


class SealedRecord:
    """A record that gives its label and its votes only after the seal is opened."""

    __slots__ = ("_record", "_seal")

    def __init__(self, record: Record, seal: _Seal) -> None:
        self._record, self._seal = record, seal

    @property
    def label(self) -> np.ndarray:
        """The label (C,).

        Raises:
            SealBroken: the final evaluation has not begun.
        """
        self._check("label")
        return self._record.label

    @property
    def votes(self) -> np.ndarray | None:
        """The votes (C,) or None.

        Raises:
            SealBroken: the final evaluation has not begun.
        """
        self._check("votes")
        return self._record.votes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # while it is unpickled, in a worker of a loader
            raise AttributeError(name)
        return getattr(self._record, name)

    def _check(self, what: str) -> None:
        if not self._seal.is_open:
            raise SealBroken(
                f"{what} of the test image {self._record.impath} was read before the final "
                "evaluation; unseen classes of a zero-shot data set stay unknown until then"
            )
