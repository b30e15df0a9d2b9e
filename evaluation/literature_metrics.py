"""Metrics under the names of the literature, beside those of the benchmark.

They are in metrics.json and in the report, and not in the table of each evaluation.
"""

import numpy as np

from .ancestors import hierarchy_f1
from .calibration import brier_score, calibration_error
from .metrics import macro_f1, mean_or_nan, mean_without_nan, ratio, samples_f1
from .ranking import (
    oracle_decisions,
    recall_at,
    top1_accuracy,
    top_k_scores,
)
from .scored import Scored
from .table import metric

# Ranking ------------------------------------------------------------------------------------------


@metric("mAP_interp", listed=False)
def mean_interpolated_ap(split: Scored) -> float:
    """Return the mean interpolated AP over the classes that have a positive."""
    return mean_without_nan(split.ap_interp)


@metric("micro_AP", listed=False)
def micro_ap(split: Scored) -> float:
    """Return the AP of all entries as one list."""
    return split.ranked_entries.average_precision()


@metric("macro_auc", listed=False)
def macro_auc(split: Scored) -> float:
    """Return the mean area under the ROC curve over the classes that have both labels."""
    return mean_without_nan(split.auc)


@metric("micro_auc", listed=False)
def micro_auc(split: Scored) -> float:
    """Return the area under the ROC curve of all entries as one list."""
    return split.ranked_entries.roc_auc()


def _register_recall(k: int) -> None:
    @metric(f"recall_at_{k}", listed=False)
    def recall(split: Scored) -> float:
        """Return the share of an image's positives among its k best classes, mean over images."""
        return recall_at(split.ranks, split.labels, k)


def _register_oracle(k: int) -> None:
    @metric(f"oracle_macro_f1_at_{k}", listed=False)
    def oracle_macro(split: Scored) -> float:
        """Return the macro F1 when an oracle picks the positives among the k best classes."""
        return macro_f1(oracle_decisions(split.ranks, split.labels, k), split.labels)

    @metric(f"oracle_samples_f1_at_{k}", listed=False)
    def oracle_samples(split: Scored) -> float:
        """Return the samples F1 when an oracle picks the positives among the k best classes."""
        return samples_f1(oracle_decisions(split.ranks, split.labels, k), split.labels)


def _register_top(k: int) -> None:
    @metric(f"precision_top{k}", listed=False)
    def precision(split: Scored) -> float:
        """Return the precision of all decisions when each image gets its k best classes."""
        return top_k_scores(split.ranks, split.labels, k)[0]

    @metric(f"recall_top{k}", listed=False)
    def recall(split: Scored) -> float:
        """Return the recall of all decisions when each image gets its k best classes."""
        return top_k_scores(split.ranks, split.labels, k)[1]

    @metric(f"f1_top{k}", listed=False)
    def f1(split: Scored) -> float:
        """Return the F1 of all decisions when each image gets its k best classes."""
        return top_k_scores(split.ranks, split.labels, k)[2]


for _k in (3, 5, 10):
    _register_recall(_k)
for _k in (3, 5):
    _register_oracle(_k)
for _k in (3, 5):
    _register_top(_k)


# One label per image ------------------------------------------------------------------------------


@metric("top1_accuracy", listed=False)
def accuracy(split: Scored) -> float:
    """Return the share of images whose best class is a positive one."""
    return top1_accuracy(split.ranks, split.labels)


@metric("top1_macro_f1", listed=False)
def top1_macro_f1(split: Scored) -> float:
    """Return the macro F1 when each image gets its best class alone."""
    return macro_f1(split.ranks == 0, split.labels)


# Multi-label classification -----------------------------------------------------------------------


def _class_precision_recall(split: Scored) -> tuple[float, float]:
    """Return CP and CR: means over the classes that have a positive."""
    true_pos, false_pos, false_neg = split.class_counts
    present = (split.labels > 0).any(axis=0)
    precision = ratio(true_pos, true_pos + false_pos)
    recall = ratio(true_pos, true_pos + false_neg)
    return mean_or_nan(precision[present]), mean_or_nan(recall[present])


@metric("CP", at_fixed=True, listed=False)
def class_precision(split: Scored) -> float:
    """Return the mean precision of the classes."""
    return _class_precision_recall(split)[0]


@metric("CR", at_fixed=True, listed=False)
def class_recall(split: Scored) -> float:
    """Return the mean recall of the classes."""
    return _class_precision_recall(split)[1]


@metric("CF1", at_fixed=True, listed=False)
def class_f1(split: Scored) -> float:
    """Return the mean F1 of the classes, which equals ``macro_f1``."""
    return split.f1["macro"]


@metric("CF1_hcp", at_fixed=True, listed=False)
def class_f1_of_means(split: Scored) -> float:
    """Return the harmonic mean of CP and CR, which other papers call CF1."""
    precision, recall = _class_precision_recall(split)
    return float(ratio(2 * precision * recall, precision + recall))


@metric("OP", at_fixed=True, listed=False)
def overall_precision(split: Scored) -> float:
    """Return the precision of all decisions together."""
    true_pos, false_pos, _ = map(np.sum, split.class_counts)
    return float(ratio(true_pos, true_pos + false_pos))


@metric("OR", at_fixed=True, listed=False)
def overall_recall(split: Scored) -> float:
    """Return the recall of all decisions together."""
    true_pos, _, false_neg = map(np.sum, split.class_counts)
    return float(ratio(true_pos, true_pos + false_neg))


@metric("OF1", at_fixed=True, listed=False)
def overall_f1(split: Scored) -> float:
    """Return the F1 of all decisions together, which equals ``micro_f1``."""
    return split.f1["micro"]


# Probabilities and hierarchy ----------------------------------------------------------------------


@metric("ece", listed=False, smaller_is_better=True)
def ece(split: Scored) -> float:
    """Return the expected calibration error over 15 bins of equal mass."""
    return calibration_error(split.ranked_entries)


@metric("brier", listed=False, smaller_is_better=True)
def brier(split: Scored) -> float:
    """Return the mean squared difference of probability and label."""
    return brier_score(split.scores, split.labels)


metric("hierarchy_f1", at_fixed=True, listed=False, needs_levels=True)(hierarchy_f1)
