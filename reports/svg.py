"""Matplotlib figures as inline SVG: text stays text, colours are CSS variables.

One unit of a figure is one CSS pixel, so that a font of size 12 has 12 pixels at full width.
"""

import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from .colours import FAINT, INK, MUTED, VARIABLES

UNITS_PER_INCH = 72
FONT_SIZE = 12
LINE_HEIGHT = 16
# Widest advance of common letters over the font size: the reader's font may differ from ours.
CHARACTER_WIDTH = 0.6

SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.family": "DejaVu Sans",
    "font.size": FONT_SIZE,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": FONT_SIZE - 1,
    "ytick.labelsize": FONT_SIZE - 1,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "path.simplify": False,
}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in CSS pixels.

    Call it, and draw, inside of :func:`drawing`.
    """
    figure = Figure(figsize=(width / UNITS_PER_INCH, height / UNITS_PER_INCH), dpi=UNITS_PER_INCH)
    FigureCanvasSVG(figure)
    return figure


@contextmanager
def drawing() -> Iterator[None]:
    """Apply the style of the figures inside of a ``with`` block, not the user's own style."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def add_axes(figure: Figure, *, left: float, top: float, right: float, bottom: float) -> Axes:
    """Return axes with these margins in CSS pixels."""
    width, height = figure.get_size_inches() * UNITS_PER_INCH
    size = (width - left - right) / width, (height - top - bottom) / height
    return figure.add_axes((left / width, bottom / height, *size))


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write ``text`` as it is: a dollar sign in a class name starts no formula."""
    axes.text(x, y, printable(text), parse_math=False, **style)


def printable(text: str) -> str:
    """Return ``text`` with control characters, which XML does not have, as spaces."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in str(text))


def wrap(text: str, width: float, size: float = FONT_SIZE) -> list[str]:
    """Return the lines of ``text`` in a column of ``width`` CSS pixels, at least one.

    Words that are too long are broken; a line never ends in an ellipsis.
    """
    lines: list[str] = []
    line = ""
    for word in printable(text).split():
        joined = f"{line} {word}" if line else word
        if text_width(joined, size) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, width, size)
        lines += full
    return [*lines, line] if line or not lines else lines


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return an upper estimate of the width of ``text`` in CSS pixels."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return (len(text) + 0.7 * wide) * CHARACTER_WIDTH * size


def break_points(word: str) -> list[str]:
    """Return the parts of a long name between which a line may end: ``Good|Parent-|Close``.

    The ending of a file stays with its name, and the digits of a number together.
    """
    return re.findall(
        r".+?(?:[-_/:;|]+|\.(?!\d|[a-z0-9]{1,4}$)|(?<=[a-z])(?=[A-Z])|$)", word, flags=re.S
    ) or [word]


def _pieces(word: str, width: float, size: float) -> list[str]:
    """Return ``word`` cut into parts that fit; most words are one part."""
    if text_width(word, size) <= width:
        return [word]
    pieces = [""]
    for part in break_points(word):
        if pieces[-1] and text_width(pieces[-1] + part, size) > width:
            pieces.append("")
        for character in part:
            if text_width(pieces[-1] + character, size) > width:
                pieces.append("")
            pieces[-1] += character
    return pieces


def inline_svg(figure: Figure, name: str, alternative: str) -> Markup:
    """Return the figure as an ``<svg>`` element for a page.

    Args:
        figure: made by :func:`new_figure`.
        name: unique on the page; it starts every id of the element.
        alternative: text that stands for the figure.
    """
    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(text, format="svg", metadata=nothing, transparent=True)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.S
    )
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(r"<[^>]*>", lambda tag: _clean_tag(tag[0], name), svg)
    svg = re.sub(r">\s*\n\s*<", "><", svg)
    width = figure.get_size_inches()[0] * UNITS_PER_INCH
    head = f'<svg role="img" aria-label="{escape(alternative)}" style="--natural: {width:.0f}px" '
    return Markup(svg.replace("<svg ", head, 1).strip())


def _clean_tag(tag: str, name: str) -> str:
    """Return an SVG tag with short numbers, ids of its own, and variables as colours."""
    if tag.startswith("<svg"):
        box = re.search(r'viewBox="[^"]*"', tag)
        return f'<svg {box[0]} xmlns="http://www.w3.org/2000/svg">'
    tag = re.sub(r"-?\d+\.\d{3,}(e-?\d+)?", _short_number, tag)
    # Each id of a page must be unique; ids that nothing refers to are left out.
    tag = re.sub(r' id="(?!m[0-9a-f]{8,}|p[0-9a-f]{8,})[^"]*"', "", tag)
    tag = re.sub(r'id="|#(?=[mp][0-9a-f]{8,})', lambda found: f"{found[0]}{name}-", tag)
    tag = re.sub(r"#[0-9a-f]{6}", lambda found: _variable(found[0]), tag)
    tag = tag.replace("xlink:href", "href")
    tag = re.sub(r"font-family: [^;\"]*;?|stroke-linecap: square;?", "", tag)
    return re.sub(r"(\d)\s*\n\s*", r"\1 ", tag)


def _short_number(found: re.Match) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _variable(colour: str) -> str:
    variable = VARIABLES.get(colour)
    return f"var({variable})" if variable else colour
