"""The base of all multi-label methods: build a network over a data set and evaluate it."""

import datetime
import time
from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import Tensor, nn
from yacs.config import CfgNode

from core import distributed
from core.config import Key, class_section, declare, get_section
from core.distributed import is_main
from core.errors import UserError
from core.logging import get_logger, setup_logging
from core.seed import set_seed
from datasets import DataManager
from datasets.normalizer import Statistics, choose_statistics
from engine.base_choice import TrainerX, describe_base, sync_registries
from engine.checkpoint import frozen_digest
from engine.evaluation import evaluate_on_main, predict_split, write_results
from engine.feature_cache import cache_split, feature_key, make_root
from engine.parallel import check_same_start
from engine.precision import Precision
from engine.run_settings import run_settings
from engine.speed import Inputs, apply_speed, text_once
from evaluation import DecisionRule, Groups, SplitResult, build_evaluator

log = get_logger()

declare(
    "TRAIN",
    Key(
        "TIMEOUT",
        10.0,
        "minutes that processes wait for each other before the run ends",
        low=0.1,
        may_change=True,
    ),
)
declare(
    "TEST",
    Key(
        "SPLIT",
        "test",
        "split of the final evaluation",
        choices=("val", "test"),
        may_change=True,
    ),
    Key(
        "PREDICTIONS",
        False,
        "write predictions.csv: true and predicted classes and all scores of each image",
        may_change=True,
    ),
)


