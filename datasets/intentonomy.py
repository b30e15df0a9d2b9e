"""Intentonomy (Jia et al., CVPR 2021) and any data set in its annotation format.

Layout: ``<root>/annotations/intentonomy_{train,val,test}2020.json`` and the images at
``<root>/<filename>``. Every file is parsed once; every fault in it is reported with the file and
the entry.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from yacs.config import CfgNode

from core.errors import UserError
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.label_policy import apply_policy, held_out_policy
from datasets.reading import needed_files, resolve_images, root_of
from datasets.records import Record

log = get_logger()


@dataclass(frozen=True, eq=False)
class Annotations:
    """One parsed annotation file.

    Attributes:
        classnames: C class keys in id order.
        filenames: N image file names below the root.
        targets: float32 (N, C), shares of annotators or multi-hot.
        is_soft: True if the file gives shares of annotators.
    """

    classnames: list[str]
    filenames: list[str]
    targets: np.ndarray
    is_soft: bool


@DATASET_REGISTRY.register()
class Intentonomy(IntentDataset):
    """Intentonomy: intents behind images, several per image, marked by several annotators.

    ``DATASET.LABEL_POLICY`` makes the training targets. ``any``: an annotator marks the class.
    ``majority``: more than half of them do; images without a positive class stay in the data set.
    ``soft``: the share of annotators. Targets of val and test are multi-hot under every policy.
    """

    ignored_keys = ("TARGETS", "FOLD")

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        paths = needed_files(splits, {split: annotation_path(root, split) for split in SPLITS})
        files = {split: read_annotations(path) for split, path in paths.items()}
        check_same_classes(paths, files)
        names = [name for file in files.values() for name in file.filenames]
        advice = f"Fetch them with: python -m tools.download intentonomy --root {root}"
        found = resolve_images(cfg, root, names, images=images, advice=advice)
        images_at = dict(zip(names, found, strict=True))
        policy = cfg.DATASET.LABEL_POLICY
        if policy != "any" and "train" in files and not files["train"].is_soft:
            log.warning(
                "DATASET.LABEL_POLICY %s has no effect: %s has no soft targets",
                policy,
                paths["train"],
            )
        records: dict[str, list[Record]] = {}
        for split, file in files.items():
            split_policy = policy if split == "train" else held_out_policy(policy)
            records[split] = make_records(file, split_policy, images_at)
        super().__init__(
            cfg,
            classnames=next(iter(files.values())).classnames,
            train_x=records.get("train", ()),
            val=records.get("val"),
            test=records.get("test"),
            splits=splits,
        )


def annotation_path(root: Path, split: str) -> Path:
    """Return the annotation file of a split."""
    return root / "annotations" / f"intentonomy_{split}2020.json"


def make_records(file: Annotations, policy: str, images_at: Mapping[str, str]) -> list[Record]:
    """Return one record per annotation, in the order of the file.

    Args:
        images_at: file name -> path of the image that is read.
    """
    labels = apply_policy(file.targets, policy)  # (N, C)
    records = []
    for name, label, shares in zip(file.filenames, labels, file.targets, strict=True):
        votes = shares if file.is_soft else None
        records.append(Record(images_at[name], label, name=name, votes=votes))
    return records


def read_annotations(path: Path) -> Annotations:
    """Parse and check one annotation file.

    Raises:
        UserError: a fault; the message names the file, the entry and what was expected.
    """
    content = _load_json(path)
    classnames = _read_categories(path, content["categories"])
    filenames = _read_images(path, content["images"])
    entries = content["annotations"]
    _check_entries(path, entries, filenames)
    is_soft = bool(entries) and "category_ids" not in entries[0]
    read_targets = _read_softprob if is_soft else _read_category_ids
    targets = read_targets(path, entries, len(classnames))  # (N, C)
    order = [filenames[entry["image_id"]] for entry in entries]
    return Annotations(classnames, order, targets, is_soft)


def check_same_classes(paths: dict[str, Path], files: dict[str, Annotations]) -> None:
    """Raise unless all files list the same categories under the same ids."""
    first = next(iter(files))
    expected = files[first].classnames
    for split, file in files.items():
        if file.classnames != expected:
            difference = _first_difference(file.classnames, expected)
            raise UserError(
                f"{paths[split]}: categories differ from those of {paths[first]}: {difference}"
            )


def _first_difference(names: list[str], expected: list[str]) -> str:
    """Return in words where two different lists of classes part."""
    for i, (name, other) in enumerate(zip(names, expected, strict=False)):
        if name != other:
            return f"id {i} is '{name}', not '{other}'"
    return f"{len(names)} against {len(expected)}"


def _load_json(path: Path) -> dict[str, list]:
    """Return the file's object with its three lists."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(
            f"annotation file {path} is missing; DATASET.ROOT (--root) must hold "
            f"annotations/{path.name}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None
    for key in ("categories", "images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f"{path}: expected an object with a list under the key '{key}'")
    return content


def _field(path: Path, entry: Any, key: str, kind: type, where: str) -> Any:
    """Return ``entry[key]``, or raise naming the entry when it is absent or of another type."""
    if not isinstance(entry, dict) or key not in entry:
        raise UserError(f"{path}: {where}: expected an object with the key '{key}'")
    value = entry[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UserError(f"{path}: {where}: '{key}' is {value!r:.60}; expected {kind.__name__}")
    return value


def _read_categories(path: Path, categories: list) -> list[str]:
    """Return the class keys sorted by id; ids must be 0..C-1."""
    names: dict[int, str] = {}
    for i, entry in enumerate(categories):
        number = _field(path, entry, "id", int, f"categories[{i}]")
        if number in names:
            raise UserError(f"{path}: categories[{i}]: id {number} is given twice")
        names[number] = _field(path, entry, "name", str, f"categories[{i}]")
    if not names or sorted(names) != list(range(len(names))):
        raise UserError(
            f"{path}: categories: ids are {sorted(names)}; expected 0 to C-1 without gaps"
        )
    if len(set(names.values())) < len(names):
        raise UserError(f"{path}: categories: a name is given twice; expected one name per id")
    return [names[i] for i in range(len(names))]


def _read_images(path: Path, images: list) -> dict[str, str]:
    """Return image id -> file name."""
    filenames: dict[str, str] = {}
    for i, entry in enumerate(images):
        image_id = _field(path, entry, "id", str, f"images[{i}]")
        if image_id in filenames:
            raise UserError(f"{path}: images[{i}]: id '{image_id}' is given twice")
        filenames[image_id] = _field(path, entry, "filename", str, f"images[{i}]")
    return filenames


def _check_entries(path: Path, entries: list, filenames: dict[str, str]) -> None:
    """Raise unless each annotation names a known image that no other one names."""
    seen: set[str] = set()
    ids: set[int] = set()
    for i, entry in enumerate(entries):
        where = f"annotations[{i}]"
        image_id = _field(path, entry, "image_id", str, where)
        if image_id not in filenames:
            raise UserError(f"{path}: {where}: image_id '{image_id}' is not in 'images'")
        if image_id in seen:
            raise UserError(
                f"{path}: {where}: image_id '{image_id}' is annotated twice; "
                "expected one entry per image"
            )
        seen.add(image_id)
        if "id" in entry:
            number = _field(path, entry, "id", int, where)
            if number in ids:
                raise UserError(f"{path}: {where}: id {number} is given twice")
            ids.add(number)


def _read_category_ids(path: Path, entries: list, num_classes: int) -> np.ndarray:
    """Return multi-hot targets (N, C)."""
    targets = np.zeros((len(entries), num_classes), dtype=np.float32)
    for i, entry in enumerate(entries):
        for number in _field(path, entry, "category_ids", list, f"annotations[{i}]"):
            if type(number) is not int or not 0 <= number < num_classes:
                raise UserError(
                    f"{path}: annotations[{i}]: category_ids holds {number!r:.60}; "
                    f"expected 0 to {num_classes - 1}"
                )
            targets[i, number] = 1.0
    return targets


def _read_softprob(path: Path, entries: list, num_classes: int) -> np.ndarray:
    """Return the shares of annotators (N, C)."""
    targets = np.zeros((len(entries), num_classes), dtype=np.float32)
    for i, entry in enumerate(entries):
        where = f"annotations[{i}] (without category_ids)"
        shares = _field(path, entry, "category_ids_softprob", list, where)
        where = f"{path}: annotations[{i}]: category_ids_softprob"
        if len(shares) != num_classes:
            raise UserError(
                f"{where} has {len(shares)} values; expected {num_classes}, one per category"
            )
        for value in shares:
            is_number = type(value) in (int, float)  # bool is an int in Python, but no share
            if not is_number or not 0 <= value <= 1:  # also true for NaN
                raise UserError(f"{where} holds {value!r:.60}; expected numbers from 0 to 1")
        targets[i] = shares
    return targets
