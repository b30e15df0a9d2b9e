"""WEBEmo (Panda et al., ECCV 2018): stock photographs in 25 emotions, listed by their addresses."""

from collections.abc import Sequence
from pathlib import Path

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.files import find_missing
from core.logging import get_logger
from datasets.base import SPLITS, IntentDataset
from datasets.build import DATASET_REGISTRY
from datasets.download.addresses import url_file_name
from datasets.emotions import Sample, make_records, numbered_lines
from datasets.reading import needed_files, read_list, root_of

FOLDER = "WEBEmo"
LISTS = {"train": "train25.txt", "test": "test25.txt"}
COUNTS = {"train": 213_952, "test": 53_489}  # addresses of the release

declare(
    "DATASET",
    Key(
        "WEBEMO_MISSING",
        "error",
        "WEBEmo: images that are listed but not there, because their address is dead: an error, or "
        "left out before val is drawn, which the log counts (skip)",
        choices=("error", "skip"),
    ),
)

log = get_logger()


@DATASET_REGISTRY.register()
class WEBEmo(IntentDataset):
    """WEBEmo: stock photographs with one of 25 emotions each.

    Files: ``<root>/WEBEmo/{train25,test25}.txt``, also in the root, and images named by their
    address.

    The image of an address is ``<root>/`` and
    :func:`datasets.download.addresses.url_file_name`. Val is drawn from train.
    """

    ignored_keys = ("TARGETS", "LABEL_POLICY", "FOLD")

    def __init__(
        self, cfg: CfgNode, *, splits: Sequence[str] = SPLITS, images: bool = True
    ) -> None:
        root = root_of(cfg)
        classnames = read_list("webemo25.txt")
        paths = {split: list_path(root, name) for split, name in LISTS.items()}
        lists = {}
        for split, path in needed_files(splits, paths).items():
            lists[split] = read_samples(path, classnames)
        warn_of_repeated(lists)
        records = {}
        advice = f"Fetch them with: python -m tools.download webemo --root {root}"
        for split, samples in lists.items():
            if cfg.DATASET.WEBEMO_MISSING == "skip":
                samples = keep_present(root, samples, split)
            records[split] = make_records(
                cfg, root, samples, classnames, images=images, advice=advice
            )
        super().__init__(
            cfg,
            classnames=classnames,
            train_x=records.get("train", ()),
            val=None,
            test=records.get("test"),
            splits=splits,
            kind="single_label",
            counts=COUNTS,
        )


def list_path(root: Path, name: str) -> Path:
    """Return the place of a list: in the folder of the release, or in the root."""
    outer = root / name
    return outer if outer.is_file() else root / FOLDER / name


def read_samples(path: Path, classnames: Sequence[str]) -> list[Sample]:
    """Return the images of a list with lines ``address number``, in its order.

    Raises:
        UserError: the file is missing, or a line has another form.
    """
    samples = []
    for number, line in numbered_lines(path, "list of WEBEmo"):
        where = f"{path}: line {number}"
        words = line.rsplit(None, 1)
        if len(words) != 2 or not words[0].startswith(("http://", "https://")):
            raise UserError(f"{where} is '{line:.80}'; expected an address and a number")
        url, label = words
        if not label.isdecimal() or int(label) >= len(classnames):
            raise UserError(f"{where}: the label is '{label}'; expected 0 to {len(classnames) - 1}")
        samples.append(Sample(url_file_name(url), classnames[int(label)]))
    return samples


def keep_present(root: Path, samples: Sequence[Sample], split: str) -> list[Sample]:
    """Return the images whose files are there, all if none is; the log counts the others."""
    missing = set(find_missing(root, [sample.name for sample in samples]))
    if missing.issuperset(sample.name for sample in samples):
        return list(samples)
    kept = []
    for sample in samples:
        if sample.name not in missing:
            kept.append(sample)
    if len(kept) < len(samples):
        log.warning(
            "WEBEmo: %d of %d images of split %s are missing and are left out",
            len(samples) - len(kept), len(samples), split,
        )  # fmt: skip
    return kept


def warn_of_repeated(lists: dict[str, list[Sample]]) -> None:
    """Log how many addresses are listed twice, and how many are in train and in test."""
    repeated, shared = 0, 0
    seen: set[str] = set()
    for samples in lists.values():
        names = {sample.name for sample in samples}
        repeated += len(samples) - len(names)
        shared += len(names & seen)
        seen |= names
    if repeated or shared:
        log.warning(
            "WEBEmo: %d addresses are listed again in the same list; %d are in train and in test",
            repeated, shared,
        )  # fmt: skip
