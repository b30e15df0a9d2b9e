"""IntentPredictor: images to intents with a finished run, or with CLIP and given classes."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import UserError
from datasets.loading import num_workers
from datasets.transforms import build_test_transform
from engine.speed import text_once
from evaluation import DecisionRule, apply_rule
from inference.classes import open_classes
from inference.explanation import Explanation, check_maps, make_explanation, run_with_maps
from inference.images import FileBatch, decoded, read_batches, to_image
from inference.open_run import open_run
from inference.results import Intent, Prediction, Unreadable
from inference.rule import choose_rule, rule_of_run
from inference.words import PromptReader, PromptWords


class IntentPredictor:
    """Predict the intents of images; make one with :meth:`from_run` or :meth:`from_classes`.

    Several threads may use one predictor.

    Args:
        trainer: with its network, from :func:`inference.open_run.open_run`.
        rule: decides which classes an image has; None: nothing is decided.
        batch_size: images per forward pass; None: that of the run's evaluation.

    Attributes:
        classes: keys, words and groups of the classes.
        cfg: configuration of the run.
        rule: the decision rule, or None.
        device: where the network is.
    """

    def __init__(
        self, trainer: Any, rule: DecisionRule | None = None, *, batch_size: int | None = None
    ) -> None:
        self.trainer = trainer
        self.cfg = trainer.cfg
        self.classes = trainer.dm.dataset
        self.rule = rule
        self.device = trainer.device
        if batch_size is None:
            batch_size = self.cfg.DATALOADER.TEST.BATCH_SIZE
        self.batch_size = batch_size
        if self.batch_size < 1:
            raise UserError(f"the batch size is {self.batch_size}; expected at least 1")
        self.transform = build_test_transform(self.cfg)
        self.prompts = PromptReader(trainer)
        # The texts do not change any more: encode them once for all calls of all threads.
        self._texts = ExitStack()
        with torch.no_grad():
            self._texts.enter_context(text_once(trainer.model, trainer.precision))

    @classmethod
    def from_run(
        cls,
        folder: str | Path,
        *,
        epoch: int | None = None,
        rule: str | float | None = None,
        device: str = "auto",
        batch_size: int | None = None,
        options: Sequence[str] = (),
    ) -> "IntentPredictor":
        """Return the predictor of a finished run.

        Args:
            folder: output folder of a run of any trainer, or an exported folder.
            epoch: epoch to load, from 1; None: the one that the run evaluated.
            rule: ``rule.json`` of another run, the name of a rule that needs no val split, or a
                threshold; None: the rule of the run.
            device: ``cpu``, ``cuda``, or ``auto``: CUDA where there is a device.
            batch_size: images per forward pass; None: that of the run's evaluation.
            options: KEY VALUE pairs that override the run's configuration.

        Raises:
            UserError: the folder is not that of a finished run, its backbone is missing or has
                changed, or the rule does not fit.
        """
        trainer = open_run(folder, epoch=epoch, options=[*options, *device_options(device)])
        names = trainer.dm.dataset.classnames
        if rule is None:
            return cls(trainer, rule_of_run(Path(folder), names), batch_size=batch_size)
        return cls(trainer, choose_rule(rule, names), batch_size=batch_size)

    @classmethod
    def from_classes(
        cls,
        classes: str | Sequence[str] = (),
        *,
        hierarchy: str = "",
        config_file: str = "",
        rule: str | float | None = None,
        device: str = "auto",
        batch_size: int | None = None,
        options: Sequence[str] = (),
    ) -> "IntentPredictor":
        """Return a predictor of plain CLIP, without training, for classes of one's own.

        Args:
            classes: names of the classes, a list or ``"joy, calm"``; ``;`` separates names that
                have commas.
            hierarchy: YAML file, or name of a shipped hierarchy, instead of ``classes``.
            config_file: YAML file of ZeroshotCLIP; empty: ViT-B/16, which is downloaded once.
            rule: see :meth:`from_run`; None: nothing is decided.
            device: see :meth:`from_run`.
            batch_size: images per forward pass.
            options: KEY VALUE pairs of the configuration.

        Raises:
            UserError: the classes, the backbone or the rule cannot be used.
        """
        trainer = open_classes(
            classes,
            hierarchy=hierarchy,
            config_file=config_file,
            options=[*options, *device_options(device)],
        )
        names = trainer.dm.dataset.classnames
        chosen = None if rule is None else choose_rule(rule, names)
        return cls(trainer, chosen, batch_size=batch_size)

    def __call__(self, images: Any) -> Prediction | list[Prediction]:
        """Return the prediction of one image, or a list for a list of images.

        Args:
            images: a path, a PIL image, an array or tensor ``(H, W, 3)`` or ``(H, W)`` of uint8 or
                of floats from 0 to 1; or a list of these.

        Raises:
            UserError: an image cannot be read; :meth:`stream` goes on.
        """
        if not isinstance(images, list | tuple):
            return self([images])[0]
        found = []
        for start in range(0, len(images), self.batch_size):
            part = images[start : start + self.batch_size]
            pixels = torch.stack([self.transform(to_image(image)) for image in part])
            names = []
            for place, image in enumerate(part, start=start):
                is_path = isinstance(image, str | os.PathLike)
                names.append(os.fspath(image) if is_path else f"image {place}")
            found += self._predictions(names, self.probabilities(pixels))
        return found

    def stream(
        self, paths: Iterable[str | Path], *, workers: int | None = None
    ) -> Iterator[Prediction | Unreadable]:
        """Yield a result for each path in order, also for a million of them.

        Args:
            paths: files; they are taken as they are needed.
            workers: processes that read ahead; None: as in the run's evaluation, as far as this
                machine has the cores.

        Raises:
            UserError: one path is given in place of a list, or ``workers`` is negative.
        """
        if isinstance(paths, str | os.PathLike):
            raise UserError(f"stream({os.fspath(paths)!r}): expected a list of paths")
        if workers is not None and workers < 0:
            raise UserError(f"workers is {workers}; expected at least 0")
        return self._stream(paths, workers)

    def _stream(
        self, paths: Iterable[str | Path], workers: int | None
    ) -> Iterator[Prediction | Unreadable]:
        batches = _batched(map(_path_of, paths), self.batch_size)
        if workers is None:
            # the run may be from a larger machine
            workers = min(num_workers(self.cfg.DATALOADER.NUM_WORKERS), num_workers(-1))
        for batch in read_batches(batches, self.transform, num_workers=workers):
            yield from self._results(batch)

    def explain(
        self, image: Any, top: int = 3, *, prediction: Prediction | None = None
    ) -> Explanation:
        """Return where an image matches the texts of its most probable intents.

        Args:
            image: a path, a PIL image or an array, as for a prediction.
            top: number of intents, from 1.
            prediction: of this image, if it is known; None: it is computed along the way.

        Raises:
            UserError: the trainer has no maps (the message says which have), or the image cannot be
                read.
        """
        check_maps(self.trainer)
        if top < 1:
            raise UserError(f"the number of intents is {top}; expected at least 1")
        upright = to_image(image)
        picture = decoded(upright)
        pixels = self.transform(upright)  # (3, H, W)
        images = self.trainer.dm.normalizer(pixels[None].to(self.device))
        scores, maps = run_with_maps(self.trainer, images)
        if prediction is None:
            name = str(image) if isinstance(image, str | Path) else "image 0"
            (prediction,) = self._predictions([name], scores.float().cpu().numpy())
        return make_explanation(
            prediction,
            maps,
            top=top,
            picture=picture,
            seen=self.transform.visible_part(picture.height, picture.width),
            image_size=(pixels.shape[1], pixels.shape[2]),
        )

    def prompt_words(self, intent: str | Intent, k: int = 3) -> PromptWords:
        """Return the tokens of CLIP's vocabulary that are nearest to the learnt prompts of a class.

        Args:
            intent: key or name of the class, or an intent of a prediction.
            k: tokens per vector, from 1.

        Raises:
            UserError: the trainer has no prompts that learn, or there is no such class.
        """
        return self.prompts.words(intent, k)

    def probabilities(self, pixels: Tensor) -> np.ndarray:
        """Return the probabilities ``(B, C)``, float32, of uint8 pixels ``(B, 3, H, W)``."""
        images = self.trainer.dm.normalizer(pixels.to(self.device, non_blocking=True))
        return self.trainer.model_inference(images).float().cpu().numpy()

    def _results(self, batch: FileBatch) -> list[Prediction | Unreadable]:
        readable = [path for i, path in enumerate(batch.paths) if i not in batch.reasons]
        predictions: Iterator[Prediction] = iter(())
        if batch.pixels is not None:
            scores = self.probabilities(batch.pixels)
            predictions = iter(self._predictions(readable, scores))
        results: list[Prediction | Unreadable] = []
        for place, path in enumerate(batch.paths):
            if place in batch.reasons:
                results.append(Unreadable(path, batch.reasons[place]))
            else:
                results.append(next(predictions))
        return results

    def _predictions(self, names: Sequence[str], scores: np.ndarray) -> list[Prediction]:
        decided: Sequence[np.ndarray | None] = [None] * len(scores)
        if self.rule is not None:
            decided = list(apply_rule(self.rule, scores))
        found = []
        for name, row, passes in zip(names, scores, decided, strict=True):
            found.append(Prediction(name, row, passes, self.classes))
        return found


def device_options(device: str) -> list[str]:
    """Return the KEY VALUE pairs for a device.

    Raises:
        UserError: the device is not known, or there is no CUDA device.
    """
    known: Mapping[str, list[str]] = {
        "auto": [],
        "cpu": ["USE_CUDA", "False"],
        "cuda": ["USE_CUDA", "True"],
    }
    if device not in known:
        raise UserError(f"the device is '{device}'; accepted: {', '.join(known)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("the device is 'cuda', but torch finds no CUDA device here")
    return known[device]


def _batched(items: Iterable[str], size: int) -> Iterator[list[str]]:
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch


def _path_of(given: Any) -> str:
    """Return a path as text.

    Raises:
        UserError: it is something else, such as an image.
    """
    if not isinstance(given, str | os.PathLike):
        raise UserError(
            f"stream() takes paths of files, not {type(given).__name__}; call the predictor for "
            "images and arrays"
        )
    return os.fspath(given)
