"""Run card: everything that is needed to run again, in ``run.json`` beside the results.

A card is a dict of JSON values:

- ``kind``: ``run``, or ``predictions`` for given scores of any model
- ``command``, ``argv``, ``folder``, ``variables``: see :func:`engine.environment.describe_command`
- ``config``: the resolved configuration, nested
- ``seed``: seed of the run; -1 is a random one
- ``commit``, ``dirty`` and ``code``: see :func:`engine.environment.describe_code`
- ``versions``, ``hardware``: see :mod:`engine.environment`
- ``data``: see :func:`describe_data`
- ``backbone``: see :func:`describe_backbone`; a card of predictions also has ``predictions``
- ``start``, ``end`` (ISO 8601, UTC) and ``seconds`` between them
- ``result``: name of the weights, and headline metrics of each split
- ``costs``: see :mod:`engine.costs`
- ``trained_by``: card of the training, in short, where this process trained nothing
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from yacs.config import CfgNode

from core.errors import UserError
from core.files import digest_file, find_file, read_json
from datasets import IntentDataset, Record, image_names
from engine.card_differences import PREDICTIONS
from engine.environment import (
    describe_code,
    describe_command,
    describe_hardware,
    describe_versions,
)
from evaluation.metrics import HEADLINE_METRICS

FILE = "run.json"
FORMAT = 1
NEEDED = ("command", "config", "code", "versions", "hardware", "data", "start")  # of every card
SHORT_METRICS = (*HEADLINE_METRICS, "mean", "threshold")
# Parts of the training's card that stay when its checkpoint is evaluated by another process.
OF_TRAINING = ("command", "commit", "dirty", "versions", "hardware", "start", "end")

Card = dict[str, Any]


def start_card(cfg: CfgNode, *, kind: str = "run") -> Card:
    """Return the card of a run that starts now; :func:`finish_card` completes it.

    The source code is read now, because it may change while the run goes on.

    Args:
        cfg: configuration of the run.
        kind: ``run`` or ``predictions``.
    """
    code = describe_code(cfg.IMPORTS)
    device = device_of(kind, use_cuda=cfg.USE_CUDA)
    return {
        "format": FORMAT,
        "kind": kind,
        **describe_command(),
        "seed": cfg.SEED,
        "start": _now(),
        "commit": code.pop("commit"),
        "dirty": code.pop("dirty"),
        "code": code,
        "versions": describe_versions(),
        "hardware": describe_hardware(device),
        "config": plain_config(cfg),
    }


def device_of(kind: str, *, use_cuda: bool) -> torch.device:
    """Return the device of the network; given predictions have none and stay on the processor.

    Args:
        kind: ``run`` or ``predictions``.
        use_cuda: ``USE_CUDA`` of the configuration.
    """
    cuda = kind != PREDICTIONS and use_cuda and torch.cuda.is_available()
    return torch.device("cuda" if cuda else "cpu")


def finish_card(
    card: Mapping[str, Any],
    *,
    argv: Sequence[str] | None,
    weights: str,
    metrics: Mapping[str, Mapping[str, float]],
    data: Mapping[str, Any],
    backbone: Mapping[str, Any],
    costs: Mapping[str, Any],
    trained_in: str | Path = "",
) -> Card:
    """Return the complete card; ``card`` itself is not changed.

    Args:
        card: from :func:`start_card`.
        argv: arguments that ``train.main`` was called with; None: the command of the process.
        weights: name of the evaluated weights, such as ``epoch 3``.
        metrics: split -> name -> value in percent, as in ``metrics.json``.
        data: from :func:`describe_data`.
        backbone: from :func:`describe_backbone`.
        costs: from :mod:`engine.costs`; without ``training_seconds`` the run trained nothing.
        trained_in: output folder that the evaluated weights come from. Where this process trained
            nothing, time and circumstances of the training are taken from the card there.
    """
    costs = dict(costs)
    if argv is not None:
        card = {**card, **describe_command(argv)}
    done = {
        **_end_of(card),
        "data": dict(data),
        "backbone": dict(backbone),
        "result": {"model": weights, **headline(metrics)},
    }
    if trained_in and "training_seconds" not in costs:
        trained_by, training_costs = _training_of(Path(trained_in))
        costs |= training_costs
        if trained_by:
            done["trained_by"] = trained_by
    return {**card, **done, "costs": costs}


def finish_predictions_card(
    card: Mapping[str, Any],
    dataset: IntentDataset,
    *,
    root: str | Path,
    files: Mapping[str, str | Path],
    metrics: Mapping[str, Mapping[str, float]],
    title: str = "",
    backbone: str = "",
) -> Card:
    """Return the complete card of predictions, whose model is known from the user's words alone.

    Args:
        card: from :func:`start_card`; the command is that of the process. It is not changed.
        dataset: data set that the predictions were evaluated on.
        root: ``DATASET.ROOT``, which the names of images are relative to.
        files: split -> file of predictions.
        metrics: split -> name -> value in percent.
        title: name of the model, as the user gave it.
        backbone: image encoder of the model, as the user gave it.
    """
    predictions = {split: describe_file(Path(file)) for split, file in files.items()}
    return {
        **card,
        **_end_of(card),
        "data": describe_data(dataset, root, images=False),
        "predictions": predictions,
        "backbone": {"name": backbone} if backbone else {},
        "result": {"model": title or "given predictions", **headline(metrics)},
    }


def read_card(folder: Path) -> Card:
    """Return the card of an output folder.

    Raises:
        UserError: the folder has no readable ``run.json``.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"{folder} has no {FILE}; expected the output folder of a finished run")
    card = read_json(path)
    if not set(NEEDED) <= card.keys():
        raise UserError(f"{path} is not a run card; expected the keys {', '.join(NEEDED)}")
    return card


