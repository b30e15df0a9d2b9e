"""Records of labelled images: targets by split, for one or several classes per image."""

from dataclasses import replace

import numpy as np
from yacs.config import CfgNode

from core.config import Key, declare
from core.labels import UNKNOWN
from core.logging import get_logger
from datasets.label_policy import apply_policy, held_out_policy
from datasets.own.cells import shown
from datasets.own.combine import LabelledImage, LabelledImages
from datasets.own.items import fault
from datasets.records import Record
from datasets.targets import distribution, is_tied, one_hot

SUM_TOLERANCE = 1e-3  # of shares over the classes, which files round

declare(
    "DATASET",
    Key(
        "KIND",
        "auto",
        "Csv, Folder: whether an image has several classes or exactly one; auto: one for Folder "
        "and for files with one label per image in a column label or class",
        choices=("auto", "multi_label", "single_label"),
    ),
)

log = get_logger()


def choose_kind(cfg: CfgNode, *, single: bool, source: str) -> str:
    """Return the kind of labels that ``DATASET.KIND`` names; the log says what ``auto`` takes.

    Args:
        cfg: the configuration.
        single: the files give one class per image.
        source: name of the files for the log.
    """
    if cfg.DATASET.KIND != "auto":
        return cfg.DATASET.KIND
    kind = "single_label" if single else "multi_label"
    log.info("%s: DATASET.KIND auto is %s", source, kind)
    return kind


class Targets:
    """Labels of train from shares, and those of val and test, which are 0 or 1.

    Args:
        cfg: configuration; ``DATASET.LABEL_POLICY`` and ``DATASET.TARGETS`` are read.
        images: all images.
        kind: ``multi_label`` or ``single_label``.

    Raises:
        UserError: an image has not exactly one class where ``kind`` is ``single_label``.
    """

    def __init__(self, cfg: CfgNode, images: LabelledImages, kind: str) -> None:
        shares = np.stack([image.shares for image in images.images])  # (N, C)
        is_soft = bool(((shares > 0) & (shares < 1)).any())
        self.is_single = kind == "single_label"
        self.has_votes = images.has_votes or is_soft
        self.is_distribution = cfg.DATASET.TARGETS == "soft"
        self.policy = cfg.DATASET.LABEL_POLICY
        self.held_out = held_out_policy(self.policy)
        if not images.has_votes and not is_soft and self.policy in ("majority", "soft"):
            log.warning(
                "DATASET.LABEL_POLICY %s has no effect: the files name no annotators", self.policy
            )
        if not images.has_votes and self.policy != "majority":
            # Shares that a file gives may be probabilities, of which none is exactly 0: "any" would
            # mark every class.
            self.policy, self.held_out = "soft", "majority"
        if self.is_single:
            _check_single(images)
        elif is_soft and not images.has_votes:
            log.info(
                "Shares in single cells: train targets %s, val and test count shares above 0.5",
                self.policy,
            )

    def record(self, image: LabelledImage, classname: str, path: str, name: str) -> Record:
        """Return the record of a training image.

        Args:
            image: the image.
            classname: class with the largest share.
            path: of its file.
            name: for results.
        """
        votes = np.where(image.shares == UNKNOWN, 0, image.shares).astype(np.float32)
        if self.is_single:
            votes = distribution(votes)
            label = votes if self.is_distribution else one_hot(int(votes.argmax()), len(votes))
        else:
            label = self._apply(self.policy, votes, image.shares)
            classname = ""
        kept = votes if self.has_votes else None
        return Record(path, label, classname=classname, name=name, votes=kept)

    def evaluated(self, record: Record) -> Record:
        """Return the record with the label that it has in val or test."""
        votes = record.votes
        if votes is None:
            return record
        if self.is_single:
            return replace(record, label=one_hot(int(votes.argmax()), len(votes)))
        return replace(record, label=self._apply(self.held_out, votes, record.label))

    @staticmethod
    def _apply(policy: str, votes: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the target (C,); entries that are unknown in ``known`` stay unknown."""
        label = apply_policy(votes, policy)
        label[known == UNKNOWN] = UNKNOWN
        return label


def _check_single(images: LabelledImages) -> None:
    """Raise unless each image has one class, or shares of classes that sum to 1."""
    ties = 0
    for image in images.images:
        shares = image.shares
        total = float(shares.sum())
        if (shares == UNKNOWN).any():
            message = "has unknown labels"
        elif total == 0:
            message = "has no label"
        elif abs(total - 1) > SUM_TOLERANCE:
            marked = [images.classnames[c] for c in np.flatnonzero(shares)[:3]]
            message = (
                f"has the labels {', '.join(map(shown, marked))}, whose shares sum to {total:g}"
            )
        else:
            ties += is_tied(shares)
            continue
        raise fault(
            image.file.path,
            image.where,
            f"image {shown(image.name)} {message}; DATASET.KIND single_label expects one class",
        )
    if ties:
        log.warning("%d images have several classes with most votes; the first one counts", ties)
