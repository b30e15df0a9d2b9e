"""Runs to look at: real scores, many classes with long names, one class, and next to nothing.

``python -m tests.reports.examples FOLDER`` writes their reports. Real scores need the environment
variable ``INTENTONOMY_ANNOTATIONS``, a folder with the official annotations and
``real_test_scores.npz``.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from datasets.hierarchy import load_hierarchy
from evaluation import (
    GlobalThreshold,
    Groups,
    Scored,
    SplitResult,
    compute_metrics,
    groups_of,
    per_class_rows,
)
from evaluation.evaluated import EvaluatedRun, EvaluatedSplit, RuleResult
from evaluation.rule_comparison import compare_rules
from evaluation.rules import PerClassThresholds
from reports.run_report import write_report_and_tables

FOLDER = os.environ.get("INTENTONOMY_ANNOTATIONS")


def split_of(scores, labels, rule, names, groups=None, paths=None, votes=None):
    """Return an evaluated split; images are named by number."""
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float32)
    scored = Scored.by_rule(scores, labels, rule)
    metrics = compute_metrics(scored, rule, groups or Groups())
    rows = per_class_rows(scored, names)
    result = SplitResult(metrics, rule, rows, scores, labels)
    images = [f"low/{i:05d}.jpg" for i in range(len(scores))]
    return EvaluatedSplit(result, images, paths or [""] * len(scores), votes)


def draw_scores(rng, labels, noise=1.2):
    """Return probabilities ``(N, C)`` that follow the labels with noise."""
    logits = 2.2 * (labels > 0) - 2.6 + noise * rng.standard_normal(labels.shape)
    return 1 / (1 + np.exp(-logits))


def draw_labels(rng, num_images, shares):
    """Return labels ``(N, C)`` with these shares of positives."""
    return (rng.random((num_images, len(shares))) < shares).astype(np.float32)


def rule_results(names, splits, best=0.42):
    """Return four rules beside each other, the last one tuned on test."""
    results = []
    for name, tuned_on, rule in (
        ("global", "val", GlobalThreshold(0.35)),
        ("fixed", "", GlobalThreshold(0.5)),
        ("shrunk", "val", GlobalThreshold(0.38)),
        ("best on test", "test", GlobalThreshold(best)),
    ):
        metrics = {}
        for split, evaluated in splits.items():
            result = evaluated.result
            again = split_of(result.scores, result.labels, rule, names).result.metrics
            metrics[split] = {key: again[key] for key in ("macro_f1", "micro_f1", "samples_f1")}
        results.append(RuleResult(name, rule, tuned_on, metrics))
    return results


def intervals_of(split, rules=()):
    """Return made-up intervals of the right form."""
    result = split.result
    metrics = {}
    for name, value in result.metrics.items():
        if "threshold" not in name and np.isfinite(value):
            metrics[name] = {"value": value, "low": value - 2.1, "high": value + 2.4}
    entries = {"ap": [], "f1": []}
    for row in result.per_class:
        for key, rows in entries.items():
            if row["num_pos"] < 20:
                rows.append({"note": "n too small"})
            else:
                half = 45 / np.sqrt(row["num_pos"])
                low, high = max(row[key] - half, 0), min(row[key] + half, 100)
                rows.append({"low": low, "high": high})
    by_rule = {}
    for rule in rules:
        value = list(rule.metrics.values())[-1]["macro_f1"]
        first = list(rules[0].metrics.values())[-1]["macro_f1"]
        difference = {"value": value - first, "low": value - first - 1.3, "high": value - first + 1}
        by_rule[rule.name] = {
            "macro_f1": {"value": value, "low": value - 2.2, "high": value + 2.3},
            "difference": {"macro_f1": difference},
        }
    return {
        "draws": 1000,
        "seed": 0,
        "confidence": 0.95,
        "metrics": metrics,
        "classes": entries,
        "dropped": {},
        "rules": by_rule,
    }


def card():
    """Return a run card."""
    return {
        "command": "python train.py --root data/intentonomy --seed 1 --trainer IntCLIP "
        "--dataset-config-file configs/datasets/intentonomy.yaml "
        "--config-file configs/trainers/IntCLIP/rn101.yaml --output-dir output/intclip/seed1",
        "commit": "521298270b",
        "dirty": False,
        "seed": 1,
        "start": "2026-03-01T10:00:00",
        "end": "2026-03-01T12:34:00",
        "versions": {"python": "3.11.2", "torch": "2.11.0", "numpy": "2.4.6"},
        "hardware": {"cpu": "a processor", "cores": 16, "device": "cuda"},
        "config": {
            "MODEL": {"BACKBONE": {"NAME": "RN101"}},
            "OPTIM": {"LR": 0.0004},
            "TEST": {"FINAL_MODEL": "best_val"},
        },
        "costs": {
            "learnable_parameters": 21_345_280,
            "total_parameters": 119_000_000,
            "flops_per_image": 9.9e9,
            "latency_ms": 12.345,
            "throughput_images_per_second": 812.3,
            "peak_memory_mib": 9120,
            "training_seconds": 9240,
        },
    }


def history():
    """Return training curves."""
    epochs = range(30)
    rng = np.random.default_rng(3)
    batches = range(0, 6000, 10)
    curves = {"train/loss": [(b, 3 * np.exp(-b / 2400) + 1 + rng.random()) for b in batches]}
    curves["train/lr"] = [(b, 4e-4 * (1 + np.cos(np.pi * b / 6000)) / 2) for b in batches]
    for i, name in enumerate(("mAP", "macro_f1", "micro_f1", "samples_f1")):
        curves[f"val/{name}"] = [(e, 30 + 5 * i + 12 * (1 - np.exp(-e / 8))) for e in epochs]
    return curves


def published():
    """Return rows of other work."""
    warning = "Threshold tuned on the scored split."
    return [
        {"method": "ResNet-50 baseline", "backbone": "RN50", "macro_f1": 24.37, "micro_f1": 32.07,
         "samples_f1": 30.91, "kind": "paper", "source": "Jia et al., CVPR 2021", "rule": "val"},
        {"method": "HLEG", "backbone": "RN101", "macro_f1": 32.77, "micro_f1": 44.69,
         "samples_f1": 45.54, "mAP_interp": 35.93, "kind": "paper", "source": "AAAI 2023",
         "rule": "tuned on the scored split", "warnings": [warning]},
        {"method": "PsyIntent", "backbone": "RN101", "macro_f1": 40.42, "micro_f1": 54.17,
         "samples_f1": 54.09, "mAP_interp": 47.85, "kind": "repository log", "source": "one seed",
         "rule": "0.5"},
    ]  # fmt: skip


def real_run():
    """Return a published model's scores on Intentonomy with the official labels."""
    folder = Path(FOLDER)
    scores = np.load(folder / "real_test_scores.npz")["scores"].astype(np.float64)
    content = json.loads((folder / "intentonomy_test2020.json").read_bytes())
    keys = [c["name"] for c in sorted(content["categories"], key=lambda c: c["id"])]
    labels = np.zeros(scores.shape, dtype=np.float32)
    for i, entry in enumerate(content["annotations"]):
        labels[i, entry["category_ids"]] = 1
    train = np.load(folder / "train_label_vectors_intentonomy2020.npy") > 0
    val_labels = np.load(folder / "val_label_vectors_intentonomy2020.npy")
    groups = groups_of(load_hierarchy("intentonomy", keys))
    rule = GlobalThreshold(0.35)
    rng = np.random.default_rng(0)
    splits = {
        "val": split_of(draw_scores(rng, val_labels), val_labels, rule, keys, groups),
        "test": split_of(scores, labels, rule, keys, groups),
    }
    rules = rule_results(keys, splits)
    return EvaluatedRun(
        title="IntCLIP on Intentonomy, seed 1",
        splits=splits,
        names=keys,
        groups=groups,
        train_counts=train.sum(axis=0),
        train_prior=train.mean(axis=0),
        rules=rules,
        rule=rules[2].rule,
        intervals=intervals_of(splits["test"], rules),
        card=card(),
        history=history(),
    )


