"""Names of the metrics on pages."""

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


def rule_in_words(name: str) -> str:
    """Return the registered name of a decision rule in words: ``per_class`` is ``per class``."""
    return name.replace("_", " ")


def label_of(name: str) -> str:
    """Return the label of a metric; the name itself where it has no other label."""
    return LABELS.get(name, name)
