"""Metrics of the order of the classes within an image.

Labels are positive above 0, negative at 0, unknown below 0. N: images, C: classes.
"""

import numpy as np

from .metrics import Array, mean_or_nan


def rank_classes(scores: Array, labels: Array | None = None) -> Array:
    """Return the rank of each known class within its image, ``(N, C)``, from 0 for the best.

    Of equal scores the first class is better. Unknown classes are not ranked: they have rank C.
    Without labels all classes are ranked.
    """
    falling = -scores
    if labels is not None:
        falling = np.where(labels >= 0, falling, np.inf)
    order = np.argsort(falling, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(scores.shape[1])[None], axis=1)
    if labels is None:
        return ranks
    return np.where(labels >= 0, ranks, scores.shape[1])


def recall_at(ranks: Array, labels: Array, k: int) -> float:
    """Return the share of an image's positives among its k best classes, mean over images.

    Images without a positive are left out.

    Args:
        ranks: ``(N, C)``, from :func:`rank_classes`.
        labels: ``(N, C)``.
        k: number of classes.
    """
    positive = labels > 0
    num_pos = positive.sum(axis=1)
    hits = (positive & (ranks < k)).sum(axis=1)
    has_any = num_pos > 0
    return mean_or_nan(hits[has_any] / num_pos[has_any])


def oracle_decisions(ranks: Array, labels: Array, k: int) -> Array:
    """Return the decisions of an oracle that picks the right ones of the k best, ``(N, C)`` bool.

    No rule that picks among the k best classes of an image has larger F1 than these decisions.
    Arguments are those of :func:`recall_at`.
    """
    return (ranks < k) & (labels > 0)


def top_k_scores(ranks: Array, labels: Array, k: int) -> tuple[float, float, float]:
    """Return precision, recall and F1 when each image gets its k best classes.

    All decisions count together, as the literature on zero-shot multi-label recognition reports
    them. Arguments are those of :func:`recall_at`.
    """
    # Unknown classes have rank C, which is below k where there are fewer than k classes.
    positive, pred = labels > 0, ranks < min(k, ranks.shape[1])
    num_hits = int((positive & pred).sum())
    num_pred, num_pos = int(pred.sum()), int(positive.sum())
    if not num_pos:
        return float("nan"), float("nan"), float("nan")
    precision, recall = num_hits / max(num_pred, 1), num_hits / num_pos
    return precision, recall, 2 * num_hits / (num_pred + num_pos)


def top1_accuracy(ranks: Array, labels: Array) -> float:
    """Return the share of images whose best class is a positive one.

    With one label per image this is the usual accuracy. Images without a positive are left out.
    Arguments are those of :func:`recall_at`.
    """
    positive = labels > 0
    has_any = positive.any(axis=1)
    right = (positive & (ranks == 0)).any(axis=1)
    return mean_or_nan(right[has_any].astype(np.float64))