def long_run(folder):
    """Return 80 classes with names of up to 80 characters, and everything that a run can have.

    This is: val, train, pictures, votes, unknown labels, a chosen rule, curves and costs.
    """
    rng = np.random.default_rng(1)
    names = long_names(80)
    shares = np.geomspace(0.3, 0.004, 80)
    labels = draw_labels(rng, 1500, shares)
    scores = draw_scores(rng, labels)
    labels[rng.random(labels.shape) < 0.03] = -1
    votes = np.where(labels > 0, 1.0, np.where(rng.random(labels.shape) < 0.06, 1 / 3, 0.0))
    paths = draw_pictures(rng, folder, 1500)
    rule = GlobalThreshold(0.35)
    levels = {"super": {}, "mid": {}}
    for c in range(80):
        levels["super"].setdefault(f"super {c % 7}", []).append(c)
        levels["mid"].setdefault(f"mid {c % 21}", []).append(c)
    groups = Groups(subsets={"head": range(20), "tail": range(50, 80)}, levels=levels)
    val_labels = draw_labels(rng, 400, shares)
    val_scores = draw_scores(rng, val_labels)
    splits = {
        "val": split_of(val_scores, val_labels, rule, names, groups),
        "test": split_of(scores, labels, rule, names, groups, paths, votes),
    }
    rules = rule_results(names, splits)
    train_prior = shares[::-1]
    return EvaluatedRun(
        title="A model on a data set with 80 classes whose names are as long as they come",
        splits=splits,
        names=names,
        groups=groups,
        rules=rules,
        rule=PerClassThresholds.fit(val_scores, val_labels),
        train_counts=(2000 * train_prior).round(),
        train_prior=train_prior,
        intervals=intervals_of(splits["test"], rules),
        card=card(),
        history=history(),
    )


