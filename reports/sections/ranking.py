"""Precision and recall over all thresholds."""

import numpy as np

from evaluation.metrics import Array
from reports.blocks import Figure, FigureGrid, Section, Text
from reports.figures import MAX_CLASSES
from reports.figures.precision_recall import curve, draw_class_curve, draw_micro_curve
from reports.view import RunView

LEAD = (
    "Precision over recall at every threshold. The dashed line is the precision of random scores."
)
POINT = " The point is the decision of the headline rule."


def section(view: RunView) -> Section:
    """Return the section."""
    if not view.positive.any():
        blocks = [Text("No class has a positive: there is no curve to draw.", "quiet")]
        return Section("curves", "Precision and recall", "", blocks)
    blocks = [_micro(view), _classes(view)]
    if view.num_classes > MAX_CLASSES:
        text = f"Curves are drawn for the {MAX_CLASSES} most frequent of the classes."
        blocks.append(Text(text, "quiet"))
    lead = LEAD + POINT if view.has_rule else LEAD
    return Section("curves", "Precision and recall", lead, blocks)


def _micro(view: RunView) -> Figure:
    scores, labels = view.scores.ravel(), view.labels.ravel()
    chance = view.positive.sum() / max(view.known.sum(), 1)
    chosen = _point(view.pred, view.positive, view.known)
    alternative = "Precision over recall of all entries together."
    if chosen:
        alternative += (
            f" The rule has recall {100 * chosen[0]:.1f} % and precision {100 * chosen[1]:.1f} %."
        )
    wide, narrow = draw_micro_curve(
        "micro", curve(scores, labels), chance=chance, chosen=chosen, alternative=alternative
    )
    caption = "All classes together (micro). Gray lines join points of equal F1."
    return Figure(wide, narrow, caption)


def _classes(view: RunView) -> FigureGrid:
    items = []
    for c in view.by_frequency[:MAX_CLASSES]:
        if not view.num_pos[c]:
            continue
        known = view.known[:, c]
        name = view.run.names[c]
        chosen = _point(view.pred[:, c], view.positive[:, c], known)
        svg = draw_class_curve(
            f"pr-{c}",
            curve(view.scores[:, c], view.labels[:, c]),
            chance=view.num_pos[c] / known.sum(),
            chosen=chosen,
            alternative=f"Precision over recall of {name}; average precision {view.ap[c]:.1f} %",
        )
        items.append((f"{name} \N{MIDDLE DOT}\N{NO-BREAK SPACE}{view.ap[c]:.1f}", svg))
    caption = (
        "One curve per class, the most frequent first; the number is average precision in percent. "
        "Across: recall, upwards: precision, both in percent. Each step is one image that has the "
        "class."
    )
    return FigureGrid(items, caption)


def _point(pred: Array, positive: Array, known: Array) -> tuple[float, float] | None:
    """Return recall and precision of decisions; None where nothing is predicted."""
    num_hits = int(np.sum(pred & positive))
    num_predicted, num_positive = int(np.sum(pred & known)), int(np.sum(positive))
    if not num_predicted or not num_positive:
        return None
    return num_hits / num_positive, num_hits / num_predicted
