"""Read the official release of NUS-WIDE: image lists, concepts, tags and 0/1 matrices.

The archives were packed with and without a folder, and copies add another one, so that each file is
searched in several places.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import UserError
from datasets.reading import read_lines

PREFIXES = ("", "NUS-WIDE", "NUS_WIDE", "nus_wide")
LIST_FILES = {"train": "TrainImagelist.txt", "test": "TestImagelist.txt"}
CHUNK = 1 << 24  # bytes that are parsed at once


def find_official(root: Path, folder: str, name: str) -> Path | None:
    """Return the place of an official file, None if it is in none of the known ones.

    Args:
        root: folder of the data set.
        folder: folder of the release, such as ``ImageList`` or ``Groundtruth/AllLabels``.
        name: file name.
    """
    first, last = folder.split("/")[0], folder.split("/")[-1]
    inner = folder.removeprefix(f"{first}/")
    for prefix in PREFIXES:
        for place in (folder, f"{first}/{folder}", f"{first}/{inner}", last, "."):
            path = root / prefix / place / name
            if path.is_file():
                return path
    return None


def need_official(root: Path, folder: str, name: str) -> Path:
    """Return the place of an official file.

    Raises:
        UserError: it is not there.
    """
    path = find_official(root, folder, name)
    if path is None:
        raise UserError(
            f"NUS-WIDE: {name} not found below {root} (DATASET.ROOT, --root); expected "
            f"{folder}/{name}"
        )
    return path


def read_image_list(root: Path, name: str) -> list[str]:
    """Return the entries of an image list as paths with ``/``, such as ``actor/0002_1741.jpg``.

    Raises:
        UserError: the list is missing.
    """
    path = need_official(root, "ImageList", name)
    return [line.replace("\\", "/") for line in read_lines(path, "list of NUS-WIDE's images")]


class Release:
    """The labels of one split of the official release.

    Args:
        root: folder of the data set.
        split: ``train`` or ``test``.

    Raises:
        UserError: the image list is missing.
    """

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        self.suffix = split.capitalize()
        self.files = read_image_list(root, LIST_FILES[split])
        self._all: tuple[int, np.ndarray] | None = None

    def concepts(self, names: Sequence[str]) -> np.ndarray:
        """Return the human labels of concepts, uint8 (N, C), from ``Groundtruth``.

        Raises:
            UserError: a file is missing or does not fit the image list.
        """
        labels = np.empty((len(self.files), len(names)), dtype=np.uint8)
        for c, name in enumerate(names):
            part = ("Groundtruth/TrainTestLabels", f"Labels_{name}_{self.suffix}.txt")
            whole = ("Groundtruth/AllLabels", f"Labels_{name}.txt")
            labels[:, c] = self._matrix(part, whole, 1)[:, 0]
        return labels

    def tags(self, number: str, num_columns: int) -> np.ndarray:
        """Return the users' tags, uint8 (N, num_columns).

        Args:
            number: ``1k`` or ``81``.
            num_columns: columns of the file.

        Raises:
            UserError: a file is missing or does not fit the image list.
        """
        folder = "NUS_WID_Tags"
        for suffix in (".dat", ".txt"):
            part = (folder, f"{self.suffix}_Tags{number}{suffix}")
            if find_official(self.root, *part):
                break
        return self._matrix(part, (folder, f"AllTags{number}.txt"), num_columns)

    def _matrix(self, part: tuple[str, str], whole: tuple[str, str], columns: int) -> np.ndarray:
        """Return the matrix of the split, or its rows in the matrix of all images."""
        path = find_official(self.root, *part)
        if path is not None:
            return read_matrix(path, len(self.files), columns)
        path = find_official(self.root, *whole)
        if path is None:
            need_official(self.root, *part)
        total, rows = self._rows_of_all()
        return read_matrix(path, total, columns)[rows]

    def _rows_of_all(self) -> tuple[int, np.ndarray]:
        """Return the number of all images, and the rows (N,) of those of the split."""
        if self._all is None:
            listed = read_image_list(self.root, "Imagelist.txt")
            position = {name: i for i, name in enumerate(listed)}
            for name in self.files:
                if name not in position:
                    raise UserError(
                        f"NUS-WIDE: {name} of {self.suffix}Imagelist.txt is not in Imagelist.txt"
                    )
            rows = np.array([position[name] for name in self.files], dtype=np.int64)
            self._all = len(listed), rows
        return self._all


def read_matrix(path: Path, rows: int, columns: int) -> np.ndarray:
    """Return a matrix of 0 and 1, uint8 (rows, columns), from text with white space between.

    Raises:
        UserError: the file has other characters, or another number of rows or columns; the message
            names the line.
    """
    values = np.empty((rows, columns), dtype=np.uint8)
    count, lines = 0, 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            chunk += file.readline()  # up to the end of a line
            block = _parse(path, chunk, columns, lines)
            end = count + len(block)
            if end <= rows:
                values[count:end] = block
            count = end
            lines += chunk.count(b"\n")
    if count != rows:
        raise UserError(
            f"{path} has {count} lines with values; expected {rows}, one per image of the list"
        )
    return values


def _parse(path: Path, chunk: bytes, columns: int, lines: int) -> np.ndarray:
    """Return the rows of whole lines, uint8 (rows, columns); ``lines`` are the lines before."""
    data = np.frombuffer(chunk, dtype=np.uint8)
    is_digit = (data & 0xFE) == ord("0")  # 0 and 1 differ in the last bit alone
    adjacent = is_digit[1:] & is_digit[:-1]
    if chunk.translate(None, b"01 \t\r\n") or adjacent.any():
        raise UserError(
            f"{path}, line {_bad_line(chunk, lines)}: expected 0 and 1 with white space between "
            "them"
        )
    starts = np.flatnonzero(data == ord("\n")) + 1
    starts = np.concatenate(([0], starts[starts < len(data)]))
    widths = np.add.reduceat(is_digit, starts, dtype=np.int32)  # digits of each line
    wrong = (widths != columns) & (widths != 0)
    if wrong.any():
        line = int(wrong.argmax())
        raise UserError(
            f"{path}, line {lines + line + 1}: {widths[line]} values; expected {columns}"
        )
    digits = chunk.translate(None, b" \t\r\n")
    return (np.frombuffer(digits, dtype=np.uint8) - ord("0")).reshape(-1, columns)


def _bad_line(chunk: bytes, lines: int) -> int:
    """Return the number of the first line with something else than single zeros and ones."""
    for i, line in enumerate(chunk.split(b"\n")):
        if not set(line.split()) <= {b"0", b"1"}:
            return lines + i + 1
    raise AssertionError("all lines are valid")
