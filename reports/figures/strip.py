"""A value and its interval on a small axis, for a headline number."""

from markupsafe import Markup

from reports.canvas import Canvas
from reports.colours import FAINT, SERIES
from reports.svg import drawing, inline_svg


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
        canvas = Canvas(200, 18)
        canvas.boxes([(0, 8, 200, 2)], color=FAINT)
        canvas.boxes([(2 * low, 4, 2 * (high - low), 10)], color=SERIES[0], alpha=0.4)
        canvas.boxes([(2 * value - 1.25, 1, 2.5, 16)], color=SERIES[0])
        return inline_svg(canvas.figure, name, alternative)