class MultiLabelRunner(TrainerX, ABC):
    """Build a network over a data set and evaluate it; nothing learns.

    A subclass gives ``build_network`` and ``image_statistics``. Its network has the interface of
    :class:`models.base.ClipNetwork`: ``frozen_features(images)``, ``classify(features)``,
    ``scores(output) -> (B, C)``.

    Attributes:
        section: section of the configuration with the options of the class, such as
            ``TRAINER.MINE``.
        model_name: folder of the checkpoints.
        precision_name: one of :data:`engine.precision.PRECISIONS`.
        weights: says in the log and in ``metrics.json`` which weights are evaluated.
    """

    section = ""
    model_name = "model"
    precision_name = "fp32"
    weights = "the initial weights"

    def __init__(self, cfg: CfgNode) -> None:
        distributed.init(use_cuda=cfg.USE_CUDA, timeout_minutes=cfg.TRAIN.TIMEOUT)
        if not log.handlers:  # built inside somebody's project: their stdout is the log
            setup_logging()
            log.info(describe_base())
        set_seed(cfg.SEED)
        sync_registries()
        super().__init__(cfg)
        hierarchy = self.dm.dataset.hierarchy
        groups = Groups(subsets=hierarchy.subsets, levels=hierarchy.levels)
        self.evaluator = build_evaluator(cfg, lab2cname=self.lab2cname, groups=groups)

    # A subclass gives these -----------------------------------------------------------------------

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Return the network, on the CPU."""

    @abstractmethod
    def image_statistics(self) -> Statistics:
        """Return mean and standard deviation per channel of the backbone's images."""

    def digest_frozen(self) -> str:
        """Return a digest of what is frozen: all processes, and a checkpoint's run, must agree in it."""
        return frozen_digest(self.model)

    def digest_features(self) -> str:
        """Return a digest of the weights that frozen features depend on."""
        return frozen_digest(self.model.encoder)

    # Building -------------------------------------------------------------------------------------

    def method(self, cfg: CfgNode | None = None) -> CfgNode:
        """Return the options of this class (``cfg`` where :attr:`cfg` is not set yet)."""
        return get_section(cfg or self.cfg, class_section("TRAINER", type(self)))

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check what depends on several keys."""
        if cfg.TEST.EVALUATOR == "Classification":
            raise UserError(
                "TEST.EVALUATOR is 'Classification', which is single-label; accepted here: "
                "MultiLabel"
            )
        if cfg.TRAIN.FEATURE_CACHE:
            make_root(cfg.TRAIN.FEATURE_CACHE)

    def build_data_loader(self) -> None:
        """Create the loaders; images are normalised on the device."""
        mean, std = choose_statistics(self.cfg, self.image_statistics())
        self.dm = dm = DataManager(self.cfg, mean=mean, std=std, images="uint8")
        self.train_loader_x, self.train_loader_u = dm.train_loader_x, dm.train_loader_u
        self.val_loader, self.test_loader = dm.val_loader, dm.test_loader
        self.num_classes, self.num_source_domains = dm.num_classes, dm.num_source_domains
        self.lab2cname = dm.lab2cname

    def build_model(self) -> None:
        """Build and register the network."""
        self.place_network()
        self.check_peers(self.digest_frozen())
        self.register_model(self.model_name, self.model)
        self.cache_features()

    def place_network(self) -> None:
        """Build the network and bring it to the device, set up as ``SPEED`` says."""
        with (
            distributed.local_main_first()
        ):  # one process of a machine downloads, the others find the file
            network = self.build_network()
        self.model = network.to(self.device)
        apply_speed(self.model, self.cfg, self.device)
        self.precision = Precision(self.precision_name, self.device)

    def check_peers(self, digest: str) -> None:
        """Raise :class:`UserError` if the processes of a run differ in settings, data or frozen
        weights.
        """
        dataset = self.dm.dataset
        counts = [len(split or ()) for split in (dataset.train_x, dataset.val, dataset.test)]
        check_same_start(run_settings(self.cfg, type(self)), counts, digest)

    def cache_features(self) -> None:
        """With ``TRAIN.FEATURE_CACHE``, make the loaders give frozen features instead of images."""
        if not self.cfg.TRAIN.FEATURE_CACHE:
            return
        self.set_model_mode("eval")
        tf32 = "" if self.cfg.SPEED.TF32 == "torch" else f", TF32 {self.cfg.SPEED.TF32}"
        key = feature_key(self.model, self.cfg, f"{self.precision.dtype or 'fp32'}{tf32}")
        key |= {"weights": self.digest_features(), "normalizer": repr(self.dm.normalizer)}
        root = make_root(self.cfg.TRAIN.FEATURE_CACHE)
        for loader in (self.train_loader_x, self.val_loader, self.test_loader):
            if loader is not None:
                cache_split(loader, root, key, self._encode)

    @torch.no_grad()
    def _encode(self, batch: dict) -> tuple[Tensor, ...]:
        images, _ = self.parse_batch_test(batch)
        with self.precision.autocast():
            return self.model.frozen_features(images).tensors

    # Evaluation -----------------------------------------------------------------------------------

    def train(self) -> None:
        """Go straight to the evaluation on val, which fits the decision rule, and test."""
        start = time.time()
        log.info("%s learns nothing: the network is evaluated as it is", type(self).__name__)
        log.info("Finish training")  # result parsers wait for it
        log.info("Finished training")
        self.open_writer()
        self.test()
        self.finish(start)

    def load_model(self, directory: str, epoch: int | None = None) -> None:
        """Say that there is nothing to load."""
        log.info(
            "%s has no checkpoints: nothing is loaded from '%s'", type(self).__name__, directory
        )

    def open_writer(self) -> None:
        """Open TensorBoard's files, on the main process."""
        if is_main():
            self.init_writer(str(Path(self.output_dir, "tensorboard")))

    def finish(self, start: float) -> None:
        """Log the time since ``start`` and close the files."""
        log.info("Elapsed: %s", datetime.timedelta(seconds=round(time.time() - start)))
        self.close_writer()

    def test(self, split: str | None = None) -> float:
        """Evaluate ``val``, or (default) ``cfg.TEST.SPLIT`` with the rule fitted on val, and write
        the results.

        Returns:
            The metric ``TEST.SELECT_METRIC`` of the last split.
        """
        if self.val_loader is None or self.test_loader is None:
            raise UserError(
                f"DATASET.NAME '{self.cfg.DATASET.NAME}' has no val or no test split: nothing is "
                "evaluated without both"
            )
        results = {"val": self.evaluate_split("val")}
        if split == "val":
            return results["val"].selected
        if split == "test" or self.cfg.TEST.SPLIT == "test":
            results["test"] = self.evaluate_split("test", results["val"].rule)
        impaths = None
        if self.cfg.TEST.PREDICTIONS:
            impaths = {s: [r.impath for r in getattr(self.dm.dataset, s)] for s in results}
        names = [self.lab2cname[c] for c in range(self.num_classes)]
        write_results(
            Path(self.output_dir), results, weights=self.weights, impaths=impaths, names=names
        )
        return list(results.values())[-1].selected

    def evaluate_split(self, split: str, rule: DecisionRule | None = None) -> SplitResult:
        """Evaluate ``split``; ``rule`` is the one fitted on val, None fits one and is right for val
        only.
        """
        self.set_model_mode("eval")
        log.info("Evaluate on the *%s* set", split)
        scores, labels = self.predict_split(split)
        result = evaluate_on_main(self.evaluator, scores, labels, rule)
        for name, value in result.metrics.items():
            self.write_scalar(f"{split}/{name}", value, self.epoch)
        return result

    def predict_split(self, split: str) -> tuple[Tensor, Tensor]:
        """Return scores and labels ``(N, C)`` of all images of ``split`` in its order."""
        loader = {"val": self.val_loader, "test": self.test_loader}[split]

        def predict(batch: dict) -> tuple[Tensor, Tensor]:
            image, label = self.parse_batch_test(batch)
            return self.model_inference(image), label

        with torch.no_grad(), text_once(self.model, self.precision):
            return predict_split(loader, predict, split=split, num_classes=self.num_classes)

    def parse_batch_test(self, batch: dict) -> tuple[Inputs, Tensor]:
        """Return normalised images ``(B, 3, H, W)``, or their frozen features, and labels ``(B,
        C)`` on the device.

        Images travel as uint8, a quarter of the bytes, and are normalised where they arrive.
        """
        label = batch["label"].to(self.device, non_blocking=True)
        if "features" in batch:
            tensors = tuple(part.to(self.device, non_blocking=True) for part in batch["features"])
            return self.model.restore_features(tensors, tuple(self.cfg.INPUT.SIZE)), label
        return self.dm.normalizer(batch["img"].to(self.device, non_blocking=True)), label

    def model_inference(self, input: Inputs) -> Tensor:
        """Return scores ``(B, C)`` in [0, 1], in fp32 at least."""
        with torch.no_grad(), self.precision.autocast():
            output = self.model(input)
        return self.model.scores(output)
