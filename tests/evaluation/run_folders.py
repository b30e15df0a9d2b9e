"""Output folders of made-up runs, for the tests of comparisons."""

import json

import numpy as np

from evaluation import THRESHOLDS, f1_scores
from evaluation.metrics import average_precision

CLASSES = ("Attractive", "BeatCompete", "Communicate", "CreativeUnique", "EasyLife")
NUM_VAL, NUM_TEST = 80, 120


def make_labels(num_images, *, seed=0):
    """Return labels ``(N, C)``: frequent classes first, at least two positives each."""
    random = np.random.default_rng(seed)
    share = np.linspace(0.45, 0.12, len(CLASSES))
    labels = (random.random((num_images, len(CLASSES))) < share).astype(np.float32)
    labels[:2] = 1
    return labels


def make_scores(labels, *, skill, seed):
    """Return scores ``(N, C)`` in (0, 1); the larger ``skill``, the better they rank."""
    random = np.random.default_rng(seed)
    logits = skill * (labels - 0.5) + random.normal(size=labels.shape)
    # float32 values, as a model gives them, so that a file of either precision has the same.
    return (1 / (1 + np.exp(-logits))).astype(np.float32).astype(np.float64)


def metrics_of(scores, labels, threshold):
    """Return the metrics of a split in percent."""
    f1 = f1_scores(scores > threshold, labels)
    return {
        "mAP": 100 * float(average_precision(scores, labels).mean()),
        "macro_f1": 100 * f1["macro"],
        "micro_f1": 100 * f1["micro"],
        "samples_f1": 100 * f1["samples"],
        "threshold": threshold,
        "macro_f1@0.5": 100 * f1_scores(scores > 0.5, labels)["macro"],
    }


def tune(scores, labels):
    """Return the threshold with the best macro F1."""
    macro = [f1_scores(scores > t, labels)["macro"] for t in THRESHOLDS]
    return float(THRESHOLDS[int(np.argmax(macro))])


def write_scores(path, scores, labels, *, prefix, classes=CLASSES):
    """Write a file like ``scores_test.npz``."""
    images = [f"low/{prefix}{number:04d}.jpg" for number in range(len(scores))]
    np.savez(path, scores=scores, labels=labels, images=images, classes=list(classes))


def make_run(
    folder, *, skill=2.0, seed=1, trainer="IntCLIP", lr=0.1, val=True, card=True, labels_seed=0
):
    """Write the output folder of a run and return it."""
    folder.mkdir(parents=True)
    metrics = {"model": "epoch 2"}
    threshold = 0.5
    splits = {"val": NUM_VAL, "test": NUM_TEST}
    if not val:
        del splits["val"]
    for number, (split, size) in enumerate(splits.items()):
        labels = make_labels(size, seed=labels_seed + 10 * (split == "test"))
        scores = make_scores(labels, skill=skill, seed=[seed, number, len(trainer)])
        if split == "val":
            threshold = tune(scores, labels)
        metrics[split] = metrics_of(scores, labels, threshold)
        write_scores(folder / f"scores_{split}.npz", scores, labels, prefix=split)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    if card:
        config = {
            "SEED": seed,
            "OUTPUT_DIR": str(folder),
            "DATASET": {"NAME": "Intentonomy", "ROOT": f"/data/{seed}"},
            "MODEL": {"BACKBONE": {"NAME": "RN101"}},
            "TRAINER": {"NAME": trainer},
            "OPTIM": {"LR": lr},
        }
        card = {"config": config, "commit": "abc", "backbone": {"name": "RN101"}}
        (folder / "run.json").write_text(json.dumps(card))
    return folder
