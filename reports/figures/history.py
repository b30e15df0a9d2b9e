"""Training curves: values over epochs."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from reports.colours import series
from reports.svg import add_axes, drawing, inline_svg, new_figure

DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1, 1, 1)))


def draw_history(
    name: str,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    step: str,
    alternative: str,
    title: str = "",
) -> Markup:
    """Return one panel of curves.

    Args:
        name: unique on the page.
        curves: label -> pairs of step and value.
        step: title of the axis of steps.
        alternative: text that stands for the figure.
        title: title of the axis of values; empty draws none.
    """
    with drawing():
        num_rows = (len(curves) + 1) // 2
        legend = 18 * num_rows if len(curves) > 1 else 0
        figure = new_figure(420, 210 + legend)
        axes = add_axes(figure, left=66 if title else 52, top=10 + legend, right=10, bottom=40)
        for i, (label, pairs) in enumerate(curves.items()):
            steps, values = zip(*pairs, strict=True)
            marker = "o" if len(pairs) < 25 else ""
            style = {"linestyle": DASHES[i // 6 % len(DASHES)], "markersize": 3.5}
            axes.plot(steps, values, color=series(i), marker=marker, label=label, **style)
        axes.set_xlabel(step)
        axes.set_ylabel(title, parse_math=False)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(curves) > 1:
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(-0.1, 1.0),
                ncols=2,
                frameon=False,
                fontsize=11,
                handlelength=1.6,
            )
        return inline_svg(figure, name, alternative)