def headline(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the headline metrics of each split, after the metric that selects epochs."""
    short = {}
    for split, values in metrics.items():
        names = [*list(values)[:1], *(name for name in SHORT_METRICS if name in values)]
        short[split] = {name: values[name] for name in names}
    return short


def plain_config(cfg: CfgNode) -> dict[str, Any]:
    """Return a configuration as nested dicts of JSON values; tuples become lists."""
    plain: dict[str, Any] = {}
    for name, value in cfg.items():
        if isinstance(value, Mapping):
            plain[name] = plain_config(value)
        elif isinstance(value, tuple):
            plain[name] = list(value)
        else:
            plain[name] = value
    return plain


# Data and backbone --------------------------------------------------------------------------------


def describe_data(
    dataset: IntentDataset, root: str | Path, *, images: bool = True
) -> dict[str, Any]:
    """Return the fingerprint of a data set.

    Args:
        dataset: the data set.
        root: ``DATASET.ROOT``, which the names of images are relative to.
        images: also look at the sizes of the image files.

    Returns:
        ``classes``, digest of class keys, words and groups; and for each split with images their
        number, a digest of their names in order, a digest of their labels and, with ``images``, a
        digest of the sizes of the files (copies of another resolution have other sizes).
    """
    tree = dataset.hierarchy
    words = [dataset.classnames, tree.names, tree.paths, tree.sentences, tree.levels, tree.subsets]
    data: dict[str, Any] = {"classes": _digest(json.dumps(words).encode())}
    for split, records in (
        ("train", dataset.train_x),
        ("val", dataset.val),
        ("test", dataset.test),
    ):
        if records:
            data[split] = _describe_split(records, root, images=images)
    if dataset.drawn:
        data["selection"] = [drawn.message for drawn in dataset.drawn]
    return data


def _describe_split(records: Sequence[Record], root: str | Path, *, images: bool) -> dict[str, Any]:
    labels = np.stack([record.label for record in records]).astype("<f4")  # (N, C)
    described = {
        "images": len(records),
        "names": _digest("\n".join(image_names(records, root)).encode()),
        "labels": _digest(labels.tobytes()),
    }
    if images:
        sizes = [_file_size(record.impath) for record in records]
        described["file_sizes"] = _digest(json.dumps(sizes).encode())
    return described


def _file_size(path: str) -> int:
    """Return the size of a file in bytes, -1 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def describe_backbone(cfg: CfgNode, digest: str) -> dict[str, Any]:
    """Return name, digest and weights file of the backbone.

    Args:
        cfg: configuration of the run.
        digest: digest of everything frozen, from ``trainer.digest_frozen()``.
    """
    backbone = cfg.MODEL.BACKBONE
    described: dict[str, Any] = {"name": backbone.NAME, "frozen": digest}
    for part in ("PATH", "ARCH"):
        if backbone.get(part):
            described[part.lower()] = describe_file(find_file(backbone[part]), backbone[part])
    return described


def describe_file(path: Path, shown: str = "") -> dict[str, Any]:
    """Return name, size in bytes and SHA-256 of a file; of a missing one only the name.

    Args:
        path: the file.
        shown: its name in the card; empty: ``path`` as it is.
    """
    described: dict[str, Any] = {"file": shown or str(path)}
    if path.is_file():
        described |= {"bytes": path.stat().st_size, "sha256": digest_file(path)}
    return described


def _training_of(folder: Path) -> tuple[Card, dict[str, Any]]:
    """Return parts of the training's card, and its costs; both empty without a card."""
    try:
        card = read_card(folder)
    except UserError:  # written by an earlier version, or the training was without evaluation
        return {}, {}
    costs = card.get("costs", {})
    training_costs = {name: costs[name] for name in costs if name.startswith("training_")}
    if not training_costs:
        return {}, {}
    # The run there may itself be an evaluation of weights that another process has trained.
    trained_by = card.get("trained_by") or {n: card[n] for n in OF_TRAINING if n in card}
    return trained_by, training_costs


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _end_of(card: Mapping[str, Any]) -> Card:
    """Return the present time as the end of a card, and the seconds from its start."""
    passed = datetime.now(timezone.utc) - datetime.fromisoformat(card["start"])
    return {"end": _now(), "seconds": round(passed.total_seconds(), 1)}
