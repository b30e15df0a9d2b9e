"""Tables of the checks of a data set, for the page and for the terminal."""

from collections.abc import Sequence

from datasets.checks.agreement import Agreement
from datasets.checks.cooccurrence import MIN_IMAGES
from datasets.checks.counts import Shift
from datasets.checks.files import Duplicate
from datasets.checks.findings import Finding
from datasets.checks.result import DataCheck
from datasets.checks.texts import CONTEXT_LENGTH, TextCheck
from datasets.hierarchy import key_to_words

from .tables import Cell, Column, Row, Table

MAX_ITEMS = 200  # rows of a list on the page; the JSON file has all

PERCENT = "% of the images in which the class is judged"
RATIO = "share of positives in the second split over the share in the first"
LIFT = "images with both classes, over what independent classes would have"


def splits_table(check: DataCheck) -> Table:
    """Return a row per split: images and labels."""
    rows = []
    for view in check.views:
        count = len(view.images)
        positive = view.states > 0
        labels = int(positive.sum())
        row = [view.name, count, labels]
        row.append(labels / count if count else None)
        row.append(int((view.states == 0).all(axis=1).sum()))
        row.append(100 * float((view.states < 0).mean()) if count else None)
        row.append(len(view.votes))
        rows.append(row)
    columns = [
        "split",
        "images",
        "labels",
        "labels per image",
        Column("without label", hint="no class is positive and none is unknown"),
        Column("% unknown", digits=1, hint="of all pairs of image and class"),
        Column("with votes", hint="images with the shares of several annotators"),
    ]
    return Table("Images and labels per split", columns, rows, name="data_splits")


def classes_table(check: DataCheck, *, words: bool) -> Table:
    """Return a row per class: positives and shares per split, and the ratios to the first split.

    Args:
        check: the result.
        words: name the classes in words with the key below; False: by their keys.
    """
    shifts = shifts_of(check)
    columns: list[Column | str] = ["class"]
    for split in check.counts:
        columns += [split, Column(f"{split} %", digits=1, hint=PERCENT)]
    columns += [Column(f"{s.target} / {s.source}", hint=RATIO) for s in shifts]
    rows = []
    for c, classname in enumerate(check.classnames):
        cells: list = [_class_cell(check, c) if words else classname]
        for count in check.counts.values():
            cells += [int(count.positive[c]), 100 * float(count.prior[c])]
        cells += [float(shift.ratio[c]) for shift in shifts]
        rows.append(cells)
    return Table("Positives per class", columns, rows, name="data_classes")


def shifts_of(check: DataCheck) -> list[Shift]:
    """Return the shifts from the first split that has images."""
    return [shift for shift in check.shifts if shift.source == check.main_split]


def correlations_table(check: DataCheck) -> Table:
    """Return a row per pair of splits: how alike the shares of the classes are."""
    rows = []
    for shift in check.shifts:
        pair = f"{shift.source} and {shift.target}"
        rows.append([pair, shift.rank_correlation, len(shift.strong)])
    columns = [
        "splits",
        Column("rank correlation", digits=3, hint="Spearman's, of the shares over the classes"),
        Column("strong shifts", hint="classes with a factor of 3 or more, beyond chance"),
    ]
    return Table("Shares of the classes, split against split", columns, rows, name="data_shift")


def numbers_table(check: DataCheck, order: Sequence[int]) -> Table:
    """Return the numbers of the heat map; ``order`` has the classes from top to bottom."""
    rows = [[number, _class_cell(check, c)] for number, c in enumerate(order, 1)]
    return Table(
        "Numbers of the classes", ["number", "class"], rows, name="data_numbers", closed=True
    )


def pairs_table(check: DataCheck, *, by_lift: bool) -> Table:
    """Return pairs of classes that images have together."""
    together = check.together
    pairs = together.most_attracted() if by_lift else together.most_frequent()
    rows = []
    for a, b in pairs:
        names = [check.hierarchy.names[a], check.hierarchy.names[b]]
        rows.append([*names, int(together.counts[a, b]), float(together.lift[a, b])])
    columns = ["class", "other class", "images", Column("lift", hint=LIFT)]
    if by_lift:
        caption = f"Pairs with the highest lift ({MIN_IMAGES} images or more)"
        return Table(caption, columns, rows, name="data_lifts", closed=True)
    return Table("The most frequent pairs", columns, rows, name="data_pairs")


def agreement_table(check: DataCheck, split: str, agreement: Agreement) -> Table:
    """Return a row per class: how far the annotators agree."""
    columns: list[Column | str] = [
        "class",
        Column("chosen", hint="images in which at least one annotator chose the class"),
        Column("mean share %", digits=1, hint="of the annotators that chose it in these images"),
        Column("unanimous %", digits=1, hint="of these images: all annotators chose it"),
    ]
    if agreement.kappa is not None:
        columns.append(Column("Fleiss' kappa", hint="1: full agreement, 0: chance"))
    rows = []
    for c in range(len(check.classnames)):
        row = [_class_cell(check, c), int(agreement.chosen[c])]
        row += [100 * float(agreement.mean_share[c]), 100 * float(agreement.unanimous[c])]
        if agreement.kappa is not None:
            row.append(float(agreement.kappa[c]))
        rows.append(row)
    return Table(f"Agreement in {split}", columns, rows, name=f"data_agreement_{split}")


def texts_table(texts: TextCheck) -> Table:
    """Return a row per form of the class texts."""
    rows = []
    for form, longest in texts.longest.items():
        mark = "own" if texts.too_long[form] else ""
        rows.append(Row([form, longest, CONTEXT_LENGTH, len(texts.too_long[form])], mark))
    columns = ["text of a class", "longest prompt", "room", "classes that do not fit"]
    return Table("Tokens of the class texts", columns, rows, name="data_texts")


def duplicates_table(duplicates: Sequence[Duplicate]) -> Table:
    """Return the duplicates: kind, splits, images."""
    rows = []
    for one in duplicates[:MAX_ITEMS]:
        where = "across splits" if one.is_across else f"within {one.places[0].split}"
        images = "; ".join(map(str, one.places))
        correlation = one.correlation if one.kind == "near" else None
        rows.append([one.kind, where, images, correlation])
    columns = [
        Column("kind", hint="file: same bytes; pixels: same pixels; near: nearly the same pixels"),
        "where",
        "images",
        Column("correlation", digits=3, hint="of the thumbnails of near duplicates"),
    ]
    note = _rest(len(duplicates))
    return Table("Duplicates", columns, rows, name="data_duplicates", closed=True, note=note)


def finding_table(finding: Finding) -> Table:
    """Return the items of a finding as a table that opens on demand."""
    rows = [[item] for item in finding.items[:MAX_ITEMS]]
    caption = f"All {len(finding.items):,} of them"
    note = _rest(len(finding.items))
    return Table(caption, ["item"], rows, name=f"data_{finding.kind}", closed=True, note=note)


def _rest(count: int) -> str:
    """Return a note about the rows that are left out; empty without any."""
    if count <= MAX_ITEMS:
        return ""
    return f"The first {MAX_ITEMS} of {count:,}; check_data.json has all."


def _class_cell(check: DataCheck, c: int) -> Cell | str:
    """Return the name in words, with the key below it where the words do not tell it."""
    name, key = check.hierarchy.names[c], check.classnames[c]
    if name in (key, key_to_words(key)):
        return name
    return Cell(name, note=key)
