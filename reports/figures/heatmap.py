"""A matrix of shares between classes as a heat map with the groups of the tree."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from evaluation.metrics import Array
from reports.colours import FAINT, INK, MUTED, SERIES
from reports.svg import add_canvas, drawing, inline_svg, new_figure, write

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)  # edges of the shades
SHADES = (0.1, 0.2, 0.34, 0.48, 0.64, 0.82, 1.0)
SIZE = 440
MIN_CELL = 8
LEFT, TOP, BOTTOM = 26, 22, 46


def draw_heatmap(
    name: str,
    shares: Array,
    numbers: Sequence[str],
    breaks: Sequence[int],
    *,
    rows: str,
    columns: str,
    alternative: str,
) -> Markup:
    """Return the heat map; a cell has the shade of its share, and no cell below 2 %.

    Args:
        name: unique on the page.
        shares: ``(C, C)`` from 0 to 1; NaN draws a gray cell.
        numbers: short labels of the classes, in the order of rows and columns.
        breaks: positions before which a new group starts.
        rows: title of the rows.
        columns: title of the columns.
        alternative: text that stands for the figure.
    """
    count = len(shares)
    cell = max(MIN_CELL, min(26, (SIZE - LEFT) / count))
    side = cell * count
    with drawing():
        canvas = add_canvas(new_figure(max(SIZE, LEFT + side + 4), TOP + side + BOTTOM + 16))
        for edge, upper, shade in zip(LEVELS, (*LEVELS[1:], np.inf), SHADES, strict=True):
            _draw_cells(canvas, (shares >= edge) & (shares < upper), cell, SERIES[0], shade)
        _draw_cells(canvas, np.isnan(shares), cell, FAINT, 1.0)
        _draw_lines(canvas, breaks, cell, side)
        _draw_numbers(canvas, numbers, cell)
        write(canvas, LEFT, TOP + side + 6, columns, va="top", color=MUTED, fontsize=11)
        write(canvas, 8, TOP + side, rows, rotation=90, va="bottom", ha="center", color=MUTED,
              fontsize=11)  # fmt: skip
        _draw_legend(canvas, TOP + side + 28)
        return inline_svg(canvas.figure, name, alternative)


def _draw_cells(canvas: Axes, chosen: Array, cell: float, colour: str, alpha: float) -> None:
    """Draw all cells of one shade as one path, which keeps the page small."""
    vertices, codes = [], []
    for row, column in np.argwhere(chosen):
        left, top = LEFT + column * cell, TOP + row * cell
        right, bottom = left + cell, top + cell
        vertices += [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    if vertices:
        path = Path(vertices, codes)
        canvas.add_patch(PathPatch(path, facecolor=colour, alpha=alpha, linewidth=0))


def _draw_lines(canvas: Axes, breaks: Sequence[int], cell: float, side: float) -> None:
    edges = [0, side, *(b * cell for b in breaks)]
    across = [LEFT + edge for edge in edges]
    down = [TOP + edge for edge in edges]
    canvas.vlines(across, TOP, TOP + side, color=FAINT, linewidth=1)
    canvas.hlines(down, LEFT, LEFT + side, color=FAINT, linewidth=1)
    diagonal = {"color": FAINT, "linewidth": 0.8}
    canvas.plot([LEFT, LEFT + side], [TOP, TOP + side], **diagonal)


def _draw_numbers(canvas: Axes, numbers: Sequence[str], cell: float) -> None:
    every = 1 if cell >= 13 else 2 if cell >= 9.5 else 5
    for i, number in enumerate(numbers):
        if i % every:
            continue
        middle = (i + 0.5) * cell
        size = 9
        write(canvas, LEFT + middle, TOP - 4, number, ha="center", color=MUTED, fontsize=size)
        style = {"ha": "right", "va": "center_baseline", "color": MUTED, "fontsize": size}
        write(canvas, LEFT - 4, TOP + middle, number, **style)


def _draw_legend(canvas: Axes, y: float) -> None:
    x = float(LEFT)
    for edge, shade in zip(LEVELS, SHADES, strict=True):
        canvas.barh([y + 5], [20], 10, left=x, color=SERIES[0], alpha=shade, linewidth=0)
        write(canvas, x + 24, y + 5, f"{100 * edge:.0f}%", va="center_baseline", color=INK,
              fontsize=10)  # fmt: skip
        x += 56
