"""All checks of one data set."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets.base import SPLITS, IntentDataset
from datasets.checks.agreement import Agreement, measure_agreement
from datasets.checks.cooccurrence import Together, count_together
from datasets.checks.counts import ClassCounts, Shift, compare_splits, count_classes
from datasets.checks.files import FileCheck
from datasets.checks.findings import (
    FEW_IMAGES,
    Finding,
    file_findings,
    label_findings,
    text_findings,
)
from datasets.checks.splits import SplitView
from datasets.checks.texts import TextCheck
from datasets.hierarchy import Hierarchy


@dataclass(frozen=True, eq=False)
class DataCheck:
    """The result of all checks.

    Attributes:
        name: name of the data set.
        root: its folder.
        classnames: C keys.
        hierarchy: words and groups of the classes.
        views: the splits in order, the empty ones too.
        counts: split -> counts.
        shifts: shift between each pair of splits that have images.
        together: common images of the classes in the first split that has images.
        agreement: split -> agreement of its annotators; without the splits that have no votes.
        files: the image files; None if they are not read.
        texts: lengths of the class texts; None if they are not measured.
        findings: faults, then warnings.
    """

    name: str
    root: str
    classnames: list[str]
    hierarchy: Hierarchy
    views: list[SplitView]
    counts: dict[str, ClassCounts]
    shifts: list[Shift]
    together: Together
    agreement: dict[str, Agreement]
    files: FileCheck | None = None
    texts: TextCheck | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        """Findings with which training is wrong or impossible."""
        return [finding for finding in self.findings if finding.is_fault]

    @property
    def warnings(self) -> list[Finding]:
        """All other findings."""
        return [finding for finding in self.findings if not finding.is_fault]

    @property
    def main_split(self) -> str:
        """The first split that has images; ``train`` unless it is empty."""
        for view in self.views:
            if view.images:
                return view.name
        return SPLITS[0]


def check_data(
    name: str,
    root: str | Path,
    dataset: IntentDataset,
    views: list[SplitView],
    *,
    files: FileCheck | None = None,
    texts: TextCheck | None = None,
    needed: Sequence[str] = SPLITS,
    few_images: int = FEW_IMAGES,
) -> DataCheck:
    """Return the result of all checks.

    Args:
        name: name of the data set.
        root: its folder.
        dataset: the data set.
        views: its splits, from :func:`datasets.checks.splits.split_views`.
        files: result of the image files; None: not read.
        texts: result of the class texts; None: not measured.
        needed: splits that must have images.
        few_images: a class with fewer training images is a finding.
    """
    counts = {view.name: count_classes(view.states) for view in views}
    shifts = compare_splits(counts)
    findings = label_findings(views, counts, shifts, dataset.classnames, needed, few_images)
    if files is not None:
        findings += file_findings(files)
    if texts is not None:
        findings += text_findings(texts)
    with_images = [view for view in views if view.images] or views
    return DataCheck(
        name=name,
        root=str(root),
        classnames=dataset.classnames,
        hierarchy=dataset.hierarchy,
        views=views,
        counts=counts,
        shifts=shifts,
        together=count_together(with_images[0].states),
        agreement=_agreement(views),
        files=files,
        texts=texts,
        findings=sorted(findings, key=lambda finding: not finding.is_fault),
    )


def _agreement(views: Sequence[SplitView]) -> dict[str, Agreement]:
    """Return the agreement of each split that has marks of several annotators."""
    agreement = {}
    for view in views:
        measured = measure_agreement(view.votes)
        if measured is not None:
            agreement[view.name] = measured
    return agreement
