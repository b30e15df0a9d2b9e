"""Check the class names and records that a data set gives to ``IntentDataset``."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from core.errors import UserError, first_names, not_accepted
from core.labels import UNKNOWN
from datasets.records import Record

KINDS = ("multi_label", "single_label")
SUM_TOLERANCE = 1e-3  # rounded shares, such as 0.333 three times, are a distribution
CHUNK = 1024  # labels at a time: one array of all labels can need gigabytes

Splits = Mapping[str, Sequence[Record] | None]


def check_kind(name: str, kind: str) -> None:
    """Raise :class:`UserError` unless ``kind`` is one of ``KINDS``."""
    if kind not in KINDS:
        raise UserError(not_accepted(f"data set {name}: kind", kind, KINDS))


def check_classnames(name: str, classnames: Sequence[str]) -> None:
    """Raise :class:`UserError` unless the class names are different texts that are not empty.

    Args:
        name: of the data set.
        classnames: what the data set gives.
    """
    place = f"data set {name}: classnames"
    if isinstance(classnames, str):
        raise UserError(f"{place} is the text '{classnames}'; expected a list of class names")
    seen = set()
    for i, classname in enumerate(classnames):
        if not isinstance(classname, str):
            raise UserError(
                f"{place}: name {i + 1} is {classname!r}, a {type(classname).__name__}; "
                "expected a text"
            )
        if not classname.strip():
            raise UserError(f"{place}: name {i + 1} is empty")
        if classname in seen:
            raise UserError(f"{place}: class '{classname}' is given twice")
        seen.add(classname)
    if not seen:
        raise UserError(f"{place} is empty; expected a list of class names")


def check_labels(
    name: str, given: Splits, classnames: Sequence[str], kind: str, unseen: Sequence[int] = ()
) -> None:
    """Raise :class:`UserError` for the first label that does not fit the classes or the kind.

    Args:
        name: of the data set.
        given: records by split; None: there is no such split.
        classnames: C names.
        kind: ``single_label``: the known entries of a label sum to 1. In train, and in all splits
            of a zero-shot data set, the sum may be less where entries are unknown: the class may be
            one of them. Elsewhere the accuracy would count such an image as wrong.
        unseen: indices of classes that training must not know.
    """
    for records in given.values():
        for record in records or ():
            _check_form(name, record, (len(classnames),))
    for split, records in given.items():
        for chunk, labels in _chunks(records or ()):
            for i in np.flatnonzero(~_in_range(labels)):
                raise _fault(name, split, chunk[i], _outside(labels[i], classnames))
            if kind == "single_label":
                may_hide = split == "train" or bool(unseen)
                for i in np.flatnonzero(~_has_one_class(labels, may_hide=may_hide)):
                    raise _fault(name, split, chunk[i], _not_one_class(labels[i], classnames))


def check_unseen(name: str, given: Splits, unseen: Sequence[int]) -> None:
    """Raise if train or val knows a label of an unseen class."""
    if not unseen:
        return
    for split in ("train", "val"):
        for record in given[split] or ():
            known = record.label[list(unseen)] != UNKNOWN
            assert not known.any(), f"{name}: unseen classes in {split}, {record.impath}"


def _check_form(name: str, record: Record, expected: tuple[int]) -> None:
    """Raise unless the label is float32 (C,)."""
    label = np.asarray(record.label)
    if label.shape != expected or label.dtype != np.float32:
        raise UserError(
            f"data set {name}: the label of {record.impath} is {label.dtype} of shape "
            f"{label.shape}; expected float32 of shape {expected}"
        )


def _chunks(records: Sequence[Record]) -> Iterator[tuple[Sequence[Record], np.ndarray]]:
    """Yield some records and their labels (n, C), until all were there."""
    for start in range(0, len(records), CHUNK):
        chunk = records[start : start + CHUNK]
        yield chunk, np.stack([record.label for record in chunk])


def _in_range(labels: np.ndarray) -> np.ndarray:
    """Return which labels (N, C) have shares from 0 to 1 and ``UNKNOWN`` only, bool (N,)."""
    is_share = (labels >= 0) & (labels <= 1 + SUM_TOLERANCE)  # False for NaN
    return (is_share | (labels == UNKNOWN)).all(axis=1)


def _has_one_class(labels: np.ndarray, *, may_hide: bool) -> np.ndarray:
    """Return which labels (N, C) have one class or a distribution over classes, bool (N,).

    Args:
        may_hide: the class may be one of those that are unknown.
    """
    unknown = labels == UNKNOWN
    total = np.where(unknown, 0, labels).sum(axis=1)
    is_one = np.abs(total - 1) <= SUM_TOLERANCE
    return is_one | (may_hide & unknown.any(axis=1) & (total < 1))


def _outside(label: np.ndarray, classnames: Sequence[str]) -> str:
    c = int(np.argmin(_in_range(label[:, None])))
    return (
        f"has {label[c]:g} at class '{classnames[c]}'; expected 1 (yes), 0 (no), {UNKNOWN} "
        "(unknown) or a share from 0 to 1"
    )


def _not_one_class(label: np.ndarray, classnames: Sequence[str]) -> str:
    """Return what is wrong with a label (C,) of one class, and what helps."""
    chosen = np.flatnonzero(label > 0)
    names = first_names([f"'{classnames[c]}'" for c in chosen])
    expected = "kind='single_label' expects one class per image, or shares that sum to 1"
    if not len(chosen):
        return f"has no known class; {expected}"
    if (label[chosen] == 1).all():
        return f"has the classes {names}; {expected}; kind='multi_label' accepts several"
    return f"has shares that sum to {label[chosen].sum():.3g}, at {names}; {expected}"


def _fault(name: str, split: str, record: Record, what: str) -> UserError:
    return UserError(f"data set {name}: image {record.impath} of split {split} {what}")
