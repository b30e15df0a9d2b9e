"""The report of one run: a page, and its tables as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.files import write_text
from evaluation.evaluated import EvaluatedRun

from .blocks import Section
from .page import render_page, tables_of
from .sections import (
    calibration,
    card,
    classes,
    confusion,
    costs,
    errors,
    levels,
    published,
    ranking,
    rules,
    thresholds,
    training,
    verdict,
)
from .tables import slug, write_table
from .view import RunView


def write_report_and_tables(
    folder: str | Path, run: EvaluatedRun, published: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write ``report.html`` and the folder ``tables``, each file atomically.

    The page needs no network and no other file. The same run gives the same bytes.

    Args:
        folder: output folder of the run.
        run: the final evaluation.
        published: rows to show beside the run; see ``reports.sections.published``.

    Raises:
        OSError: a file cannot be written.
    """
    sections = run_sections(run, published)
    for table in tables_of(sections):
        write_table(Path(folder) / "tables", table, slug(run.title))
    write_text(Path(folder) / "report.html", render_run(run, sections))


def run_sections(
    run: EvaluatedRun, published_rows: Sequence[Mapping[str, Any]] = ()
) -> list[Section]:
    """Return the sections of the report in order; those without data are left out."""
    view = RunView(run)
    sections = [
        verdict.section(view),
        rules.section(view),
        published.section(view, published_rows),
        classes.section(view),
        ranking.section(view),
        thresholds.section(view),
        calibration.section(view),
        confusion.section(view),
        levels.section(view),
        errors.section(view),
        training.section(view),
        costs.section(view),
        card.section(view),
    ]
    return [section for section in sections if section is not None]


def render_run(run: EvaluatedRun, sections: Sequence[Section]) -> str:
    """Return the page of a run as HTML."""
    view = RunView(run)
    size = f"{view.split}: {view.num_images:,} images, {view.num_classes} classes"
    num_labels = int(view.positive.sum())
    return render_page(
        title=run.title,
        subtitle=f"{size}, {num_labels:,} positive labels",
        sections=sections,
        kicker="Evaluation",
    )
