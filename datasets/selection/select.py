"""Apply the choices of ``datasets.selection`` to the records of a data set."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from yacs.config import CfgNode

from core.errors import UserError
from core.seed import make_generator
from datasets.hierarchy import Hierarchy
from datasets.records import Record, image_names
from datasets.selection.classes import chosen_classes, keep_classes
from datasets.selection.drawn import Drawn
from datasets.selection.missing import keep_present
from datasets.selection.partial_labels import apply_mask, mask_file_name, mask_of, write_mask
from datasets.selection.portion import num_used
from datasets.selection.shots import draw_shots, val_shots
from datasets.selection.val_split import FILE, draw_val, read_kept, val_groups
from datasets.targets import positive_classes

SHOTS_STREAM = 4  # of core.seed.make_generator


@dataclass
class Selected:
    """The records that a run uses.

    Attributes:
        train: training records.
        val: records on which choices are made.
        test: records of the final evaluation.
        classes: indices of the classes in use, in label order.
        hierarchy: of the classes in use.
        drawn: what was chosen at random or left out.
        notes: sentences about missing images for log and report.
    """

    train: list[Record]
    val: list[Record]
    test: list[Record]
    classes: list[int]
    hierarchy: Hierarchy
    drawn: list[Drawn] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def select(
    cfg: CfgNode,
    given: Mapping[str, Sequence[Record] | None],
    hierarchy: Hierarchy,
    *,
    num_classes: int,
    as_val: Callable[[Record], Record],
    draw: bool = True,
    mask_rows: int = 1,
) -> Selected:
    """Return the records that ``cfg.DATASET`` selects.

    Args:
        cfg: the whole configuration.
        given: records by split as the files have them; ``val`` None: there is no such split.
        hierarchy: of all classes.
        num_classes: C of the files.
        as_val: returns a training record with the label that it has in a drawn val split.
        draw: False leaves a missing val split empty.
        mask_rows: rows of an image in DualCoOp's masks of this data set.

    Raises:
        UserError: settings do not fit each other or the data.
    """
    train, val = list(given["train"] or ()), list(given["val"] or ())
    selected = Selected(train, val, list(given["test"] or ()), list(range(num_classes)), hierarchy)
    full = _use_portion(cfg, _mask(cfg, selected, mask_rows), selected)
    if draw and given["val"] is None and not cfg.TEST.NO_TEST:
        _draw_val(cfg, full, selected, as_val)
    # Here, so that neither the rows of a mask nor the drawn val depend on what is missing.
    if cfg.DATASET.MISSING_IMAGES == "skip":
        _skip_missing(selected)
    _subsample(cfg, selected)
    _few_shots(cfg, selected)
    return selected


def _mask(cfg: CfgNode, selected: Selected, rows: int) -> list[Record]:
    """Hide training labels; return the training records with all labels, for val."""
    full = selected.train
    if not full:
        return full
    labels = np.stack([record.label for record in full])
    known = mask_of(cfg, labels)
    if known is None:
        return full
    masked = []
    for record, row in zip(full, known, strict=True):
        masked.append(replace(record, label=apply_mask(record.label, row)))
    selected.train = masked
    message = f"Partial labels: {100 * known.mean():.1f} % of the training labels are known"
    node = cfg.DATASET
    if node.MASK_FILE:
        selected.drawn.append(Drawn(f"{message} (DATASET.MASK_FILE {node.MASK_FILE})"))
        return full
    layout = node.MASK_LAYOUT
    selected.drawn.append(
        Drawn(
            f"{message} (drawn, layout {layout})",
            mask_file_name(node.PORTION_KNOWN, layout),
            lambda path: write_mask(path, known, labels, layout, rows=rows),
        )
    )
    return full


def _use_portion(cfg: CfgNode, full: list[Record], selected: Selected) -> list[Record]:
    """Keep the first training images."""
    portion = cfg.DATASET.PORTION
    if portion >= 1 or not full:
        return full
    number = num_used(len(full), portion)
    selected.drawn.append(
        Drawn(f"The first {number} of {len(full)} training images are used (DATASET.PORTION)")
    )
    selected.train = selected.train[:number]
    return full[:number]


def _draw_val(
    cfg: CfgNode, full: list[Record], selected: Selected, as_val: Callable[[Record], Record]
) -> None:
    """Move a share of the training images to val, with all their labels."""
    node = cfg.DATASET
    if not full or node.VAL_PERCENT <= 0:
        return
    in_val = read_kept(cfg.RESUME or cfg.OUTPUT_DIR, image_names(full, node.ROOT))
    if in_val is None:
        labels = np.stack([record.label for record in full])
        groups = val_groups(full, node.ROOT)
        in_val = draw_val(groups, labels, share=node.VAL_PERCENT, seed=node.SPLIT_SEED)
    drawn = [record for record, chosen in zip(full, in_val, strict=True) if chosen]
    selected.val = [as_val(record) for record in drawn]
    selected.train = [
        record for record, chosen in zip(selected.train, in_val, strict=True) if not chosen
    ]
    if not selected.train or not selected.val:
        raise UserError(
            f"data set {node.NAME} has {len(full)} training images, too few to draw val from "
            f"(DATASET.VAL_PERCENT {node.VAL_PERCENT}); add images, or train without evaluation: "
            "TEST.NO_TEST True TEST.FINAL_MODEL last_step"
        )
    message = (
        f"Data set {node.NAME} has no val split: {len(selected.val)} of {len(full)} training "
        f"images were drawn as val (DATASET.VAL_PERCENT {node.VAL_PERCENT}, DATASET.SPLIT_SEED "
        f"{node.SPLIT_SEED})"
    )
    names = image_names(selected.val, node.ROOT)
    selected.drawn.append(Drawn(message, FILE, lambda path: _write_lines(path, names)))


def _skip_missing(selected: Selected) -> None:
    """Keep the images whose files are there."""
    given = {"train": selected.train, "val": selected.val, "test": selected.test}
    kept = keep_present(given)
    for split, records in given.items():
        lost = len(records) - len(kept[split])
        if lost:
            selected.notes.append(
                f"{lost} of {len(records)} images of split {split} are missing and are left out "
                "(DATASET.MISSING_IMAGES skip)"
            )
    selected.train, selected.val, selected.test = kept["train"], kept["val"], kept["test"]


def _subsample(cfg: CfgNode, selected: Selected) -> None:
    """Keep the base classes or the new ones."""
    which = cfg.DATASET.SUBSAMPLE_CLASSES
    if which == "all":
        return
    classes = chosen_classes(len(selected.classes), which)
    if not classes:
        raise UserError(
            f"DATASET.SUBSAMPLE_CLASSES '{which}' leaves no class of {len(selected.classes)}"
        )
    before = [len(selected.train), len(selected.val), len(selected.test)]
    selected.train = keep_classes(selected.train, classes)
    selected.val = keep_classes(selected.val, classes)
    selected.test = keep_classes(selected.test, classes)
    after = [len(selected.train), len(selected.val), len(selected.test)]
    pairs = [f"{new} of {old}" for new, old in zip(after, before, strict=True)]
    selected.drawn.append(
        Drawn(
            f"SUBSAMPLE_CLASSES {which}: {len(classes)} of {len(selected.classes)} classes; images "
            f"that have one of them: {pairs[0]} in train, {pairs[1]} in val, {pairs[2]} in test"
        )
    )
    selected.hierarchy = selected.hierarchy.restrict(classes)
    selected.classes = classes


def _few_shots(cfg: CfgNode, selected: Selected) -> None:
    """Keep a few images per class in train and val."""
    shots = cfg.DATASET.NUM_SHOTS
    if shots < 1:
        return
    generator = _generator(cfg.SEED)
    selected.train, train_text = _draw(selected.train, shots, generator)
    val = val_shots(shots, cfg.DATASET.NUM_SHOTS_VAL)
    val_text = f"all {len(selected.val)} images of val"
    if val and selected.val:
        selected.val, val_text = _draw(selected.val, val, generator)
    root = cfg.DATASET.ROOT
    names = {"train": image_names(selected.train, root), "val": image_names(selected.val, root)}
    selected.drawn.append(
        Drawn(
            f"{shots} shots per class, seed {cfg.SEED}: train has {train_text}; val has {val_text}",
            "few_shots.json",
            lambda path: path.write_text(json.dumps(names, indent=1), encoding="utf-8"),
        )
    )


def _draw(
    records: Sequence[Record], shots: int, generator: np.random.Generator
) -> tuple[list[Record], str]:
    """Return the drawn records and their numbers in words."""
    if not records:
        return [], "no images"
    labels = np.stack([record.label for record in records])
    indices = draw_shots(labels, shots=shots, generator=generator)
    counts = positive_classes(labels[indices]).sum(axis=0)
    text = f"{len(indices)} images, {counts.min()} to {counts.max()} of a class"
    return [records[i] for i in indices], text


def _generator(seed: int) -> np.random.Generator:
    """Return NumPy's generator for the shots of a run."""
    torch_generator = make_generator(seed, SHOTS_STREAM)
    return np.random.Generator(np.random.PCG64(torch_generator.initial_seed()))


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
