"""Two matrices of shares between classes, side by side, with the groups of the tree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from evaluation.metrics import Array
from reports.canvas import Canvas
from reports.colours import FAINT, INK, MUTED, SERIES
from reports.svg import LINE_HEIGHT, drawing, inline_svg, text_width, wrap

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)  # edges of the shades
SHADES = (0.1, 0.2, 0.34, 0.48, 0.64, 0.82, 1.0)
NAME_SIZE = 9.5
TITLE_SIZE = 12.5  # bold letters are a little wider than others of size 12
WIDE, NARROW = 900, 340
MIN_CELL, MIN_NAMED_CELL, MAX_CELL = 3.5, 10.5, 24
MAX_NAME = 210
NUMBER_DISTANCE = 20  # least distance of numbers in small cells
MIN_DISTANCE_ACROSS = 14
NUMBERS = 24  # width of the column of numbers
TOP, BOTTOM, GAP, EDGE = 42, 46, 20, 8
MIN_TITLE = 250  # width of a title beside another one, where the maps are small


@dataclass(frozen=True, eq=False)
class Matrix:
    """A heat map.

    Attributes:
        title: heading above the map.
        shares: ``(C, C)`` from 0 to 1; NaN draws a gray row.
    """

    title: str
    shares: Array


def draw_heatmaps(
    name: str,
    matrices: Sequence[Matrix],
    names: Sequence[str],
    breaks: Sequence[int],
    alternative: str,
) -> tuple[Markup, Markup]:
    """Return the maps for wide windows (side by side) and narrow ones (one below the other).

    Rows and columns have numbers from 1 on. In wide windows the rows have names too, if all names
    are short enough for one line.

    Args:
        name: unique on the page.
        matrices: one or two maps of the same classes.
        names: C class names.
        breaks: positions before which a new group starts.
        alternative: text that stands for the figure.
    """
    with drawing():
        wide = _wide(name, matrices, names, breaks, alternative)
        return wide, _narrow(name, matrices, breaks, alternative)


def _wide(
    name: str,
    matrices: Sequence[Matrix],
    names: Sequence[str],
    breaks: Sequence[int],
    alternative: str,
) -> Markup:
    count = len(names)
    longest = max(text_width(n, NAME_SIZE) for n in names)
    left = NUMBERS + longest + 4
    cell = _cell_size(left, len(matrices), count)
    has_names = longest <= MAX_NAME and cell >= MIN_NAMED_CELL
    if not has_names:
        left = NUMBERS
        cell = _cell_size(left, len(matrices), count)
    side = cell * count
    room = max(side, MIN_TITLE) if len(matrices) > 1 else WIDE - left - EDGE
    titles = [wrap(matrix.title, room, TITLE_SIZE) for matrix in matrices]
    top = TOP + LINE_HEIGHT * (max(map(len, titles)) - 1)
    canvas = Canvas(WIDE, top + side + BOTTOM)
    if has_names:
        _draw_names(canvas, names, left - NUMBERS, top, cell)
    _draw_legend(canvas, left, top + side + 28)
    for matrix, title in zip(matrices, titles, strict=True):
        _draw_map(canvas, matrix, title, breaks, left, top, cell)
        left += max(side, room if len(matrices) > 1 else side) + GAP + NUMBERS
    return inline_svg(canvas.figure, f"{name}-wide", alternative)


def _cell_size(left: float, num_maps: int, count: int) -> float:
    """Return the side of a cell for maps side by side, the first one at ``left``."""
    free = WIDE - EDGE - left - (num_maps - 1) * (GAP + NUMBERS)
    return min(MAX_CELL, free / num_maps / count)


def _narrow(
    name: str, matrices: Sequence[Matrix], breaks: Sequence[int], alternative: str
) -> Markup:
    count = len(matrices[0].shares)
    cell = max(min(MAX_CELL, (NARROW - NUMBERS - EDGE) / count), MIN_CELL)
    side = cell * count
    titles = [wrap(matrix.title, NARROW - NUMBERS - EDGE, TITLE_SIZE) for matrix in matrices]
    top = TOP + LINE_HEIGHT * (max(map(len, titles)) - 1)
    step = top + side + 6
    canvas = Canvas(max(NARROW, NUMBERS + side + EDGE), step * len(matrices) + BOTTOM + 18)
    for i, (matrix, title) in enumerate(zip(matrices, titles, strict=True)):
        _draw_map(canvas, matrix, title, breaks, NUMBERS, top + i * step, cell)
    _draw_legend(canvas, 4, step * len(matrices) + 18)
    return inline_svg(canvas.figure, f"{name}-narrow", alternative)


def _draw_map(
    canvas: Canvas,
    matrix: Matrix,
    title: Sequence[str],
    breaks: Sequence[int],
    left: float,
    top: float,
    cell: float,
) -> None:
    shares = matrix.shares
    side = cell * len(shares)
    for i, line in enumerate(title, 1 - len(title)):
        canvas.text(left, top - 28 + i * LINE_HEIGHT, line, fontweight="bold")
    for edge, upper, shade in zip(LEVELS, (*LEVELS[1:], np.inf), SHADES, strict=True):
        chosen = (shares >= edge) & (shares < upper)
        canvas.boxes(_boxes(chosen, left, top, cell), color=SERIES[0], alpha=shade)
    canvas.boxes(_boxes(np.isnan(shares), left, top, cell), color=FAINT)
    canvas.segments([((left, top), (left + side, top + side))], color=MUTED, width=0.5)
    edges = [0, side, *(b * cell for b in breaks)]
    across = [((left + edge, top), (left + edge, top + side)) for edge in edges]
    down = [((left, top + edge), (left + side, top + edge)) for edge in edges]
    canvas.segments(across + down, color=MUTED, width=0.6)
    _draw_numbers(canvas, len(shares), left, top, cell)


def _boxes(chosen: Array, left: float, top: float, cell: float) -> list[tuple]:
    boxes = []
    for row, column in np.argwhere(chosen):
        boxes.append((left + column * cell, top + row * cell, cell, cell))
    return boxes


def _draw_numbers(canvas: Canvas, count: int, left: float, top: float, cell: float) -> None:
    step = 1 if cell >= MIN_NAMED_CELL else math.ceil(NUMBER_DISTANCE / cell)
    # Beside each other numbers of two digits need more room than below each other.
    step_across = max(step, math.ceil(MIN_DISTANCE_ACROSS / cell))
    style = {"color": MUTED, "fontsize": 8.5}
    for i in range(count):
        number = i + 1
        middle = (i + 0.5) * cell
        if number == 1 or number % step_across == 0:
            canvas.text(left + middle, top - 8, str(number), ha="center", **style)
        if number == 1 or number % step == 0:
            canvas.text(left - 4, top + middle, str(number), ha="right", **style)


def _draw_names(
    canvas: Canvas, names: Sequence[str], right: float, top: float, cell: float
) -> None:
    for i, name in enumerate(names):
        style = {"ha": "right", "color": INK, "fontsize": NAME_SIZE}
        canvas.text(right, top + (i + 0.5) * cell, name, **style)


def _draw_legend(canvas: Canvas, left: float, y: float) -> None:
    x = left
    for edge, shade in zip(LEVELS, SHADES, strict=True):
        canvas.boxes([(x, y - 6, 14, 11)], color=SERIES[0], alpha=shade)
        canvas.text(x + 17, y, f"{100 * edge:.0f}\N{NO-BREAK SPACE}%", color=MUTED, fontsize=9.5)
        x += 47
