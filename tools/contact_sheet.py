"""Draw a sheet of test pictures with their true and predicted classes.

    python -m tools.contact_sheet output/demo/IntCLIP/predictions.csv --output sheet.png

The file is what a run with TEST.PREDICTIONS True writes. Found classes are green, missed ones grey, wrong ones red.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import UserError
from datasets.hierarchy import key_to_words

GREEN, GREY, RED = "#1a7f37", "#8a8a8a", "#c0392b"
LINE = 0.115  # of a picture's side
SIDE = 1.7  # of a picture, in inches
MAX_LINES = 5


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a predictions file.

    Raises:
        UserError: it is missing or is no predictions file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}; a run with TEST.PREDICTIONS True writes it"
        ) from None
    if not rows or not {"image", "true", "predicted"} <= rows[0].keys():
        raise UserError(
            f"{path} is no predictions file; expected the columns image, true, predicted"
        )
    return rows


def judge(row: dict[str, str]) -> list[tuple[str, str]]:
    """Return the row's classes in words, each with its colour: found, missed, wrong."""
    true, predicted = (list(filter(None, row[name].split(";"))) for name in ("true", "predicted"))
    found = [(f"✓ {key_to_words(name)}", GREEN) for name in true if name in predicted]
    missed = [(f"○ {key_to_words(name)}", GREY) for name in true if name not in predicted]
    wrong = [(f"✗ {key_to_words(name)}", RED) for name in predicted if name not in true]
    return found + missed + wrong


def shorten(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return at most MAX_LINES lines, the last of which counts what is left out."""
    if len(lines) <= MAX_LINES:
        return lines
    kept = lines[: MAX_LINES - 1]
    return [*kept, (f"and {len(lines) - len(kept)} more", lines[-1][1])]


def draw_sheet(
    rows: Sequence[dict[str, str]], path: Path, *, title: str = "", columns: int = 6
) -> None:
    """Draw ``rows`` as a grid and save it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    num_lines = min(max(len(judge(row)) for row in rows), MAX_LINES)
    num_rows, text = -(-len(rows) // columns), SIDE * (LINE * num_lines + 0.06)
    width, height = columns * SIDE * 1.06, num_rows * (SIDE + text) + 0.6
    figure, grid = plt.subplots(num_rows, columns, figsize=(width, height), squeeze=False)
    figure.subplots_adjust(
        0.01, text / height, 0.99, 1 - 0.6 / height, wspace=0.06, hspace=text / SIDE
    )
    for axes in grid.flat:
        axes.axis("off")
    for axes, row in zip(grid.flat, rows, strict=False):
        axes.imshow(Image.open(row["image"]))
        for line, (words, color) in enumerate(shorten(judge(row))):
            axes.text(
                0,
                -0.02 - LINE * line,
                words,
                color=color,
                fontsize=8,
                va="top",
                transform=axes.transAxes,
            )
    figure.suptitle(
        f"{title}\n✓ found   ○ missed   ✗ wrong".lstrip(), fontsize=10, y=1 - 0.12 / height
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("predictions", type=Path)
    parser.add_argument(
        "--output", type=Path, default=None, help="picture to write (beside the predictions)"
    )
    parser.add_argument("--num", type=int, default=24, help="pictures, evenly over the file (24)")
    parser.add_argument("--title", default="")
    args = parser.parse_args(argv)
    try:
        rows = read_rows(args.predictions)
        picked = np.linspace(0, len(rows) - 1, min(max(args.num, 1), len(rows))).round().astype(int)
        output = args.output or args.predictions.with_name("contact_sheet.png")
        draw_sheet([rows[i] for i in picked], output, title=args.title)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
