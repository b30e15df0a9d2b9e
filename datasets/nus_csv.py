"""Read ``nus_wid_data.csv``, the list of NUS-WIDE images that the authors of ASL published.

Three columns: path of the image, its classes as a Python list in quotes, and ``train`` or ``val``.
"""

import ast
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.errors import UserError
from datasets.reading import read_text

NAME = "nus_wid_data.csv"
# Word in the file -> our split; ASL trains on the one and reports on the other.
SPLITS_OF = {"train": "train", "val": "test", "test": "test"}

Rows = dict[str, tuple[list[str], list[list[str]]]]


def read_csv(path: Path) -> tuple[list[str], dict[str, tuple[list[str], np.ndarray]]]:
    """Return the class names in alphabetical order, and images and labels (N, C) by split.

    Raises:
        UserError: the file is missing or a row is broken; the message names the line.
    """
    rows = _read_rows(path)
    found = set()
    for _, lists in rows.values():
        for names in lists:
            found.update(names)
    classnames = sorted(found)
    if not classnames:
        raise UserError(f"{path}: no image has a class")
    index = {name: i for i, name in enumerate(classnames)}
    splits = {}
    for split, (files, lists) in rows.items():
        labels = np.zeros((len(files), len(classnames)), dtype=np.float32)
        for label, names in zip(labels, lists, strict=True):
            label[[index[name] for name in names]] = 1.0
        splits[split] = (files, labels)
    return classnames, splits


def _read_rows(path: Path) -> Rows:
    rows: Rows = {"train": ([], []), "test": ([], [])}
    for line, row in _numbered_rows(path):
        word = row[2].strip() if len(row) > 2 else ""
        split = SPLITS_OF.get(word)
        if split is None:
            if line == 1:  # the names of the columns
                continue
            raise UserError(
                f"{path}, line {line}: split is '{word}'; expected path, list of "
                "classes, and 'train' or 'val'"
            )
        files, lists = rows[split]
        files.append(row[0].strip().replace("\\", "/"))
        lists.append(_parse_list(path, line, row[1]))
    return rows


def _numbered_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line of each row and its cells, without empty rows."""
    reader = csv.reader(io.StringIO(read_text(path, "list of NUS-WIDE's images")))
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:  # such as a cell without end, because a quote is not closed
        raise UserError(f"{path}, line {reader.line_num}: no row of a CSV file: {error}") from None


def _parse_list(path: Path, line: int, text: str) -> list[str]:
    """Return the names of a Python list in text."""
    try:
        names = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"{path}, line {line}: the classes are {text[:60]}; expected a list such as "
            "['clouds', 'sky']"
        )
    return [name.strip() for name in names if name.strip()]
