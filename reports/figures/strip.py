"""A value and its interval on a small axis, for a headline number."""

from markupsafe import Markup

from reports.colours import FAINT, SERIES
from reports.svg import add_canvas, drawing, inline_svg, new_figure


def draw_strip(name: str, value: float, low: float, high: float, alternative: str) -> Markup:
    """Return the interval from 0 to 100 with the value as a point.

    Args:
        name: unique on the page.
        value: in percent.
        low: lower end of the interval.
        high: upper end of the interval.
        alternative: text that stands for the figure.
    """
    with drawing():
        canvas = add_canvas(new_figure(200, 16))
        canvas.hlines([8], 4, 196, color=FAINT, linewidth=3)
        place = [4 + 1.92 * x for x in (low, value, high)]
        canvas.hlines([8], place[0], place[2], color=SERIES[0], linewidth=5, alpha=0.45)
        canvas.plot([place[1]], [8], marker="o", markersize=8, color=SERIES[0])
        return inline_svg(canvas.figure, name, alternative)
