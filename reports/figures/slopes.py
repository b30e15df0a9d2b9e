"""Slopes between two decision rules: a line per method, so that parallel lines are two effects."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.colours import INK, series
from reports.svg import add_axes, drawing, inline_svg, new_figure, text_width, wrap, write

WIDTH, HEIGHT = 420, 250
LEFT, TOP, BOTTOM = 58, 12, 48
LABEL_WIDTH = 150
LINE = 15
SMALL = 11
MARKERS = ("o", "s", "D", "^", "v", "P")


def draw_slopes(
    name: str,
    values: Mapping[str, tuple[float, float]],
    ends: tuple[str, str],
    alternative: str,
    title: str = "",
) -> Markup:
    """Return a line per entry from its first to its second value, with its name at the right.

    Args:
        name: unique on the page.
        values: name of a line -> its two values.
        ends: names of the two positions.
        alternative: text that stands for the figure.
        title: title of the axis of values.
    """
    labels = {key: wrap(key, LABEL_WIDTH, SMALL) for key in values}
    right = 28 + max(text_width(line, SMALL) for lines in labels.values() for line in lines)
    height = max(HEIGHT, TOP + BOTTOM + LINE * sum(map(len, labels.values())))
    with drawing():
        figure = new_figure(WIDTH, height)
        axes = add_axes(figure, left=LEFT, top=TOP, right=right, bottom=BOTTOM)
        axes.grid(axis="x", visible=False)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlim(-0.15, 1.08)
        axes.set_xticks([0, 1], ends, color=INK)
        axes.set_xlabel("decision rule")
        axes.set_ylabel(title)
        for index, pair in enumerate(values.values()):
            marker = MARKERS[index % len(MARKERS)]
            axes.plot([0, 1], pair, marker=marker, markersize=7, color=series(index))
        axes.margins(y=0.12)
        _write_labels(axes, labels, values, height - TOP - BOTTOM)
        return inline_svg(figure, name, alternative)


def _write_labels(
    axes: Axes,
    labels: Mapping[str, Sequence[str]],
    values: Mapping[str, tuple[float, float]],
    height: float,
) -> None:
    """Write the names at the right ends, moved apart where they would overlap.

    A marker before a name has the colour of its line; the letters do not, because some colours are
    too light for small letters.
    """
    low, high = axes.get_ylim()
    order = sorted(values, key=lambda key: values[key][1])
    numbers = {key: index for index, key in enumerate(values)}
    middles = [(values[key][1] - low) / (high - low) * height for key in order]
    sizes = [LINE * len(labels[key]) for key in order]
    for key, middle, size in zip(order, spread(middles, sizes, height), sizes, strict=True):
        first = low + (middle + size / 2 - LINE / 2) / height * (high - low)
        index = numbers[key]
        style = {"marker": MARKERS[index % len(MARKERS)], "markersize": 6, "color": series(index)}
        axes.plot([1.12], [first], clip_on=False, scalex=False, scaley=False, **style)
        for number, line in enumerate(labels[key]):
            y = middle + size / 2 - LINE * (number + 0.5)
            style = {"color": INK, "fontsize": SMALL, "va": "center_baseline"}
            place = low + y / height * (high - low)
            write(axes, 1.17, place, line, clip_on=False, **style)


def spread(middles: Sequence[float], sizes: Sequence[float], height: float) -> list[float]:
    """Return the middles, moved so that no two overlap and all are from 0 to ``height``.

    Args:
        middles: in rising order.
        sizes: size of each label; their sum is at most ``height``.
        height: size of the whole.
    """
    placed: list[float] = []
    end = 0.0
    for middle, size in zip(middles, sizes, strict=True):
        start = max(middle - size / 2, end)
        placed.append(start)
        end = start + size
    limit = height
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], limit - sizes[index])
        limit = placed[index]
    return [start + size / 2 for start, size in zip(placed, sizes, strict=True)]
