"""Findings: what is wrong with a data set (faults), and what deserves a look (warnings)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import did_you_mean
from datasets.checks.counts import ClassCounts, Shift
from datasets.checks.files import Duplicate, FileCheck
from datasets.checks.splits import (
    SplitView,
    listed_in_several,
    listed_twice,
    partly_unknown,
    places_of,
    unlabelled,
)
from datasets.checks.texts import TextCheck

# Fewer training images show little but chance. A misspelt class name usually has one or two.
FEW_IMAGES = 5


@dataclass(frozen=True)
class Finding:
    """One kind of fault or warning.

    Attributes:
        kind: stable name for programs, such as ``missing_files``.
        is_fault: True if training on the data is wrong or impossible.
        text: a sentence with the count.
        items: the images, classes or texts, one line each.
    """

    kind: str
    is_fault: bool
    text: str
    items: Sequence[str] = ()


def label_findings(
    views: Sequence[SplitView],
    counts: Mapping[str, ClassCounts],
    shifts: Sequence[Shift],
    classnames: Sequence[str],
    needed: Sequence[str],
    few_images: int = FEW_IMAGES,
) -> list[Finding]:
    """Return the findings that need no image file.

    Args:
        views: all splits.
        counts: split -> counts.
        shifts: shift between each pair of splits.
        classnames: C keys.
        needed: splits that must have images.
        few_images: a class with fewer training images is a finding.
    """
    findings = []
    for view in views:
        if view.name in needed and not view.images:
            findings.append(Finding("empty_split", True, f"split {view.name} has no images"))
    findings += _class_findings(counts, classnames)
    findings += _rare_findings(counts, classnames, few_images)
    several = listed_in_several(places_of(views))
    if several:
        text = f"{_count(several, 'image')} listed in more than one split"
        findings.append(Finding("listed_in_several_splits", True, text, several))
    findings += _row_findings(views)
    findings += _shift_findings(shifts, counts, classnames)
    return findings


def _class_findings(counts: Mapping[str, ClassCounts], classnames: Sequence[str]) -> list[Finding]:
    """Return the classes without a positive: a fault in train, a warning elsewhere."""
    findings = []
    for split, count in counts.items():
        if not count.num_images:
            continue
        absent = (count.positive == 0) & (count.known > 0)
        unjudged = count.known == 0
        without_no = (count.positive == count.known) & (count.known > 0)
        if absent.any():
            names = _chosen(classnames, absent)
            text = f"{_count(names, 'class', 'classes')} without a positive in {split}"
            is_train = split == "train"
            if not is_train:
                text += f", so that metrics leave {'it' if len(names) == 1 else 'them'} out"
            findings.append(Finding(f"no_positive_in_{split}", is_train, text, names))
        if without_no.any() and split == "train":
            names = _chosen(classnames, without_no)
            text = f"{_count(names, 'class', 'classes')} with a yes in every judged train image"
            findings.append(Finding("no_negative_in_train", False, text, names))
        if unjudged.any():
            names = _chosen(classnames, unjudged)
            text = f"{_count(names, 'class', 'classes')} judged in no image of {split}"
            findings.append(Finding(f"not_judged_in_{split}", False, text, names))
    return findings


def _rare_findings(
    counts: Mapping[str, ClassCounts], classnames: Sequence[str], few_images: int
) -> list[Finding]:
    """Return the classes with few training images, rarest first, and names that look like theirs.

    A class without any is another finding.
    """
    if "train" not in counts:
        return []
    positive = counts["train"].positive
    lines = []
    for c in np.argsort(positive, kind="stable"):
        if not 0 < positive[c] < few_images:
            continue
        images = "1 image" if positive[c] == 1 else f"{positive[c]} images"
        hint = did_you_mean(classnames[c], _chosen(classnames, positive > positive[c]))
        lines.append(f"{classnames[c]}: {images}.{hint}" if hint else f"{classnames[c]}: {images}")
    if not lines:
        return []
    words = _count(lines, "class", "classes")
    text = f"{words} with fewer than {few_images} training images"
    return [Finding("few_images_in_train", False, text, lines)]


def _row_findings(views: Sequence[SplitView]) -> list[Finding]:
    """Return images without a label, with unknown labels, and listed twice in a split."""
    kinds = (
        ("unlabelled", "without a positive class", unlabelled),
        ("unknown_labels", "with unknown labels", partly_unknown),
        ("listed_twice", "listed more than once in a split", listed_twice),
    )
    findings = []
    for kind, words, find in kinds:
        items, parts = [], []
        for view in views:
            images = find(view)
            items += [f"{view.name}: {image}" for image in images]
            if images:
                parts.append(f"{view.name} {len(images):,}")
        if items:
            text = f"{_count(items, 'image')} {words} ({', '.join(parts)})"
            findings.append(Finding(kind, False, text, items))
    return findings


def _shift_findings(
    shifts: Sequence[Shift], counts: Mapping[str, ClassCounts], classnames: Sequence[str]
) -> list[Finding]:
    findings = []
    for shift in shifts:
        if not shift.strong:
            continue
        source, target = counts[shift.source], counts[shift.target]
        lines = []
        for c in shift.strong:
            before = f"{source.positive[c]:,} ({100 * source.prior[c]:.1f} %)"
            after = f"{target.positive[c]:,} ({100 * target.prior[c]:.1f} %)"
            lines.append(f"{classnames[c]}: {shift.source} {before}, {shift.target} {after}")
        text = (
            f"{_count(lines, 'class', 'classes')} with another share in {shift.target} than in "
            f"{shift.source}, by a factor of 3 or more"
        )
        findings.append(Finding(f"shift_{shift.source}_{shift.target}", False, text, lines))
    return findings


def file_findings(files: FileCheck) -> list[Finding]:
    """Return the findings about image files and duplicates."""
    findings = []
    if files.missing:
        text = f"{_count(files.missing, 'image')} missing"
        if len(files.missing) == files.num_files:
            text += ": no file exists; --no-pixels checks the annotations alone"
        findings.append(Finding("missing_files", True, text, list(map(str, files.missing))))
    if files.unreadable:
        lines = [f"{place} ({reason})" for place, reason in files.unreadable]
        text = f"{_count(lines, 'image')} unreadable"
        findings.append(Finding("unreadable_files", True, text, lines))
    findings += _duplicate_findings("exact", "exact copies", "group", files.exact)
    findings += _duplicate_findings("near", "near duplicates", "pair", files.near)
    if files.tiny:
        lines = [f"{place} ({width} x {height})" for place, (width, height) in files.tiny]
        text = f"{_count(lines, 'image')} with a shorter side below {files.min_side} pixels"
        findings.append(Finding("tiny_images", False, text, lines))
    return findings


def _duplicate_findings(
    kind: str, words: str, unit: str, duplicates: Sequence[Duplicate]
) -> list[Finding]:
    """Return a fault for duplicates across splits and a warning for those within one."""
    findings = []
    for is_across, where in ((True, "across splits"), (False, "within a split")):
        lines = [str(one) for one in duplicates if one.is_across == is_across]
        if lines:
            text = f"{_count(lines, unit)} of {words} {where}"
            if kind == "near":
                text += "; look at them, because colours do not count"
            name = f"{kind}_{where.split()[0]}"
            findings.append(Finding(name, is_across, text, lines))
    return findings


def text_findings(texts: TextCheck) -> list[Finding]:
    """Return a warning for each form of the class texts that does not fit."""
    findings = []
    for form, long_texts in texts.too_long.items():
        if not long_texts:
            continue
        lines = []
        for one in long_texts:
            lines.append(f"{one.classname}: {one.num_tokens} tokens, beyond the end: '{one.cut}'")
        text = f"{_count(lines, 'class', 'classes')} whose {form} is too long for the text encoder"
        findings.append(Finding(f"long_{form}", False, text, lines))
    return findings


def _chosen(names: Sequence[str], mask: np.ndarray) -> list[str]:
    return [names[c] for c in np.flatnonzero(mask)]


def _count(items: Sequence, one: str, many: str = "") -> str:
    """Return the number with its word: ``1 image``, ``2 images``."""
    word = one if len(items) == 1 else many or f"{one}s"
    return f"{len(items):,} {word}"
