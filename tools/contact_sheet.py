"""Draw a sheet of test pictures with their true and predicted classes.

    python -m tools.contact_sheet output/demo/IntCLIP/predictions.csv --output sheet.png

A run with TEST.PREDICTIONS True writes the predictions file. It names pictures as the annotation
file does; the folder of the pictures is --root or the DATASET.ROOT in run.json beside the file.
Found classes are green, missed classes grey and wrong classes red.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import UserError, not_accepted
from core.files import PROJECT, write_atomically
from datasets.hierarchy import key_to_words
from datasets.images import read_image
from engine.run_card import read_card
from tools import command

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREEN, GREY, RED = "#1a7f37", "#8a8a8a", "#c0392b"
SIDE = 1.7  # of a picture, in inches
LINE = 0.115  # height of a line of text, as a share of a picture's side
TITLE = 0.6  # height of the title, in inches
MAX_LINES = 5

Line = tuple[str, str]  # words and colour


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a predictions file.

    Raises:
        UserError: the file is missing or is not a predictions file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise UserError(
            f"cannot read {path}: {reason}; a run with TEST.PREDICTIONS True writes it"
        ) from None
    if not rows or not {"image", "true", "predicted"} <= rows[0].keys():
        raise UserError(
            f"{path} is not a predictions file; expected the columns image, true, predicted"
        )
    return rows


def picture_root(predictions: Path) -> Path:
    """Return the folder of the pictures according to ``run.json`` beside the predictions.

    Without a readable run card the pictures' paths are taken as they are.
    """
    try:
        card = read_card(predictions.parent)
    except UserError:  # an earlier version wrote the predictions, with the whole paths
        return Path()
    root = Path(card["config"]["DATASET"]["ROOT"]).expanduser()
    # A relative root counts from the folder in which the run was started.
    return PROJECT / card.get("folder", ".") / root


def judge(row: dict[str, str]) -> list[Line]:
    """Return the row's classes in words with their colours: the found, the missed, the wrong."""
    true = _split_classes(row["true"])
    predicted = _split_classes(row["predicted"])
    found, missed, wrong = [], [], []
    for name in true:
        if name in predicted:
            found.append((f"✓ {key_to_words(name)}", GREEN))
        else:
            missed.append((f"○ {key_to_words(name)}", GREY))
    for name in predicted:
        if name not in true:
            wrong.append((f"✗ {key_to_words(name)}", RED))
    return found + missed + wrong


def _split_classes(text: str) -> list[str]:
    return [name for name in text.split(";") if name]


def shorten(lines: list[Line]) -> list[Line]:
    """Return at most MAX_LINES lines; the last one counts the lines that are left out."""
    if len(lines) <= MAX_LINES:
        return lines
    kept = lines[: MAX_LINES - 1]
    return [*kept, (f"and {len(lines) - len(kept)} more", lines[-1][1])]


def draw_sheet(
    rows: Sequence[dict[str, str]],
    path: Path,
    *,
    root: Path = Path(),
    title: str = "",
    columns: int = 6,
) -> None:
    """Draw ``rows`` as a grid and save it; the pictures lie below ``root``.

    Raises:
        UserError: a picture cannot be read, or matplotlib cannot write the format of ``path``.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    num_rows = -(-len(rows) // columns)
    num_lines = min(max(len(judge(row)) for row in rows), MAX_LINES)
    text = SIDE * (LINE * num_lines + 0.06)  # height of the text below a picture, in inches
    width = columns * SIDE * 1.06
    height = num_rows * (SIDE + text) + TITLE
    figure, grid = plt.subplots(num_rows, columns, figsize=(width, height), squeeze=False)
    top = 1 - TITLE / height
    figure.subplots_adjust(0.01, text / height, 0.99, top, wspace=0.06, hspace=text / SIDE)
    for axes in grid.flat:
        axes.axis("off")
    for axes, row in zip(grid.flat, rows, strict=False):
        _draw_picture(axes, row, root)
    legend = f"{title}\n✓ found   ○ missed   ✗ wrong".lstrip()
    figure.suptitle(legend, fontsize=10, y=1 - 0.12 / height)
    form = path.suffix.removeprefix(".") or "png"
    formats = figure.canvas.get_supported_filetypes()
    if form not in formats:
        raise UserError(not_accepted("format of --output", form, formats))
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=110, format=form))
    plt.close(figure)


def _draw_picture(axes: "Axes", row: dict[str, str], root: Path) -> None:
    """Draw the picture of one row with its classes below."""
    axes.imshow(read_image(str(root / row["image"])))
    for number, (words, color) in enumerate(shorten(judge(row))):
        y = -0.02 - LINE * number
        axes.text(0, y, words, color=color, fontsize=8, va="top", transform=axes.transAxes)


def make_sheet(args: argparse.Namespace) -> int:
    """Draw ``args.num`` pictures, evenly over the file; return the exit status."""
    command.check_least(args.num, "--num", 1)
    rows = read_rows(args.predictions)
    picked = np.linspace(0, len(rows) - 1, min(args.num, len(rows))).round().astype(int)
    output = args.output or args.predictions.with_name("contact_sheet.png")
    root = args.root or picture_root(args.predictions)
    draw_sheet([rows[i] for i in picked], output, root=root, title=args.title)
    print(output)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.contact_sheet", __doc__)
    parser.add_argument("predictions", type=Path, help="predictions.csv of a run")
    parser.add_argument(
        "--root", type=Path, help="folder of the pictures (DATASET.ROOT of the run)"
    )
    parser.add_argument(
        "--output", type=Path, help="picture to write (contact_sheet.png beside the predictions)"
    )
    parser.add_argument("--num", type=int, default=24, help="pictures, evenly over the file (24)")
    parser.add_argument("--title", default="", help="first line of the sheet")
    args = parser.parse_args(argv)
    return command.run(lambda: make_sheet(args))


if __name__ == "__main__":
    sys.exit(main())
