"""Draw a sheet of test pictures with their true classes and the three most probable ones.

    python -m tools.contact_sheet output/demo/IntCLIP/predictions.csv --output sheet.png

A run with TEST.PREDICTIONS True writes the predictions file. It names pictures as the annotation
file does; the folder of the pictures is --root or the DATASET.ROOT in run.json beside the file.
Pictures are chosen by --seed, whether their predictions are right or not. Right predictions are
green and have a tick. The first line says how often the first guess is right on the whole file.
"""

import argparse
import csv
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
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

GREEN, GREY, BLACK = "#1a7f37", "#6b6b6b", "#222222"
FIXED_COLUMNS = ("image", "true", "predicted")
NUM_GUESSES = 3
NUM_TRUE_LINES = 2
MAX_CHARS = 26  # in a line of text below a picture
COLUMNS = 5
SIDE = 2.1  # of a picture, in inches
LINE = 0.1  # height of a line of text, as a share of a picture's side
TITLE = 0.75  # height of the title, in inches


@dataclass(frozen=True)
class Pictured:
    """One picture of the file.

    Attributes:
        image: name in the annotation file.
        true: its classes.
        guesses: (class, score), the most probable first.
    """

    image: str
    true: tuple[str, ...]
    guesses: tuple[tuple[str, float], ...]

    @property
    def is_right(self) -> bool:
        """Whether the first guess is a true class."""
        return self.guesses[0][0] in self.true


def read_rows(path: Path) -> list[Pictured]:
    """Return the pictures of a predictions file that have a true class.

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
    if not rows or not set(FIXED_COLUMNS) < rows[0].keys():
        raise UserError(
            f"{path} is not a predictions file; expected the columns {', '.join(FIXED_COLUMNS)} "
            "and one per class"
        )
    pictures = [_pictured(row, path, line) for line, row in enumerate(rows, start=2)]
    with_class = [picture for picture in pictures if picture.true]
    if not with_class:
        raise UserError(f"no picture of {path} has a true class")
    return with_class


def _pictured(row: dict[str, str], path: Path, line: int) -> Pictured:
    scores = {}
    for name, value in row.items():
        if name in FIXED_COLUMNS:
            continue
        try:
            scores[name] = float(value)
        except (TypeError, ValueError):
            raise UserError(f"{path}, line {line}: score of {name} is {value!r}") from None
    best = sorted(scores.items(), key=lambda item: -item[1])[:NUM_GUESSES]
    true = tuple(name for name in row["true"].split(";") if name)
    return Pictured(row["image"], true, tuple(best))


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


def summary(pictures: Sequence[Pictured], ceiling: float | None = None) -> str:
    """Return in plain words how often the first guess is right.

    Args:
        pictures: all of the file.
        ceiling: what no model can exceed because annotators disagree, in percent; None: not known.
    """
    num, num_right = len(pictures), sum(picture.is_right for picture in pictures)
    share = 100 * num_right / num
    text = f"The first guess is right for {num_right:,} of {num:,} pictures ({share:.0f} %)"
    if ceiling is None:
        return f"{text}."
    return f"{text}; annotators disagree, so that no model can exceed {ceiling:.0f} %."


def draw_sheet(
    pictures: Sequence[Pictured], path: Path, *, root: Path = Path(), title: str = ""
) -> None:
    """Draw the pictures as a grid and save it; they lie below ``root``.

    Raises:
        UserError: a picture cannot be read, or matplotlib cannot write the format of ``path``.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(COLUMNS, len(pictures))
    num_rows = -(-len(pictures) // columns)
    text = SIDE * (LINE * (NUM_TRUE_LINES + NUM_GUESSES) + 0.08)  # height below a picture, inches
    width = max(columns * SIDE * 1.06, 4 * SIDE)  # the title needs room
    height = num_rows * (SIDE + text) + TITLE
    figure, grid = plt.subplots(num_rows, columns, figsize=(width, height), squeeze=False)
    top = 1 - TITLE / height
    figure.subplots_adjust(0.01, text / height, 0.99, top, wspace=0.06, hspace=text / SIDE)
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture in zip(grid.flat, pictures, strict=False):
        _draw_picture(axes, picture, root)
    figure.suptitle(title, fontsize=11, y=1 - 0.12 / height)
    form = path.suffix.removeprefix(".") or "png"
    formats = figure.canvas.get_supported_filetypes()
    if form not in formats:
        raise UserError(not_accepted("format of --output", form, formats))
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=110, format=form))
    plt.close(figure)


def lines_below(picture: Pictured) -> list[tuple[str, str]]:
    """Return the lines below a picture with their colours: the true classes, then the guesses."""
    true = "true: " + ", ".join(map(key_to_words, picture.true))
    wrapped = textwrap.wrap(true, MAX_CHARS, max_lines=NUM_TRUE_LINES, placeholder=" …")
    lines = [(line, BLACK) for line in wrapped]
    lines += [("", BLACK)] * (NUM_TRUE_LINES - len(wrapped))
    for name, score in picture.guesses:
        mark, color = ("✓", GREEN) if name in picture.true else ("✗", GREY)
        lines.append((f"{mark} {score:4.0%}  {key_to_words(name)}", color))
    return lines


def _draw_picture(axes: "Axes", picture: Pictured, root: Path) -> None:
    axes.imshow(read_image(str(root / picture.image)))
    for number, (words, color) in enumerate(lines_below(picture)):
        y = -0.02 - LINE * number
        axes.text(0, y, words, color=color, fontsize=9, va="top", transform=axes.transAxes)


def make_sheet(args: argparse.Namespace) -> int:
    """Draw ``args.num`` pictures, chosen by the seed; return the exit status."""
    command.check_least(args.num, "--num", 1)
    command.check_least(args.seed, "--seed", 0)
    if args.ceiling is not None and not 0 <= args.ceiling <= 100:
        raise UserError(f"--ceiling is {args.ceiling:g}; expected a percentage from 0 to 100")
    pictures = read_rows(args.predictions)
    rng = np.random.default_rng(args.seed)
    picked = rng.choice(len(pictures), min(args.num, len(pictures)), replace=False)
    output = args.output or args.predictions.with_name("contact_sheet.png")
    root = args.root or picture_root(args.predictions)
    line = summary(pictures, args.ceiling)
    title = f"{args.title}\n{line}".lstrip()
    draw_sheet([pictures[i] for i in picked], output, root=root, title=title)
    print(line, output, sep="\n")
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
    parser.add_argument("--num", type=int, default=15, help="number of pictures (15)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of pictures (1)")
    parser.add_argument("--title", default="", help="first line of the sheet")
    parser.add_argument(
        "--ceiling", type=float, help="what no model can exceed, in percent, for the first line"
    )
    args = parser.parse_args(argv)
    return command.run(lambda: make_sheet(args))


if __name__ == "__main__":
    sys.exit(main())
