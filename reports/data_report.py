"""The page of the checks of a data set: one HTML file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.files import write_text
from datasets.checks.files import FileCheck
from datasets.checks.findings import Finding
from datasets.checks.result import DataCheck
from datasets.checks.splits import SplitView
from datasets.hierarchy import Hierarchy

from .blocks import Facts, Figure, Photo, PhotoRow, Section, Sheet, Text, Tile, Tiles
from .data_tables import (
    agreement_table,
    classes_table,
    correlations_table,
    duplicates_table,
    finding_table,
    numbers_table,
    pairs_table,
    shifts_of,
    splits_table,
    texts_table,
)
from .figures import MAX_CLASSES
from .figures.heatmap import Matrix, draw_heatmaps
from .figures.priors import PriorRow, Priors, draw_priors, legend
from .page import render_page
from .pictures import thumbnail
from .tables import MISSING, Column, format_value

MAX_HEAT = 60  # classes of the heat map
MAX_SHEET = 60  # classes of the contact sheet
NUM_DUPLICATES = 12  # duplicates that are shown as pictures
SHEET_SIZE = 160  # of a picture of the sheet, in pixels
MAX_LABELS = 4  # classes named below a picture
MAX_NAMED = 3  # items of a finding that are shown without a table

RATIO = Column("", digits=2)


def write_data_report(
    path: str | Path, check: DataCheck, *, seed: int, per_class: int, facts: Mapping[str, str]
) -> None:
    """Write the page, atomically.

    Args:
        path: HTML file to write.
        check: the result.
        seed: chooses the pictures of the contact sheet.
        per_class: pictures per class; 0 leaves the contact sheet out.
        facts: name -> value of the settings, for the end of the page.

    Raises:
        OSError: the file cannot be written.
    """
    sections = [_summary(check), _labels(check)]
    if check.files is not None:
        sections.append(_files(check.files))
    sections.append(_together(check))
    if check.agreement:
        sections.append(_agreement(check))
    if check.texts is not None:
        sections.append(_texts(check))
    if check.files is not None and len(check.files.sizes) and per_class:
        sections.append(_sheet(check, seed=seed, per_class=per_class))
    sections.append(Section("settings", "How this was checked", "", [Facts(facts)]))
    sizes = [f"{view.name} {len(view.images):,}" for view in check.views]
    html = render_page(
        title=check.name,
        subtitle=f"{' · '.join(sizes)} images, {len(check.classnames)} classes",
        sections=sections,
        kicker="Data set",
    )
    write_text(path, html)


def _summary(check: DataCheck) -> Section:
    """Return the headline numbers and all findings."""
    view = next(view for view in check.views if view.name == check.main_split)
    positive = view.states > 0
    per_image = f"{positive.sum(axis=1).mean():.2f}" if len(positive) else MISSING
    tiles = [
        Tile("Images", f"{sum(len(view.images) for view in check.views):,}"),
        Tile("Classes", f"{len(check.classnames):,}"),
        Tile("Labels per image", per_image, hint=view.name),
        Tile("Kinds of faults", str(len(check.faults))),
        Tile("Kinds of warnings", str(len(check.warnings))),
    ]
    blocks: list[Any] = [Tiles(tiles)]
    if not check.findings:
        blocks.append(Text("No fault and no warning."))
    for finding in check.findings:
        blocks += _finding_blocks(finding)
    lead = "Correct faults before training; look at warnings and decide."
    return Section("summary", "Summary", lead, blocks)


def _finding_blocks(finding: Finding) -> list[Any]:
    """Return the sentence, then its items: a few as text, more as a table."""
    word, mark = ("Fault", "warning") if finding.is_fault else ("Warning", "")
    sentence = f"{word}: {finding.text}"
    if len(finding.items) > MAX_NAMED:
        return [Text(f"{sentence}.", mark), finding_table(finding)]
    if finding.items:
        sentence += f": {'; '.join(finding.items)}"
    return [Text(f"{sentence}.", mark)]


# Labels -------------------------------------------------------------------------------------------


def _labels(check: DataCheck) -> Section:
    """Return counts and shares per split and class."""
    blocks: list[Any] = [splits_table(check)]
    if check.shifts:
        blocks.append(correlations_table(check))
    has_figure = len(check.classnames) <= MAX_CLASSES
    if has_figure:
        blocks.append(_priors(check))
    table = classes_table(check, words=True)
    blocks.append(replace(table, closed=has_figure))
    lead = (
        "The share of positives of a class is its prior. A threshold that is tuned on one split "
        "fits another one only where the priors are alike."
    )
    return Section("classes", "Classes and splits", lead, blocks)


def _priors(check: DataCheck) -> Figure:
    splits = [view.name for view in check.views if view.images]
    first = check.counts[check.main_split]
    shifts = shifts_of(check)
    rows = []
    for c in np.argsort(-np.nan_to_num(first.prior), kind="stable").tolist():
        shares = [100 * float(check.counts[split].prior[c]) for split in splits]
        cells = [f"{int(check.counts[split].positive[c]):,}" for split in splits]
        cells += [format_value(float(shift.ratio[c]), RATIO) for shift in shifts]
        rows.append(PriorRow(check.hierarchy.names[c], shares, cells))
    columns = [*splits, *(f"{shift.target} / {shift.source}" for shift in shifts)]
    alternative = "Share of positives of each class in each split: the table below."
    wide, narrow = draw_priors("priors", Priors(rows, columns), alternative)
    caption = (
        f"{legend(splits)}. Numbers: positives per split, then ratios of the shares. A hollow "
        "marker at the left end: no positive."
    )
    return Figure(wide, narrow, caption)


def _together(check: DataCheck) -> Section:
    """Return the classes that images have together."""
    split = check.main_split
    title = "Classes of the same image"
    if len(check.classnames) < 2:
        return Section("together", title, "", [Text("There is one class only.", "quiet")])
    blocks: list[Any] = []
    if len(check.classnames) <= MAX_HEAT:
        blocks += [_heat_map(check), numbers_table(check, tree_order(check.hierarchy)[0])]
    blocks += [pairs_table(check, by_lift=False), pairs_table(check, by_lift=True)]
    lead = (
        f"Counted in {split}. A lift of 1 says that two classes are independent; above 1 they "
        "attract each other."
    )
    return Section("together", title, lead, blocks, link="Same image")


def _heat_map(check: DataCheck) -> Figure:
    order, breaks = tree_order(check.hierarchy)
    counts = check.together.counts.astype(np.float64)
    totals = counts.diagonal().copy()
    shares = counts / np.maximum(totals, 1)[:, None]
    np.fill_diagonal(shares, 0.0)
    shares[totals == 0] = np.nan
    matrix = Matrix("Share of the row's images with the column's class", shares[order][:, order])
    names = [check.hierarchy.names[c] for c in order]
    alternative = "Share of the images of each class that have another one: the tables below."
    wide, narrow = draw_heatmaps("together", [matrix], names, breaks, alternative)
    caption = "Rows and columns are the classes in the same order. A cell is empty below 2 %."
    if breaks:
        caption += " Lines separate the groups of the tree."
    if np.isnan(shares).any():
        caption += " A gray row has no image."
    return Figure(wide, narrow, caption)


def tree_order(hierarchy: Hierarchy) -> tuple[list[int], list[int]]:
    """Return the classes sorted by group, and the positions at which a group of the top starts."""
    num_classes = len(hierarchy.names)
    if "super" not in hierarchy.levels:
        return list(range(num_classes)), []
    order: list[int] = []
    breaks = []
    for members in hierarchy.levels["super"].values():
        if order:
            breaks.append(len(order))
        # The groups of the middle level are in the order of the tree, too.
        for group in hierarchy.levels["mid"].values():
            order += [c for c in group if c in members and c not in order]
    return order, breaks


def _agreement(check: DataCheck) -> Section:
    blocks: list[Any] = []
    for split, agreement in check.agreement.items():
        number = agreement.num_annotators
        text = f"{split}: {agreement.num_images:,} images"
        if number is None:
            text += ". The shares do not tell the number of annotators: no kappa."
        else:
            text += f", {number} annotators each (inferred from the shares)."
        if agreement.kappa_single is not None:
            text += f" Fleiss' kappa over all classes: {agreement.kappa_single:.3f}."
        blocks += [Text(text), agreement_table(check, split, agreement)]
    lead = (
        "Where annotators disagree, a wrong prediction may be a matter of opinion. A class with a "
        "low kappa has a low ceiling for every method."
    )
    return Section("agreement", "Agreement of the annotators", lead, blocks, link="Annotators")


def _texts(check: DataCheck) -> Section:
    texts = check.texts
    assert texts is not None, "call it only where texts are measured"
    blocks: list[Any] = [texts_table(texts)]
    lead = (
        f"Tokens of the whole prompt: the class text and {texts.around} tokens around it (start, "
        "end, context or template of the configured trainer)."
    )
    return Section("texts", "Class texts", lead, blocks)


# Pictures -----------------------------------------------------------------------------------------


def _files(files: FileCheck) -> Section:
    """Return sizes, faults and duplicates of the image files."""
    blocks: list[Any] = [Facts(_file_facts(files))]
    shown = files.duplicates[:NUM_DUPLICATES]
    if shown:
        rows = []
        for one in shown:
            photos = []
            for place in one.places[:4]:
                photos.append(
                    Photo(
                        place.image,
                        thumbnail(place.path, size=SHEET_SIZE),
                        [place.split, place.image],
                    )
                )
            where = "across splits" if one.is_across else "within a split"
            rows.append(PhotoRow(one.kind, photos, where))
        blocks += [Sheet(rows), duplicates_table(files.duplicates)]
    lead = (
        "Every file is decoded. Exact duplicates have the same pixels; near ones look the same "
        "after another encoding, size or brightness. Mirrored and cropped copies are not found."
    )
    return Section("files", "Image files and duplicates", lead, blocks, link="Image files")


def _file_facts(files: FileCheck) -> dict[str, str]:
    facts = {
        "files": f"{files.num_files:,}",
        "missing": f"{len(files.missing):,}",
        "unreadable": f"{len(files.unreadable):,}",
        f"below {files.min_side} pixels": f"{len(files.tiny):,}",
        "exact duplicates, groups": f"{len(files.exact):,}",
        "near duplicates, pairs": f"{len(files.near):,}",
    }
    if len(files.sizes):
        shorter = files.sizes.min(axis=1)
        middle = f"{int(np.median(shorter)):,}"
        facts["shorter side, smallest"] = f"{shorter.min():,} pixels"
        facts["shorter side, median"] = f"{middle} pixels"
        facts["shorter side, largest"] = f"{shorter.max():,} pixels"
    return facts


def _sheet(check: DataCheck, *, seed: int, per_class: int) -> Section:
    """Return some pictures of each class, drawn with the seed."""
    view = next(view for view in check.views if view.name == check.main_split)
    totals = (view.states > 0).sum(axis=0)
    shown = np.flatnonzero(totals)
    if len(shown) > MAX_SHEET:
        shown = np.sort(np.argsort(-totals, kind="stable")[:MAX_SHEET])
    names = check.hierarchy.names
    rows = []
    for c, images in choose_images(view, shown.tolist(), seed=seed, per_class=per_class).items():
        photos = [_photo(view, i, c, names) for i in images]
        rows.append(
            PhotoRow(names[c], photos, f"{totals[c]:,} image{'' if totals[c] == 1 else 's'}")
        )
    lead = f"Drawn from {view.name} with seed {seed}; below a picture are its other classes."
    if len(shown) < (totals > 0).sum():
        lead += f" The {MAX_SHEET} most frequent classes are shown."
    return Section("sheet", "Contact sheet", lead, [Sheet(rows)])


def choose_images(
    view: SplitView, classes: Sequence[int], *, seed: int, per_class: int
) -> dict[int, list[int]]:
    """Return ``{class: rows of the split}``: up to ``per_class`` images with the class.

    The draw of a class depends on the seed and the class alone.
    """
    chosen = {}
    for c in classes:
        rows = np.flatnonzero(view.states[:, c] > 0)
        drawn = np.random.default_rng([seed, c]).permutation(rows)[:per_class]
        chosen[c] = sorted(drawn.tolist())
    return chosen


def _photo(view: SplitView, row: int, shown: int, names: Sequence[str]) -> Photo:
    others = [names[c] for c in np.flatnonzero(view.states[row] > 0) if c != shown]
    lines = others[:MAX_LABELS]
    if len(others) > MAX_LABELS:
        lines.append(f"and {len(others) - MAX_LABELS} more")
    return Photo(view.images[row], thumbnail(view.paths[row], size=SHEET_SIZE), lines)
