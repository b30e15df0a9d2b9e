"""The most confident errors, with pictures where the files exist."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from evaluation.metrics import Array
from reports.blocks import SCORE, Section, Shot, Shots, Text
from reports.pictures import thumbnail
from reports.tables import Cell, Column, Table
from reports.view import RunView

NUM_SHOTS = 12
MAX_PER_CLASS = 2
MAX_LABELS = 4  # labels of an image that the table shows


def section(view: RunView) -> Section | None:
    """Return the section; None for an evaluator that decides without a rule."""
    if not view.has_rule:
        return None
    wrong = view.pred & view.known & ~view.positive
    missed = view.positive & ~view.pred
    lead = (
        "Errors with the highest scores for a wrong class and the lowest for a missed one, at most "
        f"{MAX_PER_CLASS} per class. Some of these labels may be wrong."
    )
    blocks: list[Any] = [*_wrong_blocks(view, wrong), *_missed_blocks(view, missed)]
    shots = [shot for block in blocks for shot in block.shots]
    no_picture = bool(shots) and not any(shot.picture for shot in shots)
    if view.run.final.votes is None:
        text = "The split has no votes of single annotators: all errors count alike."
        blocks.append(Text(text, "quiet"))
    if no_picture:
        text = "No image file is found or readable: only the names of the images are shown."
        blocks.append(Text(text, "quiet"))
    blocks.append(_table(view, wrong, missed))
    return Section("errors", "The most confident errors", lead, blocks, link="Errors")


def _wrong_blocks(view: RunView, wrong: Array) -> list[Shots]:
    """Return the wrong classes; with votes those that an annotator chose are apart."""
    votes = view.run.final.votes
    if votes is None:
        return _shots(view, wrong, "Wrong", "Predicted, but not in the labels.", falling=True)
    blocks = _shots(
        view,
        wrong & ~(votes > 0),
        "Wrong, and no annotator chose the class",
        "Predicted; neither the labels nor a single annotator has the class.",
        falling=True,
    )
    return blocks + _shots(
        view,
        wrong & (votes > 0),
        "Disputed: an annotator chose the class, the label does not have it",
        "People disagree about these images too; they are not errors like the others.",
        falling=True,
    )


def _missed_blocks(view: RunView, missed: Array) -> list[Shots]:
    return _shots(view, missed, "Missed", "In the labels, but not predicted.", falling=False)


def _shots(view: RunView, errors: Array, heading: str, lead: str, *, falling: bool) -> list[Shots]:
    pairs = _ranked(view.scores, errors, falling=falling)
    shots = [_shot(view, image, c) for image, c in _spread(pairs)]
    return [Shots(heading, lead, shots)] if shots else []


def _ranked(scores: Array, errors: Array, *, falling: bool) -> list[tuple[int, int]]:
    """Return image and class of the errors, sorted by score; equal scores keep their order."""
    images, classes = np.nonzero(errors)
    values = scores[images, classes]
    order = np.argsort(-values if falling else values, kind="stable")
    return list(zip(images[order].tolist(), classes[order].tolist(), strict=True))


def _spread(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the first pairs with at most ``MAX_PER_CLASS`` of a class."""
    shown: Counter[int] = Counter()
    chosen = []
    for image, c in pairs:
        if shown[c] < MAX_PER_CLASS:
            shown[c] += 1
            chosen.append((image, c))
        if len(chosen) == NUM_SHOTS:
            break
    return chosen


def _shot(view: RunView, image: int, c: int) -> Shot:
    names, final = view.run.names, view.run.final
    share = 0.0 if final.votes is None else float(final.votes[image, c])
    votes = f"chosen by {100 * share:.0f} % of the annotators" if share > 0 else ""
    return Shot(
        image=final.images[image],
        picture=thumbnail(final.paths[image]),
        wrong=names[c],
        score=float(view.scores[image, c]),
        labels=[names[other] for other in np.flatnonzero(view.positive[image])],
        votes=votes,
    )


def _table(view: RunView, wrong: Array, missed: Array) -> Table:
    rows = []
    for error, errors, falling in (("wrong", wrong, True), ("missed", missed, False)):
        for image, c in _ranked(view.scores, errors, falling=falling)[:100]:
            rows.append(_table_row(view, error, image, c))
    columns = ["image", "error", "class", SCORE, "labels"]
    if view.run.final.votes is not None:
        columns.append(Column("share of annotators"))
    return Table("The first 100 errors of each kind", columns, rows, name="errors", closed=True)


def _labels(labels: Sequence[str]) -> Cell:
    """Return all labels for the file, and the first ones for the page, whose rows stay short."""
    rest = len(labels) - MAX_LABELS
    shown = "; ".join(labels[:MAX_LABELS]) + f"; and {rest} more" if rest > 0 else ""
    return Cell("; ".join(labels), text=shown)


def _table_row(view: RunView, error: str, image: int, c: int) -> list:
    final, names = view.run.final, view.run.names
    labels = [names[other] for other in np.flatnonzero(view.positive[image])]
    row = [final.images[image], error, names[c], float(view.scores[image, c]), _labels(labels)]
    if final.votes is not None:
        row.append(float(final.votes[image, c]))
    return row
