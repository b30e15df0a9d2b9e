"""Build the network of a finished run from its output folder alone, without the data set."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from yacs.config import CfgNode

from core.config_merge import flatten, setup_cfg
from core.errors import UserError
from core.files import PROJECT, digest_file, find_file
from core.imports import import_modules
from core.logging import get_logger, only_warnings
from core.seed import random_state, set_random_state, set_seed
from datasets.base import IntentDataset
from datasets.classes_only import FILE as CLASSES_FILE
from datasets.classes_only import ClassesOnly, read_classes
from datasets.normalizer import Normalizer
from engine.checkpoint import BEST
from engine.own_code import OwnCode
from engine.run_card import FILE as CARD_FILE
from engine.run_card import Card, describe_data, read_card

WEIGHTS_FILE = (
    "weights.safetensors"  # learnt weights in an exported folder, in place of checkpoints
)
# Settings of the training that have no meaning here, and what they are instead.
UNUSED = {
    "OUTPUT_DIR": "",
    "RESUME": "",
    "TEST.RULE": "global",
    "TEST.EVALUATOR": "auto",
    "TRAIN.FEATURE_CACHE": "",
    "VERBOSE": False,
}


def open_run(folder: str | Path, *, epoch: int | None = None, options: Sequence[str] = ()) -> Any:
    """Return the trainer of a finished run with its evaluated weights and no images.

    Args:
        folder: output folder of the run, or a folder by ``tools.export``.
        epoch: epoch to load, from 1; None: the one that the run evaluated.
        options: KEY VALUE pairs that override the run's configuration, such as
            ``["MODEL.BACKBONE.PATH", "/other/place/clip.pt"]``.

    Raises:
        UserError: the folder is not that of a finished run, or its backbone is missing or another
            one than in training.
    """
    folder = Path(folder)
    card = _card_of(folder)
    classes = _classes_of(card, folder)
    cfg = _config_of(card, folder, options)
    trainer = build_without_data(cfg, classes)
    _check_backbone(trainer, card)
    _load_weights(trainer, folder, card, epoch)
    return trainer


def build_without_data(cfg: CfgNode, dataset: IntentDataset) -> Any:
    """Return the configured trainer over the classes of ``dataset``, in evaluation mode.

    The global random state and the log stay as they are.

    Raises:
        UserError: there is no such trainer, or its network cannot be built.
    """
    from engine.base_choice import TRAINER_REGISTRY
    from engine.run import find_trainer

    with _keep_random_state(), _quiet():
        trainer = _without_data(find_trainer(cfg, TRAINER_REGISTRY), dataset)(cfg)
    trainer.set_model_mode("eval")
    return trainer


def load_backbone(trainer: Any) -> Any:
    """Return the CLIP of a trainer, loaded once more: its network keeps only what it needs.

    The global random state and the log stay as they are.

    Raises:
        UserError: the trainer has no CLIP, or its file has changed since the network was built.
    """
    if not hasattr(trainer, "load_clip"):
        raise UserError(f"{type(trainer).__name__} has no method load_clip, so no vocabulary")
    built_from = trainer.clip_digests
    with _keep_random_state(), _quiet():
        set_seed(trainer.cfg.SEED)  # random weights, of tests, are those of the network
        clip = trainer.load_clip()
    loaded, trainer.clip_digests = trainer.clip_digests[-1], built_from
    if built_from and loaded not in built_from:
        raise UserError("the file of the backbone has changed since the network was built")
    return clip


def _without_data(trainer: type, classes: IntentDataset) -> type:
    """Return a subclass of the trainer that reads no data set; its name stays, for its options."""
    from engine.runner import MultiLabelRunner

    if not issubclass(trainer, MultiLabelRunner):
        raise UserError(
            f"TRAINER.NAME '{trainer.__name__}' is not a MultiLabelRunner; prediction needs one"
        )

    class WithoutData(trainer):
        data_manager = staticmethod(partial(_NoImages, classes))

        def cache_loaders(self, *loaders: Any) -> None:
            """Cache nothing: there are no images."""

    WithoutData.__name__ = trainer.__name__
    return WithoutData


class _NoImages:
    """The part of :class:`datasets.DataManager` that a network needs."""

    train_loader_x = train_loader_u = val_loader = test_loader = None
    num_source_domains = 0

    def __init__(self, dataset: IntentDataset, cfg: CfgNode, *, mean, std, images: str) -> None:
        self.dataset = dataset
        self.num_classes = dataset.num_classes
        self.lab2cname = dataset.lab2cname
        self.normalizer = Normalizer(mean, std)


# Configuration ------------------------------------------------------------------------------------


def _card_of(folder: Path) -> Card:
    if not folder.is_dir():
        fault = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {fault}; expected the output folder of a finished run")
    if (folder / "model.onnx").is_file():
        raise UserError(
            f"{folder} is an export to ONNX, which needs no part of this project: "
            f"python {folder}/onnx_predict.py {folder}/model.onnx photo.jpg"
        )
    card = read_card(folder)
    if card.get("kind") == "predictions":
        raise UserError(
            f"{folder} has the evaluation of given predictions, without a model; expected the "
            "output folder of a training or of ZeroshotCLIP"
        )
    return card


def _classes_of(card: Card, folder: Path) -> ClassesOnly:
    """Return the classes of the run; raise :class:`UserError` if they are missing or others."""
    path = folder / CLASSES_FILE
    if not path.is_file():
        raise UserError(
            f"{folder} has no {CLASSES_FILE}: an earlier version made this run. The command of the "
            f"run with --eval-only --model-dir {folder} in front writes the file"
        )
    classes = read_classes(path)
    known = card["data"].get("classes")
    if known not in (None, describe_data(classes, "", images=False)["classes"]):
        raise UserError(f"{path} has other classes or words than the run; restore the file")
    return classes


def _config_of(card: Card, folder: Path, options: Sequence[str]) -> CfgNode:
    """Return the configuration of a card; its relative paths may be those of the training."""
    source = str(folder / CARD_FILE)
    values = {name: value for name, value in flatten(card["config"]) if value != {}}
    values |= UNUSED
    places = _places(card, folder)
    values["IMPORTS"] = import_own(card, folder)
    for name in ("MODEL.BACKBONE.PATH", "MODEL.BACKBONE.ARCH"):
        if values.get(name):
            values[name] = str(_find(values[name], places))
    flags = {name: (value, source) for name, value in values.items()}
    return setup_cfg([], flags=flags, opts=list(options))


def import_own(card: Card, folder: Path) -> list[str]:
    """Import the modules under ``IMPORTS`` of a run; return their names, or their paths.

    Args:
        card: card of the run; one without a configuration names no modules.
        folder: output folder of the run.

    Raises:
        UserError: a module does not import.
    """
    places = _places(card, folder)
    names = card.get("config", {}).get("IMPORTS", ())
    found = [_find_module(name, places) for name in names]
    if found:
        import_modules(found, folders=places)
    return found


def _places(card: Card, folder: Path) -> list[Path]:
    """Return where the files of a run may be: its folder, where it started, beside its YAML files.

    The second is known relative to the project, so that both may have been moved together.
    """
    start = PROJECT / str(card.get("folder", "."))
    yamls = [word for word in card.get("argv", ()) if word.endswith((".yaml", ".yml"))]
    return [folder, start, *(start / Path(word).parent for word in yamls)]


def _find_module(name: str, places: Sequence[Path]) -> str:
    """Return the path of a module that is named by its file; other names stay."""
    return str(_find(name, places)) if name.endswith(".py") else name


def _find(path: str, places: Sequence[Path]) -> Path:
    """Return the first existing of: the path itself, and below each place; else the path."""
    given = find_file(path)
    for candidate in (given, *(place / path for place in places)):
        if candidate.is_file():
            return candidate
    return given


# Weights ------------------------------------------------------------------------------------------


def _check_backbone(trainer: Any, card: Card) -> None:
    """Raise :class:`UserError` unless the backbone is that of the training."""
    known = card.get("backbone", {})
    if known.get("frozen") in (None, trainer.digest_frozen()):
        return
    path = trainer.cfg.MODEL.BACKBONE.PATH
    trained = known.get("path", {}).get("sha256")
    if path and trained and digest_file(Path(path)) == trained:
        raise UserError(
            "the network is not that of the run, though the file of its backbone is: a setting or "
            "the version of the code differs"
        )
    shown = f"MODEL.BACKBONE.PATH '{path}'" if path else "MODEL.BACKBONE.NAME"
    raise UserError(
        f"{shown} holds other weights than in training"
        + (f" (SHA-256 then: {trained[:12]}...)" if trained else "")
        + "; give the file of the training: MODEL.BACKBONE.PATH FILE"
    )


def _load_weights(trainer: Any, folder: Path, card: Card, epoch: int | None) -> None:
    if epoch is not None and epoch < 1:
        raise UserError(f"the epoch is {epoch}; expected at least 1")
    if not trainer.model.trainable_state_dict():
        OwnCode(trainer.cfg.IMPORTS).warn_of_changed_card(card, folder)
        if epoch is not None:
            raise UserError(f"{folder} has no epochs: {trainer.cfg.TRAINER.NAME} trains nothing")
        return
    exported = folder / WEIGHTS_FILE
    with only_warnings():  # changed code of one's own is a warning
        if exported.is_file() and epoch is None:
            trainer.model.load_trainable_state_dict(_read_weights(exported))
        else:
            trainer.load_model(str(folder), epoch or _evaluated_epoch(trainer, folder, card))
            _check_epoch(trainer, folder, card, epoch)


def _check_epoch(trainer: Any, folder: Path, card: Card, epoch: int | None) -> None:
    """Raise :class:`UserError` if other weights than the evaluated ones were loaded unasked."""
    evaluated = _evaluated(card)
    if epoch is None and trainer.weights != evaluated:
        raise UserError(
            f"the best checkpoint of {folder} is of {trainer.weights}, but the run evaluated "
            f"{evaluated}; evaluate the run once more, or name an epoch that is kept"
        )


def _read_weights(path: Path) -> dict:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"cannot read {path}: {error}") from None


def _evaluated_epoch(trainer: Any, folder: Path, card: Card) -> int | None:
    """Return the epoch that the run evaluated; None: it is in the best checkpoint."""
    word, _, number = _evaluated(card).partition(" ")
    checkpoints = folder / trainer.model_name
    if word == "epoch" and (checkpoints / f"model.pth.tar-{number}").is_file():
        return int(number)
    if not (checkpoints / BEST).is_file():
        raise UserError(
            f"{folder} has no checkpoint of its training; expected {trainer.model_name}/{BEST}, or "
            f"{WEIGHTS_FILE} of an export"
        )
    return None


def _evaluated(card: Card) -> str:
    """Return the name of the evaluated weights, such as ``epoch 3``."""
    return str(card.get("result", {}).get("model", ""))


# The process that calls ---------------------------------------------------------------------------


@contextmanager
def _keep_random_state() -> Iterator[None]:
    """Restore the global generators afterwards: building a network seeds and draws."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)


@contextmanager
def _quiet() -> Iterator[None]:
    """Log warnings only."""
    logger = get_logger()
    level, handler = logger.level, logging.NullHandler()
    logger.addHandler(handler)  # a logger without handlers would get those of a training
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
