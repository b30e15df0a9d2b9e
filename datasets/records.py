"""Record: the form in which one image of every data set reaches the loaders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import UserError, first_names, not_accepted

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One image with its labels.

    Attributes:
        impath: path of the image file.
        label: float32 (C,), one entry per class: 1 for yes, 0 for no, ``core.labels.UNKNOWN`` for
            not judged, or a share from 0 to 1 as a soft target.
        domain: Dassl's number of the image's domain.
        classname: Dassl's name of a single class; unused with several labels.
        name: name of the image in the annotation file; empty: see :func:`image_names`.
        votes: float32 (C,), share of the annotators who chose a class; None without votes.
        box: left, top, right, bottom in pixels of the part of the image that is read; None reads
            the whole image.
    """

    impath: str
    label: np.ndarray
    domain: int = 0
    classname: str = ""
    name: str = ""
    votes: np.ndarray | None = None
    box: Box | None = None


def image_names(records: Sequence[Record], root: str | Path) -> list[str]:
    """Return the names under which the images are listed in results.

    A record without a name has the path of its file below ``root``, or the whole path if the file
    is elsewhere.
    """
    root = Path(root).expanduser().absolute()
    names = []
    for record in records:
        path = Path(record.impath)
        if not record.name and path.is_relative_to(root):
            path = path.relative_to(root)
        names.append(record.name or path.as_posix())
    return names


def multi_hot(names: Iterable[str], classnames: Sequence[str]) -> np.ndarray:
    """Return a float32 label (C,) with 1 at the classes ``names`` and 0 elsewhere.

    Raises:
        UserError: ``names`` is no list, or a name is not in ``classnames``; the message gives the
            nearest match.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        example = f", such as ['{names}']" if names else ""
        raise UserError(f"multi_hot got {names!r}; expected a list of class names{example}")
    names = list(names)
    label = np.zeros(len(classnames), dtype=np.float32)
    for name in names:
        if name not in classnames:
            given = first_names([repr(one) for one in names])
            raise UserError(f"{not_accepted('class', name, classnames)} (multi_hot got [{given}])")
        label[classnames.index(name)] = 1.0
    return label
