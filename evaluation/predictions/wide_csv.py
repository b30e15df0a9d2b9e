"""Predictions as CSV: a row per image, with its name and one column per class."""

import csv
import io
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from core.errors import UserError

from .data import Predictions

DELIMITERS = (",", ";", "\t")
SAMPLE = 20  # rows that decide the delimiter
OWN_COLUMNS = ["image", "true", "predicted"]  # of predictions.csv
IMAGE_HEADINGS = (
    "image",
    "image_name",
    "image_path",
    "impath",
    "filename",
    "file_name",
    "file",
    "path",
    "filepath",
    "image_id",
)
SEPARATOR_LINE = re.compile(r'"?sep=.?"?', re.IGNORECASE)  # Excel's first line


def read_csv(path: Path) -> Predictions:
    """Read ``predictions.csv`` of a run, or any CSV with a column per class.

    The image names are in the column with a heading of ``IMAGE_HEADINGS``, or else in the first
    one. Other columns without a heading, such as the numbers that pandas writes, are left out.

    Raises:
        UserError: a row has too few or too many cells, or a cell is no number.
        OSError: the file cannot be read.
    """
    text = path.read_bytes().decode("utf-8-sig")
    line, mark, rest = text.partition("\n")
    if SEPARATOR_LINE.fullmatch(line.strip()):
        text = mark + rest  # an empty first line, so that errors give the lines of the file
    delimiter = find_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    first = 1  # line in which the present row starts
    try:
        headings = [heading.strip() for heading in next(filter(None, reader), [])]
        if len(headings) < 2:
            raise UserError(
                f"{path}: the first line has {len(headings)} columns; expected the image name and "
                "one column per class, with comma, semicolon or tab between them"
            )
        image_column = _image_column(headings)
        columns = _score_columns(headings, image_column)
        images, rows = [], []
        first = reader.line_num + 1
        for cells in reader:
            where, first = f"{path}: {_lines(first, reader.line_num)}", reader.line_num + 1
            if not any(cells):
                continue
            if len(cells) != len(headings):
                raise UserError(
                    f"{where} has {len(cells)} cells; expected {len(headings)}, as in the first "
                    "line"
                )
            images.append(cells[image_column].strip())
            texts = [cells[column] for column in columns]
            rows.append(_numbers(texts, where, [headings[c] for c in columns], delimiter))
    except csv.Error as error:
        where = _lines(first, reader.line_num)
        raise UserError(f"{path}: {where} is not CSV: {error}") from None
    is_named = headings[image_column].lower() in IMAGE_HEADINGS
    if images and not is_named and all(map(_is_fraction, images)):
        raise UserError(
            f"{path}: column {headings[image_column]!r:.60} has scores in place of image names; "
            "expected a column 'image'"
        )
    scores = np.array(rows, dtype=np.float64).reshape(len(rows), len(columns))
    return Predictions(scores, images, [headings[c] for c in columns], source=str(path))


def _is_fraction(text: str) -> bool:
    """Return True for a number that is not whole, which names no image."""
    try:
        return float(text) % 1 > 0  # False for NaN and infinity as well
    except ValueError:
        return False


def _lines(first: int, last: int) -> str:
    """Return the lines of a row in words; a quote that is not closed makes a row of many lines."""
    if first >= last:
        return f"line {last}"
    return f"the row of lines {first} to {last} (a quote may not be closed)"


def find_delimiter(text: str) -> str:
    """Return the delimiter that gives the first rows the same number of cells.

    Names may have another delimiter inside. If several delimiters fit, the one with the most cells
    is taken; if none fits, the one with the most cells in the first line.
    """
    best, best_key = DELIMITERS[0], (False, 0)
    for delimiter in DELIMITERS:
        try:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            counts = [len(cells) for cells in islice(reader, SAMPLE) if cells]
        except csv.Error:
            continue
        if not counts:
            continue
        same = counts[0] > 1 and len(set(counts)) == 1
        if (same, counts[0]) > best_key:
            best, best_key = delimiter, (same, counts[0])
    return best


def _image_column(headings: Sequence[str]) -> int:
    lower = [heading.lower() for heading in headings]
    for name in IMAGE_HEADINGS:
        if name in lower:
            return lower.index(name)
    return 0


def _score_columns(headings: Sequence[str], image_column: int) -> list[int]:
    """Return the columns with scores, in the order of the file."""
    start = 0
    if list(headings[:3]) == OWN_COLUMNS:
        start = len(OWN_COLUMNS)
    columns = []
    for column, heading in enumerate(headings):
        named = heading and not heading.startswith("Unnamed: ")  # pandas reads "" as Unnamed: 0
        if column >= start and column != image_column and named:
            columns.append(column)
    return columns


def _numbers(
    texts: Sequence[str], where: str, headings: Sequence[str], delimiter: str
) -> list[float]:
    """Return the scores of a row; an empty cell is NaN."""
    try:
        return list(map(float, texts))  # twice as fast as cell by cell
    except ValueError:
        pass
    numbers = []
    for text, heading in zip(texts, headings, strict=True):
        if delimiter != ",":
            text = text.replace(",", ".")  # decimal comma
        try:
            numbers.append(float(text) if text.strip() else np.nan)
        except ValueError:
            raise UserError(
                f"{where}, column {heading!r:.60}: {text!r:.40} is no number; each image needs a "
                "score, and a column that is no class must be left out"
            ) from None
    return numbers
