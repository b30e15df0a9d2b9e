"""Csv: photographs with a label file that another tool wrote, unchanged.

The formats are in ``datasets.own``; each is recognised by the content of the file.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError, did_you_mean
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.own.combine import LabelledImage, combine
from datasets.own.division import DELIMITERS
from datasets.own.formats import read_label_files
from datasets.own.items import LabelFile, ReadOptions, split_of
from datasets.own.locate import clean_name, locate, missing_images
from datasets.own.sources import Source, find_sources, given_classes
from datasets.own.splits import YEAR, divide
from datasets.own.targets import Targets, choose_kind
from datasets.own.wide import AUTO, IS_NO, IS_UNKNOWN
from datasets.reading import may_skip, resolve_images, root_of

IMAGE_FOLDERS = ("images", "data")  # beside the label file, as CVAT and FiftyOne write them

declare(
    "DATASET",
    Key(
        "IMAGES",
        "",
        "Csv, Folder: folder of the images below ROOT; {fold} stands for FOLD + 1; empty: the "
        "folder of the label file, ROOT, or images/ or data/ in them",
    ),
    Key(
        "SUFFIX",
        "",
        "Csv: suffix of the images where the label file leaves it out, such as .jpg; empty: "
        "looked up",
    ),
    Key(
        "IGNORE",
        (),
        "Csv: columns that are no labels; a Label Studio field that is no label",
    ),
    Key(
        "LABEL_DELIMITER",
        "auto",
        "Csv: what stands between the labels of one cell; none: a cell is one label; auto: pipe, "
        "semicolon or line break where they occur, else comma or space in a column with a plural "
        "name",
        choices=("auto", "none", *DELIMITERS),
    ),
    Key(
        "LABEL_VALUES",
        AUTO,
        "Csv: meaning of -1 in a column per class: no (0 is then unknown) or unknown (0 is then "
        "no); auto: an error asks if -1 occurs",
        choices=(AUTO, IS_NO, IS_UNKNOWN),
    ),
)

log = get_logger()


@DATASET_REGISTRY.register()
class Csv(IntentDataset):
    """Your own images with the labels of ``DATASET.FILE``, or of one file per split.

    A file without splits is train: val is drawn from it, or ``DATASET.USE_FOLDS`` divides it.
    """

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        sources = find_sources(cfg, root, splits)
        options = read_options(cfg, root, sources)
        files = read_sources(sources, options)
        content = combine(files, options.classnames)
        kind = choose_kind(cfg, single=content.single, source=str(files[0].path))
        names = [result_name(image, sources, files) for image in content.images]
        paths = find_images(cfg, root, files, content.images, names, needed=images)
        targets = Targets(cfg, content, kind)
        records = []
        for image, path, name in zip(content.images, paths, names, strict=True):
            classname = content.classnames[int(image.shares.argmax())]
            records.append(targets.record(image, classname, path, name))
        divided = divide(cfg, records, [image.split for image in content.images])
        for split in ("val", "test"):
            if split in divided:
                divided[split] = [targets.evaluated(record) for record in divided[split]]
        super().__init__(
            cfg,
            classnames=content.classnames,
            train_x=divided.get("train", ()),
            val=divided.get("val"),
            test=divided.get("test"),
            splits=splits,
            kind=kind,
            as_val=targets.evaluated,
        )


def read_options(cfg: CfgNode, root: Path, sources: Sequence[Source]) -> ReadOptions:
    """Return the settings of the readers; classes.txt is looked for beside the label files."""
    folders = [source.path.parent for source in sources]
    return ReadOptions(
        classnames=given_classes(cfg, root, [*folders, root]),
        ignore=tuple(cfg.DATASET.IGNORE),
        delimiter=cfg.DATASET.LABEL_DELIMITER,
        label_values=cfg.DATASET.LABEL_VALUES,
    )


def read_sources(sources: Sequence[Source], options: ReadOptions) -> list[LabelFile]:
    """Return the content of each label file with its split."""
    files = read_label_files([source.path for source in sources], options)
    for file, source in zip(files, sources, strict=True):
        file.split = source.split
        _warn_of_other_splits(file)
        file.in_split_folder = bool(source.folder)
    _name_annotators(files, sources)
    return files


def _name_annotators(files: Sequence[LabelFile], sources: Sequence[Source]) -> None:
    """Make the labels of each file the vote of its annotator, if files share an image.

    Files without a common image are parts of one data set; their labels are no votes.
    """
    images = [{clean_name(one.name) for one in file.judgements} for file in files]
    if sum(map(len, images)) == len(set().union(*images)):
        return
    for file, source in zip(files, sources, strict=True):
        if source.annotator is None:
            continue
        log.info("%s: the labels of annotator %s", file.path, source.annotator)
        file.judgements = [replace(one, annotator=source.annotator) for one in file.judgements]


def _warn_of_other_splits(file: LabelFile) -> None:
    """Warn if the rows of a file that is one split name another one."""
    others = {one.split for one in file.judgements} - {"", file.split}
    if file.split and others:
        log.warning(
            "%s: the file is that of %s; its column of splits, with %s, is not read",
            file.path,
            file.split,
            ", ".join(sorted(others)),
        )


def result_name(image: LabelledImage, sources: Sequence[Source], files: Sequence[LabelFile]) -> str:
    """Return the name of an image in results, which does not depend on the files on the disk."""
    folder = sources[files.index(image.file)].folder
    name = clean_name(image.name)
    return f"{folder}/{name}" if folder else name


def find_images(
    cfg: CfgNode,
    root: Path,
    files: Sequence[LabelFile],
    images: Sequence[LabelledImage],
    names: Sequence[str],
    *,
    needed: bool,
) -> list[str]:
    """Return the path of each image, or of its prepared copy.

    Args:
        names: names of the images in results, which stand for the paths of missing ones.
        needed: a missing image is an error, unless it may be skipped.

    Raises:
        UserError: images are missing, or two names stand for one file.
    """
    found: dict[int, str | None] = {}
    for file in files:
        positions = [i for i, image in enumerate(images) if image.file is file]
        sought = [images[i].name for i in positions]
        folders = image_folders(cfg, root, file)
        places = locate(sought, folders, suffix=suffix_of(cfg))
        found.update(zip(positions, places, strict=True))
        missing = [name for name, place in zip(sought, places, strict=True) if place is None]
        if needed and missing and not may_skip(cfg, len(missing), len(sought)):
            raise missing_images(missing, len(sought), folders, file.path)
    paths = []
    below_root = os.path.join(root, "")
    owner: dict[str, LabelledImage] = {}
    for i, image in enumerate(images):
        place = found[i]
        if place is None:
            paths.append(names[i])
            continue
        name = place.removeprefix(below_root)
        other = owner.setdefault(name, image)
        if other is not image:
            raise UserError(
                f"{image.file.path}: {image.where}: '{image.name}' is the same file as "
                f"'{other.name}' ({other.file.path}: {other.where}): {name}"
            )
        paths.append(name)
    return resolve_images(cfg, root, paths, images=needed)


def image_folders(cfg: CfgNode, root: Path, file: LabelFile) -> list[Path]:
    """Return the folders in which the names of a label file may start."""
    own = file.path.parent
    if cfg.DATASET.IMAGES:
        return _given_folders(cfg.DATASET.IMAGES, root, own)
    folders = [own, root]
    for folder in (own, root):
        folders += [folder / name for name in IMAGE_FOLDERS]
    if file.split:
        for folder in list(folders):
            for inner in _folders_of_split(folder, file.split):
                folders += [inner, inner / "images"]
    return folders


def _folders_of_split(folder: Path, split: str) -> list[Path]:
    """Return the folders in a folder whose name is that of a split: ``train``, ``train2017``."""
    if not folder.is_dir():
        return []
    names = sorted(name for name in os.listdir(folder) if split_of(YEAR.sub("", name)) == split)
    return [folder / name for name in names if (folder / name).is_dir()]


def _given_folders(name: str, root: Path, own: Path) -> list[Path]:
    """Return the folders that ``DATASET.IMAGES`` names below the root or the label file.

    Raises:
        UserError: neither exists.
    """
    folders = [folder / name for folder in dict.fromkeys((root, own))]
    if not any(folder.is_dir() for folder in folders):
        siblings = [path.name for path in root.iterdir() if path.is_dir()]
        raise UserError(
            f"DATASET.IMAGES: there is no folder {folders[0]}.{did_you_mean(name, siblings)}"
        )
    return folders


def suffix_of(cfg: CfgNode) -> str:
    """Return ``DATASET.SUFFIX`` with its dot."""
    suffix = cfg.DATASET.SUFFIX
    if suffix and not suffix.startswith("."):
        return f".{suffix}"
    return suffix
