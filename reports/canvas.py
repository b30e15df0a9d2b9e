"""A figure without axes, in CSS pixels from the top left corner: fast, and placed by hand."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from .colours import FAINT, INK
from .svg import FONT_SIZE, LINE_HEIGHT, UNITS_PER_INCH, new_figure, printable

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, width, height


class Canvas:
    """Drawing on a figure of this size in CSS pixels.

    Use it inside of :func:`reports.svg.drawing`.

    Attributes:
        figure: the figure, for :func:`reports.svg.inline_svg`.
        width: width in CSS pixels.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.figure: Figure = new_figure(width, height)
        flip = Affine2D().scale(1, -1).translate(0, height)
        to_dots = Affine2D().scale(self.figure.dpi / UNITS_PER_INCH)
        self._transform = flip + to_dots
        self._layer = 1.0

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write one line as it is: a dollar sign in a class name starts no formula.

        Args:
            x: place of the text in the direction of ``ha``.
            y: place of the text in the direction of ``va``; the default is the middle.
            text: the text.
            style: properties of matplotlib's ``Text``.
        """
        style = {"va": "center_baseline", "color": INK, "fontsize": FONT_SIZE, **style}
        self._add(Text(x, y, printable(text), parse_math=False, **style))

    def lines_of_text(self, x: float, middle: float, lines: Sequence[str], **style: Any) -> None:
        """Write lines around ``middle``, each a text of its own: other fonts are narrower."""
        first = middle - LINE_HEIGHT * (len(lines) - 1) / 2
        for i, line in enumerate(lines):
            self.text(x, first + i * LINE_HEIGHT, line, **style)

    def curve(self, points: Iterable[Point], **style: Any) -> None:
        """Draw a line through points."""
        x, y = zip(*points, strict=True)
        self._add(Line2D(x, y, **style))

    def segments(
        self, segments: Iterable[tuple[Point, Point]], *, color: str = FAINT, width: float = 0.8
    ) -> None:
        """Draw separate lines as one path, which keeps the page small."""
        vertices, codes = [], []
        for start, end in segments:
            vertices += [start, end]
            codes += [Path.MOVETO, Path.LINETO]
        if vertices:
            path = Path(vertices, codes)
            self._add(PathPatch(path, facecolor="none", edgecolor=color, linewidth=width))

    def boxes(self, boxes: Iterable[Box], *, color: str, alpha: float = 1.0) -> None:
        """Fill rectangles as one path."""
        vertices, codes = [], []
        for left, top, width, height in boxes:
            right, bottom = left + width, top + height
            vertices += [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
        if vertices:
            path = Path(vertices, codes)
            self._add(PathPatch(path, facecolor=color, alpha=alpha, linewidth=0))

    def area(self, points: Sequence[Point], *, color: str, alpha: float) -> None:
        """Fill the area inside of points."""
        self._add(PathPatch(Path(points), facecolor=color, alpha=alpha, linewidth=0))

    def marker(self, x: float, y: float, **style: Any) -> None:
        """Draw a marker; ``style`` has matplotlib's ``marker``, ``color`` and ``markersize``."""
        self._add(Line2D([x], [y], linestyle="none", **style))

    def _add(self, artist: Any) -> None:
        # Artists are drawn in the order in which they are added, whatever their kind.
        self._layer += 0.001
        artist.set_zorder(self._layer)
        artist.set_transform(self._transform)
        self.figure.add_artist(artist)
