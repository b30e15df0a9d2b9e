"""Agreement of the annotators, from the shares that chose each class."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

MAX_ANNOTATORS = 20  # beyond it nearly every rounded share is a fraction
TOLERANCE = 2e-3  # of shares that a file gives with three digits


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of the annotators of one split.

    Attributes:
        num_images: V, images with votes.
        num_annotators: annotators per image; None where the shares do not tell.
        chosen: int (C,), images in which at least one annotator chose the class.
        mean_share: float64 (C,), mean share that chose the class in these images; NaN without.
        unanimous: float64 (C,), share of these images in which all annotators chose the class.
        kappa: float64 (C,), Fleiss' kappa of "has the class, or not"; None without the number of
            annotators. NaN for a class with one answer only.
        kappa_single: Fleiss' kappa over the classes where each annotator chose exactly one; None
            otherwise.
    """

    num_images: int
    num_annotators: int | None
    chosen: np.ndarray
    mean_share: np.ndarray
    unanimous: np.ndarray
    kappa: np.ndarray | None
    kappa_single: float | None


def measure_agreement(votes: np.ndarray) -> Agreement | None:
    """Return the agreement; None without votes, or where all shares are 0 or 1.

    Such shares are a label rather than the marks of several annotators.

    Args:
        votes: float32 (V, C), shares of the annotators from 0 to 1.
    """
    if not ((votes > TOLERANCE) & (votes < 1 - TOLERANCE)).any():
        return None
    votes = votes.astype(np.float64)
    is_chosen = votes > 0
    chosen = is_chosen.sum(axis=0)
    mean_share = np.full(votes.shape[1], np.nan)
    unanimous = np.full(votes.shape[1], np.nan)
    np.divide(votes.sum(axis=0), chosen, out=mean_share, where=chosen > 0)
    np.divide((votes > 1 - TOLERANCE).sum(axis=0), chosen, out=unanimous, where=chosen > 0)
    number = infer_annotators(votes)
    kappa, kappa_single = None, None
    if number is not None:
        marks = np.rint(votes * number)  # (V, C) annotators that chose the class
        kappa = np.array([_binary_kappa(column, number) for column in marks.T])
        if (marks.sum(axis=1) == number).all():
            kappa_single = fleiss_kappa(marks)
    return Agreement(
        num_images=len(votes),
        num_annotators=number,
        chosen=chosen,
        mean_share=mean_share,
        unanimous=unanimous,
        kappa=kappa,
        kappa_single=kappa_single,
    )


def infer_annotators(votes: np.ndarray) -> int | None:
    """Return the number n of annotators per image, None where the shares do not tell.

    Each share is k/n. The number is known where a share in lowest terms has the denominator n and
    all other shares are multiples of 1/n. Shares of 1/3 and 1/5 come from several numbers and tell
    none; neither do shares of 0 and 1 alone.

    Args:
        votes: (V, C), shares from 0 to 1.
    """
    denominators = set()
    for value in np.unique(votes.round(4)):
        share = Fraction(float(value)).limit_denominator(MAX_ANNOTATORS)
        if abs(float(share) - value) > TOLERANCE:
            return None
        denominators.add(share.denominator)
    number = max(denominators)
    if number < 2 or any(number % other for other in denominators):
        return None
    return number


def fleiss_kappa(marks: np.ndarray) -> float:
    """Return Fleiss' kappa (Fleiss 1971).

    Args:
        marks: (V, K), annotators that chose each of K exclusive answers; each row has the same sum,
            at least 2.

    Returns:
        1 for full agreement, 0 for chance; NaN where all answers are the same.
    """
    number = marks[0].sum()
    observed = ((marks**2).sum(axis=1) - number) / (number * (number - 1))  # (V,)
    shares = marks.sum(axis=0) / marks.sum()  # (K,)
    by_chance = (shares**2).sum()
    if by_chance == 1:
        return float("nan")
    return float((observed.mean() - by_chance) / (1 - by_chance))


def _binary_kappa(chosen: np.ndarray, number: int) -> float:
    """Return Fleiss' kappa of one class, chosen by ``chosen`` (V,) of ``number`` annotators."""
    return fleiss_kappa(np.stack([chosen, number - chosen], axis=1))
