"""Zero-shot class splits: seen classes are trained, unseen ones only tested."""

from collections.abc import Iterable, Sequence

from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError

# Value of DATASET.CLASS_SPLIT -> the data set that has it.
CLASS_SPLITS = {"48_17": "Coco2014", "925_81": "NusWide"}

declare(
    "DATASET",
    Key(
        "CLASS_SPLIT",
        "",
        "zero-shot split of the classes into seen and unseen: 48_17 (Coco2014) or 925_81 "
        "(NusWide); empty: all classes are trained",
        choices=("", *CLASS_SPLITS),
    ),
)


def is_zero_shot(cfg: CfgNode, split: str) -> bool:
    """Return True if ``DATASET.CLASS_SPLIT`` is ``split``, the one of the calling data set.

    Raises:
        UserError: it is the split of another data set.
    """
    chosen = cfg.DATASET.CLASS_SPLIT
    if chosen not in ("", split):
        raise UserError(
            f"DATASET.CLASS_SPLIT '{chosen}' is of the data set {CLASS_SPLITS[chosen]}; accepted "
            f"for {CLASS_SPLITS[split]}: '' and '{split}'"
        )
    return chosen == split


def twins(seen: Iterable[str], unseen: Sequence[str]) -> dict[str, str]:
    """Return the unseen names that differ from a seen name by a final ``s`` alone.

    Such a class, as ``cars`` beside the seen ``car``, is not strictly unseen. Other plurals, as
    ``leaf`` and ``leaves``, are not found.

    Args:
        seen: names of the seen classes.
        unseen: names of the unseen classes.

    Returns:
        ``{unseen name: seen name}`` in the order of ``unseen``.
    """
    known = set(seen)
    found = {}
    for name in unseen:
        for other in (f"{name}s", name.removesuffix("s")):
            if other != name and other in known:
                found[name] = other
    return found
