"""The report of one run: a page, and its tables as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.evaluated import EvaluatedRun

from .blocks import Section
from .page import render_page, tables_of, write_page
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
from .tables import write_table
from .view import RunView


def write_report(
    path: str | Path, run: EvaluatedRun, published: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write the report of a run as one HTML file, atomically.

    The file needs no network and no other file. The same run gives the same bytes.

    Args:
        path: file to write, usually ``report.html`` in the output folder.
        run: the final evaluation.
        published: rows to show beside the run; see ``reports.sections.published``.

    Raises:
        OSError: the file cannot be written.
    """
    write_page(path, render_run(run, run_sections(run, published)))


def write_tables(
    folder: str | Path, run: EvaluatedRun, published: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write every table of the report to ``folder`` as CSV and as LaTeX, atomically.

    Raises:
        OSError: a file cannot be written.
    """
    for table in tables_of(run_sections(run, published)):
        write_table(folder, table)


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
        kicker="Multi-label evaluation",
    )
