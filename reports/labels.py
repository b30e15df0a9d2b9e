"""Names of metrics, rules and groups on pages."""

import re

LABELS = {
    "mAP": "mAP",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "samples_f1": "samples F1",
    "mAP_interp": "mAP interpolated",
    "zsl_mAP": "mAP, unseen classes",
    "zsl_f1_top3": "F1 of the top 3, unseen classes",
    "gzsl_mAP": "mAP, all classes",
    "gzsl_f1_top3": "F1 of the top 3, all classes",
}


# Metrics that only the table of all metrics shows.
WORDS = {
    **LABELS,
    "mean": "mean of the four headline metrics",
    "micro_AP": "micro AP",
    "macro_auc": "macro ROC-AUC",
    "micro_auc": "micro ROC-AUC",
    "top1_accuracy": "accuracy of the best class",
    "top1_macro_f1": "macro F1 of the best class",
    "CP": "precision, mean over classes",
    "CR": "recall, mean over classes",
    "CF1": "F1, mean over classes",
    "CF1_hcp": "harmonic mean of CP and CR",
    "OP": "precision of all decisions",
    "OR": "recall of all decisions",
    "OF1": "F1 of all decisions",
    "ece": "expected calibration error",
    "brier": "Brier score",
    "hierarchy_f1": "F1 with all ancestors",
    "zsl_images": "images, unseen classes",
    "gzsl_images": "images, all classes",
}
OF_CLASSES = {"zsl": "unseen classes", "gzsl": "all classes"}
LEVELS = {"super": "top level", "mid": "middle level"}


def metric_in_words(name: str) -> str:
    """Return a metric of metrics.json in words: ``macro_f1/super`` is ``macro F1, top level``."""
    base, _, threshold = name.partition("@")
    base, _, group = base.partition("/")
    words = _base_in_words(base)
    if threshold:
        words += f", threshold {threshold}"
    return f"{words}, {group_in_words(group)}" if group else words


def group_in_words(name: str) -> str:
    """Return a level of the tree or a subset of the classes in words."""
    return LEVELS.get(name, name.replace("_", " "))


def _base_in_words(name: str) -> str:
    if name in WORDS:
        return WORDS[name]
    zero_shot = re.fullmatch(r"(zsl|gzsl)_(.+)", name)
    if zero_shot:
        return f"{_base_in_words(zero_shot[2])}, {OF_CLASSES[zero_shot[1]]}"
    oracle = re.fullmatch(r"oracle_(.+)_at_(\d+)", name)
    if oracle:
        return f"{_base_in_words(oracle[1])} of an oracle on the top {oracle[2]}"
    top = re.fullmatch(r"(.+?)_(?:at_|top)(\d+)", name)
    if top:
        # "recall_at_3" is a mean over images, "recall_top3" one share of all decisions.
        of_each = " of each image" if "_at_" in name else ""
        words = "F1" if top[1] == "f1" else _base_in_words(top[1])
        return f"{words} of the top {top[2]}{of_each}"
    return name.replace("_", " ")


def rule_in_words(name: str) -> str:
    """Return the registered name of a decision rule in words: ``per_class`` is ``per class``."""
    return name.replace("_", " ")


def label_of(name: str) -> str:
    """Return the label of a metric; the name itself where it has no other label."""
    return LABELS.get(name, name)