def long_names(count):
    """Return different names of 5 to 80 characters, some without a space."""
    words = [
        "curious",
        "adventurous",
        "exciting",
        "life",
        "<b>fine</b>",
        "design",
        "&",
        "art,",
        "$cost_100%",
        "of",
        "culture",
    ]
    names = []
    for c in range(count):
        text = " ".join(words[(c + i) % len(words)] for i in range(14))
        if c % 9 == 4:
            text = text.replace(" ", "")
        names.append(f"{c} {text}"[: 5 + (c * 37) % 76])
    return names


def draw_pictures(rng, folder, count):
    """Draw a few pictures; return a path per image, some of them without a file."""
    paths = []
    for i in range(8):
        image = Image.new("RGB", (400, 300), tuple(int(x) for x in rng.integers(40, 220, 3)))
        ImageDraw.Draw(image).ellipse((60 + 10 * i, 40, 260, 240), fill=(250, 240, 30 * i))
        image.save(folder / f"{i}.jpg")
    for i in range(count):
        paths.append(str(folder / f"{i % 8}.jpg") if i % 10 else str(folder / "missing.jpg"))
    return paths


def single_run():
    """Return one class without val, train and intervals."""
    rng = np.random.default_rng(2)
    labels = draw_labels(rng, 200, np.array([0.3]))
    splits = {"test": split_of(draw_scores(rng, labels), labels, GlobalThreshold(0.5), ["cat"])}
    return EvaluatedRun(title="One class", splits=splits, names=["cat"])


def val_run():
    """Return a run with val alone: its rules are tuned on the scored split."""
    rng = np.random.default_rng(4)
    names = ["cat", "dog", "tree"]
    labels = draw_labels(rng, 300, np.array([0.4, 0.2, 0.1]))
    scores = draw_scores(rng, labels)
    rules = compare_rules(val=(scores, labels))
    splits = {"val": split_of(scores, labels, rules[0].rule, names)}
    return EvaluatedRun("val alone", splits, names, rules=rules, rule=rules[0].rule)


def tiny_run():
    """Return two images, a class without a positive, and scores that are no probabilities."""
    labels = np.array([[1, 0, -1], [0, 0, 1]])
    scores = np.array([[2.5, -1.0, 0.0], [-3.0, 0.5, 4.0]])
    names = ["a", "b", "c"]
    splits = {"test": split_of(scores, labels, GlobalThreshold(0.0), names)}
    return EvaluatedRun(title="Two images", splits=splits, names=names)


def main(folder):
    """Write the reports of all examples to ``folder`` and print times and sizes."""
    folder = Path(folder)
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    runs = {"real": real_run()} if FOLDER else {}
    runs |= {"long": long_run(pictures), "single": single_run(), "tiny": tiny_run()}
    runs["val"] = val_run()
    for name, run in runs.items():
        start = time.perf_counter()
        rows = published() if name == "real" else ()
        write_report_and_tables(folder / name, run, rows)
        seconds = time.perf_counter() - start
        path = folder / name / "report.html"
        sys.stdout.write(f"{name}: {seconds:.1f} s, {path.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main(sys.argv[1])
