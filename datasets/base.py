"""IntentDataset: the form in which every data set reaches the loaders."""

from collections.abc import Callable, Mapping, Sequence

from yacs.config import CfgNode

from core.config import Key, declare, declared_keys
from core.errors import UserError
from core.logging import get_logger
from datasets.given import Splits, check_classnames, check_kind, check_labels, check_unseen
from datasets.hierarchy import (
    Hierarchy,
    default_hierarchy,
    has_hierarchy,
    load_hierarchy,
    with_seen_and_unseen,
)
from datasets.reading import root_of
from datasets.records import Record
from datasets.sealed import SealedRecords
from datasets.selection.classes import check_no_subsample
from datasets.selection.drawn import Drawn
from datasets.selection.select import Selected, select
from datasets.targets import hard_label

SPLITS = ("train", "val", "test")
ALL = "all"  # in counts: all splits together

log = get_logger()

declare(
    "DATASET",
    Key(
        "HIERARCHY",
        "",
        "name under datasets/hierarchies/ or path of a YAML file (also below ROOT); empty: the "
        "data set's own, or plain class names",
    ),
    Key(
        "TITLE",
        "",
        "name of the data in reports; empty: NAME and FILE or HIERARCHY",
        may_change=True,
    ),
    Key(
        "COUNTS",
        (),
        "verified numbers of images by split, as in [train=5011, test=4952], or of all splits "
        "together, as in [all=3045]; the log warns where the files have another number",
        may_change=True,
    ),
)


class IntentDataset:
    """The images of three splits, the class names and their hierarchy.

    A data set of your own is a registered subclass. Its constructor takes ``cfg``, reads its files
    below ``cfg.DATASET.ROOT`` and passes the records on::

        @DATASET_REGISTRY.register()
        class Photos(IntentDataset):
            def __init__(self, cfg):
                ...
                super().__init__(
                    cfg, classnames=["calm", "joy"], train_x=train, val=val, test=test
                )

    ``DATASET.NAME Photos`` then selects it, with its module in ``IMPORTS``. Without
    ``DATASET.HIERARCHY`` the hierarchy is the file in ``datasets/hierarchies/`` that has the name
    of the data set, or else the words of the class names without groups.

    Args:
        cfg: the whole configuration.
        classnames: one key per class, all different; the order is that of the labels.
        train_x: records of the training images.
        val: records on which the best epoch and the threshold are chosen; None draws them from
            train (``DATASET.VAL_PERCENT``).
        test: records of the final evaluation; nothing is chosen on them. None: the data set has no
            test split, and val is evaluated instead, which the log says.
        splits: splits that must have images.
        kind: ``multi_label``; or ``single_label``: each label is 1 at one class, or a distribution
            over the classes, which is checked.
        counts: verified number of records by split, or of ``all`` splits together, beside those of
            ``DATASET.COUNTS``; the log warns where they differ.
        unseen: indices of classes that training must not know. Their labels in train and val are
            ``UNKNOWN``, and test labels cannot be read before the final evaluation.
        notes: sentences about the data that a reader of the results must know, for log and report.
        as_val: returns a training record with the label that it has in a drawn val split; by
            default a soft target becomes a decision (:func:`datasets.targets.hard_label`).

    ``val`` and ``test`` may be empty when ``TEST.NO_TEST`` is True. The keys of
    ``datasets.selection`` are applied to the records afterwards.

    A data set can also be built where image files are missing (``build_annotations``): to evaluate
    given predictions, or to check the files. If its constructor has the arguments ``splits`` and
    ``images``, they are passed: the splits that are read, and False. It then reads these splits,
    and train if it is there. A missing image is no error then. Those that exist have the paths and
    are left out by the same keys as for training; if none exists, none is left out. For training,
    ``build_dataset`` looks for the files of all records, so that a data set need not.

    Raises:
        UserError: a split has no images, a class name is empty or given twice, a label does not fit
            the classes or the kind, or the hierarchy does not fit the class names.

    Attributes have Dassl's names: ``train_x``, ``train_u`` (None), ``val``, ``test``,
    ``classnames``, ``lab2cname`` and ``num_classes``. ``hierarchy`` is in label order. ``drawn``
    has what was chosen at random, for the log and the output folder. A class may set ``mask_rows``,
    the rows of an image in DualCoOp's files of partial labels, and ``ignored_keys``, the keys of
    DATASET that other data sets read and it does not; the log warns where they are set.
    """

    mask_rows = 1
    ignored_keys: Sequence[str] = ()

    def __init__(
        self,
        cfg: CfgNode,
        *,
        classnames: Sequence[str],
        train_x: Sequence[Record],
        val: Sequence[Record] | None = None,
        test: Sequence[Record] | None = None,
        splits: Sequence[str] = SPLITS,
        kind: str = "multi_label",
        counts: Mapping[str, int] | None = None,
        unseen: Sequence[int] = (),
        notes: Sequence[str] = (),
        as_val: Callable[[Record], Record] | None = None,
    ) -> None:
        name = cfg.DATASET.NAME
        check_kind(name, kind)
        check_classnames(name, classnames)
        self.kind = kind
        self.unseen = tuple(unseen)
        self.has_test = test is not None
        self.train_u = None
        given = {"train": list(train_x), "val": val, "test": list(test or ())}
        _warn_of_ignored(cfg, self.ignored_keys)
        check_labels(name, given, classnames, kind, self.unseen)
        _warn_of_counts(name, given, {**(counts or {}), **_read_counts(cfg.DATASET.COUNTS)})
        check_unseen(name, given, self.unseen)
        self._check_splits(cfg, splits, given, drawn=val is None)
        hierarchy = _load_hierarchy(cfg, list(classnames))
        if unseen:
            check_no_subsample(cfg)
            hierarchy = with_seen_and_unseen(hierarchy, self.unseen)
        selected = select(
            cfg,
            given,
            hierarchy,
            num_classes=len(classnames),
            as_val=as_val or (lambda record: hard_label(record, classnames, kind)),
            draw="val" in splits,
            mask_rows=self.mask_rows,
        )
        self._take(selected, list(classnames))
        if kind == "single_label" and self.num_classes == 1:
            log.warning(
                "Data set %s has one class, '%s': every prediction is right, and nothing is learnt",
                name,
                self.classnames[0],
            )
        self.notes = [*notes, *selected.notes]
        for note in self.notes:
            log.warning("Data set %s: %s", name, note)
        chosen = {"train": self.train_x, "val": self.val, "test": self.test}
        self._check_splits(cfg, splits, chosen)
        if "test" in splits and not self.has_test and not cfg.TEST.NO_TEST:
            log.warning(
                "Data set %s has no test split. The final numbers are of val, on which the best "
                "epoch and the threshold are chosen, so they are too high",
                name,
            )

    def _take(self, selected: Selected, classnames: list[str]) -> None:
        """Set the attributes of the data set from what was selected."""
        self.train_x, self.val = selected.train, selected.val
        self.test = SealedRecords(selected.test) if self.unseen else selected.test
        self.drawn: list[Drawn] = selected.drawn
        self.hierarchy = selected.hierarchy
        self.classnames = [classnames[c] for c in selected.classes]
        self.lab2cname = dict(enumerate(self.classnames))
        self.num_classes = len(self.classnames)

    def open_test(self) -> None:
        """Let the final evaluation read the test labels of a zero-shot data set."""
        if isinstance(self.test, SealedRecords):
            self.test.open()

    def _check_splits(
        self,
        cfg: CfgNode,
        splits: Sequence[str],
        records: Mapping[str, Sequence[Record] | None],
        *,
        drawn: bool = False,
    ) -> None:
        """Raise unless every split that the run reads has images; ``drawn``: val comes later."""
        name = cfg.DATASET.NAME
        if "train" in splits and not records["train"]:
            raise UserError(f"data set {name} has no images in split train")
        if cfg.TEST.NO_TEST:
            return
        advice = "or train without evaluation: TEST.NO_TEST True TEST.FINAL_MODEL last_step"
        if "val" in splits and not records["val"] and not drawn:
            raise UserError(
                f"data set {name} has no images in split val. The best epoch and the threshold are "
                f"chosen on val, never on test. Add images, {advice}"
            )
        if "test" in splits and self.has_test and not records["test"]:
            raise UserError(f"data set {name} has no images in split test. Add images, {advice}")


