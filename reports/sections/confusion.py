"""Missed against wrong classes, beside the classes that occur together."""

from collections.abc import Sequence

import numpy as np

from evaluation.metrics import Array
from reports.blocks import Figure, Section, Text
from reports.figures import MAX_CLASSES
from reports.figures.heatmap import Matrix, draw_heatmaps
from reports.labels import group_in_words
from reports.tables import Column, Table
from reports.view import RunView

NUM_PAIRS = 20
LEAD = (
    "First map: when a class is missed, the classes that the same image gets wrongly. Second map: "
    "how often the labels of two classes occur together. Dark in the first and empty in the "
    "second, two classes are confused; dark in both, they share images. Missed and wrong are "
    "those of the headline's decision rule."
)
CAPTION = (
    "A row is a missed class in the first map and a class in the second; a column is the other "
    "class of the same image. A cell is the share of the row's images, and empty below 2 %."
)
TREE = " Numbers follow the order of the tree; lines separate its groups."
GRAY = " A gray row has no image: the class is never missed (first map) or never a label (second)."


def section(view: RunView) -> Section | None:
    """Return the section; None for an evaluator that decides without a rule."""
    if not view.has_rule:
        return None
    title = "Confusions"
    missed, wrong = view.positive & ~view.pred, view.pred & view.known & ~view.positive
    if view.num_classes < 2:
        return Section("confusions", title, "", [Text("There is one class only.", "quiet")])
    order = view.in_tree_order
    counts = _together(missed, wrong)  # (C, C)
    together = _together(view.positive, view.positive)
    blocks = [_key(view, order), _pairs(view, counts, missed.sum(axis=0), together)]
    blocks.append(_matrix(view, order, counts, "Missed and wrong, images", "confusion_counts"))
    blocks.append(_matrix(view, order, together, "Labels together, images", "cooccurrence_counts"))
    if view.num_classes > MAX_CLASSES:
        text = f"There are more than {MAX_CLASSES} classes: no map is drawn, the files have all."
        return Section("confusions", title, "", [Text(text, "quiet"), *blocks])
    matrices = [
        Matrix("Missed, and wrong in the same image", _shares(counts, missed.sum(axis=0), order)),
        Matrix("Labels that occur together", _shares(together, view.num_pos, order)),
    ]
    names = [view.run.names[c] for c in order]
    wide, narrow = draw_heatmaps(
        "confusion", matrices, names, _breaks(view, order), _alternative(view, counts)
    )
    figure = Figure(wide, narrow, _caption(view, matrices))
    return Section("confusions", title, LEAD, [figure, *blocks])


def _caption(view: RunView, matrices: Sequence[Matrix]) -> str:
    caption = CAPTION
    if view.levels:
        caption += TREE
    if any(np.isnan(matrix.shares).any() for matrix in matrices):
        caption += GRAY
    return caption


def _together(rows: Array, columns: Array) -> Array:
    """Return in how many images a row's class and a column's class are set, ``(C, C)``."""
    return (rows.T.astype(np.float64) @ columns.astype(np.float64)).round().astype(int)


def _shares(counts: Array, totals: Array, order: list[int]) -> Array:
    shares = counts / np.maximum(totals, 1)[:, None]
    np.fill_diagonal(shares, 0.0)
    shares[totals == 0] = np.nan
    return shares[np.ix_(order, order)]


def _breaks(view: RunView, order: list[int]) -> list[int]:
    """Return the positions at which a new group of the most general level starts."""
    if not view.levels:
        return []
    names = view.group_names(view.levels[0])
    groups = [names[c] for c in order]
    return [i for i in range(1, len(order)) if groups[i] != groups[i - 1]]


def _alternative(view: RunView, counts: Array) -> str:
    if not counts.any():
        return "No image has a missed and a wrong class."
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    names = view.run.names
    return (
        f"Missed against wrong classes. The most frequent pair: {names[row]} is missed and "
        f"{names[column]} is wrong in {counts[row, column]} images."
    )


def _pairs(view: RunView, counts: Array, missed: Array, together: Array) -> Table:
    names = view.run.names
    ranked = np.argsort(-counts, axis=None, kind="stable")[:NUM_PAIRS]
    rows = []
    for row, column in zip(*np.unravel_index(ranked, counts.shape), strict=True):
        if not counts[row, column]:
            break
        share = 100 * counts[row, column] / missed[row]
        shared = 100 * together[row, column] / view.num_pos[row]
        rows.append([names[row], names[column], int(counts[row, column]), share, shared])
    columns = [
        "missed class",
        "wrong class",
        "images",
        Column("% of the missed", digits=1),
        Column("% labelled with both", digits=1, hint="of the images of the missed class"),
    ]
    return Table("The most frequent confusions", columns, rows, name="confusions")


def _key(view: RunView, order: list[int]) -> Table:
    groups = [view.group_names(level) for level in view.levels]
    rows = []
    for i, c in enumerate(order, 1):
        cells = [i, view.run.names[c]]
        cells += [names[c] or None for names in groups]
        rows.append(cells)
    columns = ["number", "class", *(group_in_words(level) for level in view.levels)]
    return Table("Numbers of the classes", columns, rows, name="class_numbers", closed=True)


def _matrix(view: RunView, order: list[int], counts: Array, caption: str, name: str) -> Table:
    names = [view.run.names[c] for c in order]
    columns = ["class", *(str(i + 1) for i in range(len(order)))]
    rows = []
    for label, values in zip(names, counts[np.ix_(order, order)].tolist(), strict=True):
        rows.append([label, *values])
    return Table(caption, columns, rows, name=name, shown=False)
