"""How often a model that scores the groups of a hierarchy itself contradicts the hierarchy."""

from collections.abc import Mapping, Sequence

from ..metrics import Array


def violation_rate(
    scores: Array,
    parents: Mapping[str, Mapping[str, Array]],
    levels: Mapping[str, Mapping[str, Sequence[int]]],
) -> float:
    """Return the share of pairs of class and group in which the class has the larger score.

    A class implies its group, so its probability is never larger than the group's. No threshold is
    needed: a pair is counted if there is a threshold that finds the class but not the group. Groups
    whose score is the maximum of their classes cannot violate this.

    Args:
        scores: ``(N, C)``.
        parents: level -> group -> scores ``(N,)`` of the model for the group.
        levels: level -> group -> class indices.

    Returns:
        Share from 0 to 1, over all images; NaN without scores of groups.
    """
    violated, pairs = 0, 0
    for level, groups in parents.items():
        for group, group_scores in groups.items():
            members = scores[:, list(levels[level][group])]  # (N, members)
            violated += int((members > group_scores[:, None]).sum())
            pairs += members.size
    return violated / pairs if pairs else float("nan")