def _load_hierarchy(cfg: CfgNode, classnames: list[str]) -> Hierarchy:
    """Load the configured hierarchy, or the one with the data set's name, or a flat one."""
    name = cfg.DATASET.HIERARCHY
    if name:
        below_root = root_of(cfg) / name
        if not has_hierarchy(name) and below_root.is_file():
            name = str(below_root)
        return load_hierarchy(name, classnames)
    own_name = cfg.DATASET.NAME.lower()
    if has_hierarchy(own_name):
        return load_hierarchy(own_name, classnames)
    return default_hierarchy(classnames)


def _warn_of_ignored(cfg: CfgNode, keys: Sequence[str]) -> None:
    """Log a warning for each of the keys that is not at its default."""
    for key in keys:
        value = cfg.DATASET[key]
        if value != declared_keys()[f"DATASET.{key}"].default:
            log.warning(
                "DATASET.%s %s has no effect on the data set %s", key, value, cfg.DATASET.NAME
            )


def _read_counts(entries: Sequence[str]) -> dict[str, int]:
    """Return the numbers of ``DATASET.COUNTS`` by split.

    Raises:
        UserError: an entry is not ``split=number``.
    """
    counts = {}
    for entry in entries:
        split, _, number = (part.strip() for part in entry.partition("="))
        if split not in (*SPLITS, ALL) or not number.isdecimal():
            raise UserError(
                f"DATASET.COUNTS has '{entry}'; expected train, val, test or all, '=' and a number,"
                " such as train=5011"
            )
        counts[split] = int(number)
    return counts


def _warn_of_counts(name: str, given: Splits, counts: Mapping[str, int]) -> None:
    """Log a warning where a split has another size than the published data set.

    Splits without images are not compared: they were not read, or end in an error.
    """
    found = {split: len(records or ()) for split, records in given.items()}
    found[ALL] = sum(found.values())
    for split, expected in counts.items():
        if found[split] not in (0, expected):
            where = "" if split == ALL else f" in split {split}"
            log.warning(
                "Data set %s has %d images%s; the published one has %d",
                name, found[split], where, expected,
            )  # fmt: skip
