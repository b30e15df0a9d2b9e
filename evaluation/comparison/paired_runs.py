"""Bring the scores of several runs to the same images and classes, for paired tests.

N: images, C: classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import UserError

from ..metrics import f1_percent, mean_without_nan
from ..rules import HEADLINE_RULE, DecisionRule, GlobalThreshold, read_rule
from ..scored import Scored
from .run_folder import RunFolder, SavedScores
from .run_groups import Setting

TOLERANCE = 1e-3  # points; metrics.json has more digits than that


@dataclass(frozen=True, eq=False)
class PairedRun:
    """A run whose images and classes are in the order of all others.

    Attributes:
        run: the run.
        scored: scores, labels and the headline's decisions, ``(N, C)``.
        classes: C class names.
    """

    run: RunFolder
    scored: Scored
    classes: Sequence[str]


def pair_runs(
    settings: Sequence[Setting], split: str, notes: list[str]
) -> dict[str, list[PairedRun]]:
    """Read the scores of all runs, on the same images.

    Args:
        settings: settings to compare.
        split: split of the scores.
        notes: receives a sentence for each setting that has no scores.

    Returns:
        Setting -> its runs; without the settings that have no scores.

    Raises:
        UserError: two runs were evaluated on other images, classes or labels, or the scores of a
            run do not give its metrics.
    """
    paired: dict[str, list[PairedRun]] = {}
    reference: SavedScores | None = None
    shown = ""
    for setting in settings:
        reason = _reason_without_scores(setting, split)
        if reason:
            notes.append(f"{setting.name}: numbers only, because {reason}.")
            continue
        paired[setting.name] = []
        for run in setting.runs:
            saved = run.scores(split)
            if reference is None:
                reference, shown = saved, str(run.path)
            saved = align(saved, reference, names=(str(run.path), shown))
            rule = headline_rule(run, split, saved.classes)
            scored = Scored.by_rule(saved.scores, saved.labels, rule)
            check_metrics(run, split, scored)
            paired[setting.name].append(PairedRun(run, scored, saved.classes))
        notes += _notes_on_equal_scores(setting.name, paired[setting.name])
    return paired


def _notes_on_equal_scores(name: str, runs: Sequence[PairedRun]) -> list[str]:
    """Return a note if runs of a setting do not differ, so that seeds seem to have no effect."""
    for position, run in enumerate(runs):
        for earlier in runs[:position]:
            if np.array_equal(run.scored.scores, earlier.scored.scores):
                return [
                    f"{name}: {earlier.run.path} and {run.run.path} have the same scores; if they "
                    "are one model, give one of them: each run counts as a training of its own."
                ]
    return []


def align(saved: SavedScores, reference: SavedScores, *, names: tuple[str, str]) -> SavedScores:
    """Return ``saved`` with images and classes in the order of ``reference``.

    Args:
        saved: scores of a run.
        reference: scores of another run.
        names: names of both runs, for the error.

    Raises:
        UserError: images, classes or labels are not those of the reference.
    """
    rows = _positions(saved.images, reference.images, "images", names)
    columns = _positions(saved.classes, reference.classes, "classes", names)
    aligned = SavedScores(
        saved.scores[np.ix_(rows, columns)],
        saved.labels[np.ix_(rows, columns)],
        images=reference.images,
        classes=reference.classes,
    )
    differing = np.argwhere(aligned.labels != reference.labels)
    if len(differing):
        row, column = differing[0]
        raise UserError(
            f"{names[0]} and {names[1]} have different labels in {len(differing)} of "
            f"{aligned.labels.size} entries, the first at image {reference.images[row]}, class "
            f"{reference.classes[column]}; evaluate them on the same labels or add --numbers-only"
        )
    return aligned


def headline_rule(run: RunFolder, split: str, classes: Sequence[str]) -> DecisionRule | None:
    """Return the rule of the headline: the threshold of ``metrics.json``, or ``rule.json``.

    ``rule.json`` holds the rule that ``TEST.RULE`` chose; it counts only where that is the
    headline's. None if the run has neither.

    Args:
        run: the run.
        split: the evaluated split.
        classes: class names in the order of the scores.
    """
    threshold = _threshold(run, split)
    if np.isfinite(threshold):
        return GlobalThreshold(threshold)
    if _holds_headline_rule(run):
        return read_rule(run.path / "rule.json", classes)
    return None


def check_metrics(run: RunFolder, split: str, scored: Scored) -> None:
    """Raise :class:`UserError` if the scores of a run do not give the metrics of the run."""
    found = {"mAP": 100 * mean_without_nan(scored.ap), **f1_percent(scored.f1)}
    for name, value in found.items():
        if name not in run.metrics[split]:
            continue
        expected = run.metrics[split][name]
        if not np.isclose(value, expected, rtol=0, atol=TOLERANCE, equal_nan=True):
            raise UserError(
                f"{run.path}: scores_{split}.npz gives {name} {value:.4f}, but metrics.json has "
                f"{expected:.4f}; the files are not of the same evaluation"
            )


def _reason_without_scores(setting: Setting, split: str) -> str:
    """Return why a setting cannot be tested; empty if it can."""
    for run in setting.runs:
        if not run.has_scores(split):
            return f"{run.path} has no scores_{split}.npz"
        if not np.isfinite(_threshold(run, split)) and not _holds_headline_rule(run):
            return f"{run.path} has no decision rule"
    return ""


def _threshold(run: RunFolder, split: str) -> float:
    """Return the headline's threshold; NaN if ``metrics.json`` has none."""
    return run.metrics[split].get("threshold", float("nan"))


def _holds_headline_rule(run: RunFolder) -> bool:
    """Return True if ``rule.json`` has the headline's rule, which is chosen as ``global``."""
    chosen = run.config.get("TEST")
    name = chosen.get("RULE") if isinstance(chosen, Mapping) else None
    return bool(run.rule) and HEADLINE_RULE in (name, run.rule.get("name"))


def _positions(
    names: Sequence[str], wanted: Sequence[str], what: str, runs: tuple[str, str]
) -> list[int]:
    """Return the positions in ``names`` of the ``wanted`` names, which must be the same set."""
    if list(names) == list(wanted):
        return list(range(len(names)))
    position = {name: index for index, name in enumerate(names)}
    only_here = sorted(set(position) - set(wanted))
    only_there = sorted(set(wanted) - set(position))
    if only_here or only_there or len(position) < len(names) or len(names) != len(wanted):
        raise UserError(
            f"{runs[0]} and {runs[1]} were evaluated on different {what}: {len(names)} and "
            f"{len(wanted)}, {len(only_here)} and {len(only_there)} of them in one run only"
            f"{_first_of(only_here, only_there)}; give runs of the same split or add --numbers-only"
        )
    return [position[name] for name in wanted]


def _first_of(only_here: Sequence[str], only_there: Sequence[str]) -> str:
    both = [*only_here, *only_there]
    return f", such as {both[0]}" if both else ""
