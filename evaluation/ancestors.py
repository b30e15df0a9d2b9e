"""Metrics on classes and their ancestors in the hierarchy. N: images, C: classes, G: groups."""

from collections.abc import Mapping, Sequence

from .metrics import Array, f1_counts, micro_f1
from .scored import Scored


def hierarchy_f1(split: Scored) -> float:
    """Return the micro F1 over all classes and all their ancestors.

    A predicted class counts as predicting its ancestors, a true class as having them, so that a
    wrong class below the right parent costs less than one elsewhere (Kiritchenko et al., 2005).
    """
    views = [split, *map(split.pool, split.groups.levels.values())]
    return micro_f1(f1_counts(view.pred, view.labels) for view in views)


def violation_rate(
    pred: Array, parents: Mapping[str, Array], groups: Mapping[str, Sequence[int]]
) -> float:
    """Return the share of predicted classes whose parent is not predicted.

    It is of use only for models that score the parents themselves: the maximum over a group's
    classes exceeds a threshold whenever one of them does.

    Args:
        pred: decisions on the classes, ``(N, C)`` bool.
        parents: decisions on the groups, group -> ``(N,)`` bool.
        groups: group -> class indices.
    """
    num_pred, num_violations = 0, 0
    for group, decided in parents.items():
        members = pred[:, list(groups[group])]
        num_pred += int(members.sum())
        num_violations += int((members & ~decided[:, None]).sum())
    return num_violations / num_pred if num_pred else float("nan")
