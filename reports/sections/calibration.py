"""Reliability of the scores as probabilities."""

from evaluation.calibration import calibration_bins, expected_calibration_error
from evaluation.metrics import Array
from reports.blocks import Figure, Section, Text
from reports.figures.reliability import Bins, draw_reliability, equal_width
from reports.tables import Column, Table
from reports.view import RunView

FEW = 0.1  # share of entries
LEAD = (
    "Of all entries with a score near 30 %, are 30 % positive? On the dashed line, yes. Below it "
    "the scores promise too much, above it too little."
)


def section(view: RunView) -> Section | None:
    """Return the section; None where no entry is known."""
    if not view.known.any():
        return None
    if not view.is_probability:
        text = "The scores are no probabilities from 0 to 1: there is no reliability curve."
        return Section("calibration", "Calibration", "", [Text(text, "quiet")])
    scores, positive = view.scores[view.known], view.positive[view.known]
    mass, width = Bins(*calibration_bins(scores, positive)), equal_width(scores, positive)
    error = view.metric("ece")
    if error is None:
        error = 100 * expected_calibration_error(view.scores, view.labels)
    alternative = (
        f"Share of positives over mean score in {len(mass.count)} bins; the expected calibration "
        f"error is {error:.2f} %."
    )
    wide, narrow = draw_reliability("reliability", mass, width, alternative)
    caption = (
        f"Points: {len(mass.count)} bins of equal mass over all images and classes, expected "
        f"calibration error {error:.2f} %. Squares: bins of equal width, with 95 % intervals."
        f"{_about_high_scores(scores)}"
    )
    blocks = [Figure(wide, narrow, caption), _table(mass, width)]
    return Section("calibration", "Calibration", LEAD, blocks)


def _about_high_scores(scores: Array) -> str:
    """Return a sentence where few entries have a high score; empty where many have."""
    count, total = int((scores > 0.5).sum()), scores.size
    if count >= FEW * total:
        return ""
    if not count:
        return " No entry has a score above 50 %."
    verb = "has" if count == 1 else "have"
    return f" Only {count:,} of the {total:,} entries {verb} a score above 50 %."


def _table(mass: Bins, width: Bins) -> Table:
    columns = ["bins", Column("entries"), Column("mean score"), Column("share of positives")]
    rows = []
    for name, bins in (("equal mass", mass), ("equal width", width)):
        for score, share, count in zip(bins.score, bins.share, bins.count, strict=True):
            rows.append([name, int(count), 100 * float(score), 100 * float(share)])
    return Table("Bins", columns, rows, name="calibration", closed=True)
