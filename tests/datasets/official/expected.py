"""Expected: the content of a generated data set, as a correct loader must read it."""

from dataclasses import dataclass, field

# Split -> image name -> names of the positive classes.
Splits = dict[str, dict[str, set[str]]]


@dataclass
class Expected:
    """The content of one generated data set.

    An image name is the POSIX path of the image file below the root. Where one file has several
    records (persons in EMOTIC), ``#0``, ``#1``, ... follow the path.

    Attributes:
        classnames: all classes, in the order of the official files where they have one.
        splits: split -> image name -> positive classes. A set without an official split has the
            single split ``all``. Where shares are the label, the positive classes are those with
            the largest share.
        shares: image name -> class -> share of the votes, or probability, from 0 to 1.
        variants: the same form as ``splits`` for other readings of the same files, by a name.
        orders: image names in the documented orders of the records, by a name.
        boxes: image name -> (left, top, right, bottom) in pixels, as the file gives it.
        unseen: classes without labels in training (zero-shot).
        notes: parts of the result that may legitimately differ between correct loaders.
    """

    classnames: list[str]
    splits: Splits
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    variants: dict[str, Splits] = field(default_factory=dict)
    orders: dict[str, list[str]] = field(default_factory=dict)
    boxes: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)
    notes: tuple[str, ...] = ()


def share_of_votes(counts: dict[str, int]) -> dict[str, float]:
    """Return class -> share of all votes; classes without a vote have the share 0."""
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}


def largest(shares: dict[str, float]) -> set[str]:
    """Return the classes with the largest share, several after a tie."""
    top = max(shares.values())
    return {name for name, share in shares.items() if share == top}
