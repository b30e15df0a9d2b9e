"""EmoSet-118K (Yang et al., ICCV 2023): Mikels' eight emotions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from core.errors import UserError
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.emotions import (
    MIKELS,
    Sample,
    check_unique,
    class_index,
    make_records,
    warn_of_total,
)
from datasets.reading import needed_files, read_list, read_text, root_of

TOTAL = 118_102
ROW = "[emotion, image, annotation] or [emotion, id, image, annotation]"

log = get_logger()


@DATASET_REGISTRY.register()
class EmoSet(IntentDataset):
    """EmoSet-118K: photographs with one of Mikels' eight emotions each.

    Files: ``<root>/{train,val,test}.json`` and ``<root>/image/<emotion>/<id>.jpg``.

    A row of a list has three fields (the released archive) or four (its README). ``info.json`` and
    ``annotation/`` are not needed. The emotions of ``info.json``, if it is there, must be Mikels'
    eight; its numbers are not used.
    """

    ignored_keys = ("TARGETS", "LABEL_POLICY", "FOLD")

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        classnames = read_list(MIKELS)
        check_info(root / "info.json", classnames)
        paths = needed_files(splits, {split: root / f"{split}.json" for split in SPLITS})
        lists = {split: read_rows(path, classnames) for split, path in paths.items()}
        everything = [sample.name for samples in lists.values() for sample in samples]
        check_unique(everything, f"{root}: {', '.join(path.name for path in paths.values())}")
        if set(lists) == set(SPLITS):
            warn_of_total("EmoSet", len(everything), TOTAL)
        records = {}
        for split, samples in lists.items():
            records[split] = make_records(cfg, root, samples, classnames, images=images)
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=records.get("train", ()),
            val=records.get("val"),
            test=records.get("test"),
            splits=splits,
            kind="single_label",
        )


def read_json_value(path: Path, needed: str) -> Any:
    """Return the content of a JSON file.

    Raises:
        UserError: the file is missing or is not valid JSON.
    """
    try:
        return json.loads(read_text(path, needed))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None


def read_rows(path: Path, classnames: Sequence[str]) -> list[Sample]:
    """Return the images of a list, in its order.

    Raises:
        UserError: a row has another form, or its emotion is unknown.
    """
    content = read_json_value(path, "list of EmoSet")
    if not isinstance(content, list):
        raise UserError(f"{path}: expected a list of rows {ROW}")
    samples = []
    for i, row in enumerate(content):
        where = f"{path}: row {i}"
        if not isinstance(row, list) or len(row) not in (3, 4):
            raise UserError(f"{where} is {row!r:.80}; expected {ROW}")
        emotion, image = row[0], row[-2]  # the id of four fields is not needed
        if not isinstance(emotion, str) or not isinstance(image, str):
            raise UserError(f"{where} is {row!r:.80}; expected texts {ROW}")
        index = class_index(emotion, classnames, where)
        samples.append(Sample(clean_path(image, where), classnames[index]))
    return samples


def clean_path(image: str, where: str) -> str:
    """Return the path of an image below the root.

    Raises:
        UserError: it leaves the root, or names no image.
    """
    path = image.strip().replace("\\", "/").removeprefix("./")
    if path.startswith("/") or ".." in path.split("/") or "." not in path:
        raise UserError(
            f"{where}: '{image:.80}' is no image path; expected image/<emotion>/<id>.jpg"
        )
    return path


def check_info(path: Path, classnames: Sequence[str]) -> None:
    """Raise unless ``info.json`` is missing or lists the same emotions."""
    if not path.is_file():
        log.info("EmoSet: %s is missing; the names of the lists are used", path)
        return
    content = read_json_value(path, "attributes of EmoSet")
    try:
        found = sorted(content["emotion"]["label2idx"])
    except (KeyError, TypeError):
        raise UserError(f"{path}: expected an object with emotion: label2idx") from None
    if found != sorted(classnames):
        raise UserError(
            f"{path}: the emotions are {', '.join(map(str, found))}; expected "
            f"{', '.join(sorted(classnames))}"
        )
