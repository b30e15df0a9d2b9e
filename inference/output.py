"""Predictions as a table for people, JSON, JSON lines or CSV, written while they come."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO, Any

from core.errors import UserError, printable
from core.files import json_text
from datasets.classes_only import ClassesOnly
from inference.results import Intent, Prediction

CSV_COLUMNS = ("image", "intents")  # before those of the classes


class Writer(ABC):
    """Write predictions one by one to a text stream.

    Args:
        stream: where to write.
        top: number of intents per image.
        classes: of the predictions.
        level: group the intents of the table by this level of the hierarchy; empty: do not.
    """

    def __init__(self, stream: IO[str], *, top: int, classes: ClassesOnly, level: str = "") -> None:
        self.stream = stream
        self.classes = classes
        self.top = top
        self.level = level

    @abstractmethod
    def write(self, prediction: Prediction) -> None:
        """Write one prediction."""

    def close(self) -> None:
        """Write what follows the last prediction; the stream stays open."""
        self.stream.flush()


class TableWriter(Writer):
    """A block of lines per image; ``*`` marks the intents that pass the rule."""

    def write(self, prediction: Prediction) -> None:
        """Write the path, then a line per intent."""
        lines = [printable(prediction.image)]
        if self.level:
            lines += self._grouped(prediction)
        else:
            lines += [_line(intent) for intent in prediction.top(self.top)]
        self.stream.write("\n".join(lines) + "\n")

    def _grouped(self, prediction: Prediction) -> list[str]:
        shown = {intent.key for intent in prediction.top(self.top)}
        lines = []
        for group, intents in prediction.groups(self.level).items():
            inside = [intent for intent in intents if intent.key in shown]
            if inside:
                lines.append(f"  {group}")
                lines += [f"  {_line(intent)}" for intent in inside]
        return lines


class JsonLinesWriter(Writer):
    """One JSON object per line."""

    def write(self, prediction: Prediction) -> None:
        """Write one line."""
        self.stream.write(json_text(prediction.as_dict(self.top)) + "\n")


class JsonWriter(Writer):
    """One JSON list of objects."""

    is_first = True

    def write(self, prediction: Prediction) -> None:
        """Write one element of the list."""
        text = json_text(prediction.as_dict(self.top), indent=1)
        self.stream.write(("[\n" if self.is_first else ",\n") + text)
        self.is_first = False

    def close(self) -> None:
        """End the list."""
        self.stream.write("[]\n" if self.is_first else "\n]\n")
        super().close()


def check_columns(classes: ClassesOnly) -> None:
    """Raise :class:`UserError` if a class has the name of another column of the CSV."""
    for name in CSV_COLUMNS:
        if name in classes.classnames:
            raise UserError(
                f"the class '{name}' has the name of another column of the CSV; use --format jsonl"
            )


class CsvWriter(Writer):
    """A header, then a row per image: path, the intents that pass, and all probabilities."""

    def __init__(self, stream: IO[str], **settings: Any) -> None:
        super().__init__(stream, **settings)
        self._write_row([*CSV_COLUMNS, *self.classes.classnames])

    def write(self, prediction: Prediction) -> None:
        """Write one row."""
        passing = "" if prediction.passes is None else ";".join(i.key for i in prediction.intents)
        # nine digits give a float32 back exactly
        scores = [f"{score:.9g}" for score in prediction.probabilities.tolist()]
        self._write_row([prediction.image, passing, *scores])

    def _write_row(self, values: Sequence[str]) -> None:
        line = io.StringIO(newline="")
        # quotes a value with a \r, which Python before 3.13 does with this line end only
        csv.writer(line, lineterminator="\r\n").writerow(values)
        self.stream.write(line.getvalue().removesuffix("\r\n") + "\n")


FORMATS: dict[str, type[Writer]] = {
    "table": TableWriter,
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
}


def _line(intent: Intent) -> str:
    mark = "*" if intent.passes else " "
    return f"  {intent.probability:6.1%} {mark} {intent.name}"
