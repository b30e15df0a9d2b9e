"""Base class of all multi-label methods: build a network for a data set and evaluate it."""

import datetime
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from yacs.config import CfgNode

from core import distributed
from core.config import Key, Options, class_section, declare
from core.distributed import is_main
from core.errors import UserError
from core.logging import get_logger, setup_logging
from core.seed import set_seed
from datasets import DataManager, IntentDataset
from datasets.classes_only import write_classes
from datasets.normalizer import Statistics, choose_statistics
from datasets.selection.drawn import keep_drawn
from engine.base_choice import TrainerX, describe_base, sync_registries
from engine.checkpoint import frozen_digest
from engine.costs import measure_costs
from engine.feature_cache import cache_splits, feature_key, make_root
from engine.final_evaluation import (
    check_rule_classes,
    check_settings,
    evaluated_run,
    with_rules,
    write_analysis,
)
from engine.history import read_history
from engine.numbers import write_card, write_numbers
from engine.parallel import check_same_start
from engine.precision import Precision
from engine.prediction import evaluate_on_main, predict_split
from engine.run_card import Card, describe_backbone, describe_data, finish_card, start_card
from engine.run_settings import Settings, run_settings
from engine.speed import Inputs, apply_speed, text_once
from evaluation import DecisionRule, SplitResult, build_evaluator, evaluator_name, groups_of
from evaluation.data_title import data_title

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
)


class MultiLabelRunner(TrainerX, ABC):
    """Build a network for a data set and evaluate it without training.

    A subclass defines ``build_network`` and ``image_statistics``. Its network has the interface of
    :class:`models.base.ClipNetwork`: ``frozen_features(images)``, ``classify(features)``,
    ``scores(output) -> (B, C)``.

    Args:
        cfg: frozen configuration of the run.

    Attributes:
        section: section of the configuration with the options of the class, such as
            ``TRAINER.MINE``; empty: ``TRAINER.<CLASS NAME>``, in capitals.
        model_name: folder of the checkpoints.
        precision_name: one of :data:`engine.precision.PRECISIONS`.
        weights: name of the evaluated weights in the log and in ``metrics.json``.
        argv: arguments that ``train.main`` was called with, for the run card; None: the command of
            the process.
        trained_in: output folder of the checkpoint that was loaded last; empty: none.
        training_costs: see :func:`engine.costs.training_time`; empty: nothing was trained.
    """

    section = ""
    data_manager = DataManager  # replaced where there is no data set
    model_name = "model"
    precision_name = "fp32"
    weights = "the initial weights"
    argv: Sequence[str] | None = None
    trained_in = ""
    training_costs: Mapping[str, Any] = {}

    def __init__(self, cfg: CfgNode) -> None:
        distributed.init(use_cuda=cfg.USE_CUDA, timeout_minutes=cfg.TRAIN.TIMEOUT)
        # Without handlers, another project builds this trainer: log to the console only.
        if not log.handlers:
            setup_logging()
            log.info(describe_base())
        set_seed(cfg.SEED)
        sync_registries()
        # Before the data is read and features are cached: the card counts the time of both.
        self.card = start_card(cfg) if is_main() else {}
        super().__init__(cfg)
        check_rule_classes(cfg, [self.lab2cname[c] for c in range(self.num_classes)])
        groups = groups_of(self.dm.dataset.hierarchy)
        self.evaluator = build_evaluator(
            cfg, lab2cname=self.lab2cname, groups=groups, name=self.evaluator_name()
        )

    # For subclasses -------------------------------------------------------------------------------

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Return the network, on the CPU."""

    @abstractmethod
    def image_statistics(self) -> Statistics:
        """Return mean and standard deviation of the backbone's images, per channel in [0, 1]."""

    def digest_frozen(self) -> str:
        """Return a digest of everything frozen.

        It must be equal on all processes, and in a run and the checkpoints that it loads.
        """
        return frozen_digest(self.model)

    def digest_weights(self) -> str:
        """Return a digest of the frozen weights without the classes; empty: none is known."""
        return ""

    def digest_features(self) -> str:
        """Return a digest of the weights that the frozen features depend on."""
        return frozen_digest(self.model.encoder)

    # Building -------------------------------------------------------------------------------------

    def method(self, cfg: CfgNode | None = None) -> CfgNode:
        """Return the options of this class; give ``cfg`` before ``self.cfg`` is set."""
        return Options(cfg or self.cfg, class_section("TRAINER", type(self)))

    @classmethod
    def loss_sections(cls, cfg: CfgNode) -> set[str]:
        """Return the sections of the losses whose options are read; ``LOSS``: those of any loss."""
        return set()  # nothing is trained

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check settings that depend on each other; raise :class:`UserError` if they do not fit."""
        check_settings(cfg)
        if cfg.TRAIN.FEATURE_CACHE:
            make_root(cfg.TRAIN.FEATURE_CACHE)

    def build_data_loader(self) -> None:
        """Create the loaders; their images are uint8 and are normalised on the device."""
        mean, std = choose_statistics(self.cfg, self.image_statistics())
        self.dm = dm = self.data_manager(self.cfg, mean=mean, std=std, images="uint8")
        self.check_dataset(dm.dataset)
        keep_drawn(dm.dataset.drawn, Path(self.output_dir))
        self.train_loader_x, self.train_loader_u = dm.train_loader_x, dm.train_loader_u
        self.val_loader, self.test_loader = dm.val_loader, dm.test_loader
        self.num_classes, self.num_source_domains = dm.num_classes, dm.num_source_domains
        self.lab2cname = dm.lab2cname

    def closed_set_reason(self) -> str:
        """Return why the method cannot score classes that it was not trained on; empty: it can."""
        return ""

    def check_dataset(self, dataset: IntentDataset) -> None:
        """Raise :class:`UserError` if the method cannot work on this kind of data set."""
        reason = self.closed_set_reason()
        if dataset.unseen and reason:
            raise UserError(
                f"TRAINER.NAME '{type(self).__name__}' cannot be evaluated on classes without "
                f"training images, which DATASET.NAME '{self.cfg.DATASET.NAME}' has here: {reason}"
            )

    def build_model(self) -> None:
        """Build and register the network."""
        self.place_network()
        self.check_peers(self.digest_frozen())
        self.register_model(self.model_name, self.model)
        self.cache_features()

    def place_network(self) -> None:
        """Build the network, move it to the device and apply the settings ``SPEED.*``."""
        # The first process of a machine downloads weights, the others find the file.
        with distributed.local_main_first():
            network = self.build_network()
        self.model = network.to(self.device)
        apply_speed(self.model, self.cfg, self.device)
        self.precision = Precision(self.precision_name, self.device)

    def check_peers(self, digest: str) -> None:
        """Raise :class:`UserError` if processes differ in settings, data or the digest."""
        dataset = self.dm.dataset
        counts = [len(split or ()) for split in (dataset.train_x, dataset.val, dataset.test)]
        check_same_start(self.settings(), counts, digest)

    def settings(self) -> Settings:
        """Return the settings that a resumed run must not change; see :func:`run_settings`."""
        settings = run_settings(self.cfg, type(self))
        settings["TEST.EVALUATOR"] = self.evaluator_name()
        return settings

    def evaluator_name(self) -> str:
        """Return the registered name of the evaluator; ``auto`` follows from the data set."""
        dataset = self.dm.dataset
        return evaluator_name(self.cfg, kind=dataset.kind, zero_shot=bool(dataset.unseen))

    def cache_features(self) -> None:
        """Let the loaders return cached features in place of images, if there is a cache folder."""
        test = () if self.dm.dataset.unseen else (self.test_loader,)  # open_test does it later
        self.cache_loaders(self.train_loader_x, self.val_loader, *test)

    def cache_loaders(self, *loaders: Any) -> None:
        """Let loaders return cached features in place of images, if there is a cache folder."""
        if not self.cfg.TRAIN.FEATURE_CACHE:
            return
        self.set_model_mode("eval")
        key = feature_key(self.model, self.cfg, self.precision.dtype)
        key |= {"weights": self.digest_features(), "normalizer": repr(self.dm.normalizer)}
        cache_splits(loaders, self.cfg.TRAIN.FEATURE_CACHE, key, self.encode)

    @torch.no_grad()
    def encode(self, batch: dict) -> tuple[Tensor, ...]:
        """Return the frozen features of a batch, as the cache stores them."""
        images, _ = self.parse_batch_test(batch)
        with self.precision.autocast():
            return self.model.frozen_features(images).tensors

    # Evaluation -----------------------------------------------------------------------------------

    def train(self) -> None:
        """Evaluate on val, which fits the decision rule, and on test; nothing is trained."""
        start = time.time()
        log.info("%s has nothing to train: the network is evaluated as it is", type(self).__name__)
        log.info("Finish training")  # result parsers of CoOp and Dassl wait for these lines
        log.info("Finished training")
        self.open_writer()
        self.test()
        self.finish(start)

    def load_model(self, directory: str, epoch: int | None = None) -> None:
        """Log that there is nothing to load; ``--eval-only`` works all the same."""
        log.info(
            "%s has no checkpoints: nothing is loaded from '%s'", type(self).__name__, directory
        )

    def open_writer(self) -> None:
        """Open the files of TensorBoard, on the main process only."""
        if is_main():
            self.init_writer(str(Path(self.output_dir, "tensorboard")))

    def finish(self, start: float) -> None:
        """Log the time since ``start``, from ``time.time()``, and close TensorBoard's files."""
        log.info("Elapsed: %s", datetime.timedelta(seconds=round(time.time() - start)))
        self.close_writer()

    def test(self, split: str | None = None) -> float:
        """Evaluate val, which fits the decision rule, then test with this rule; write the results.

        Args:
            split: ``val`` evaluates val only and writes no files; ``test`` evaluates both; None:
                ``cfg.TEST.SPLIT``, with files.

        Returns:
            Value of the selecting metric on the last split.

        Raises:
            UserError: the data set has no val or no test split.
        """
        has_test = self.dm.dataset.has_test
        if self.val_loader is None or (has_test and self.test_loader is None):
            raise UserError(
                f"DATASET.NAME '{self.cfg.DATASET.NAME}' has no val or no test split; an "
                "evaluation needs both"
            )
        results = {"val": self.evaluate_split("val")}
        if split == "val":
            return results["val"].selected
        if has_test and (split == "test" or self.cfg.TEST.SPLIT == "test"):
            self.open_test()
            results["test"] = self.evaluate_split("test", results["val"].rule)
        distributed.run_on_main(lambda: self.write_results(results))
        return list(results.values())[-1].selected

    def open_test(self) -> None:
        """Let the labels of unseen classes be read, once everything is chosen."""
        dataset = self.dm.dataset
        if dataset.unseen:
            dataset.open_test()
            self.cache_loaders(self.test_loader)

    def write_results(self, results: Mapping[str, SplitResult]) -> None:
        """Write the files of the final evaluation and the report.

        Args:
            results: results by split, in the order of evaluation.
        """
        cfg, folder = self.cfg, Path(self.output_dir)
        title = f"{type(self).__name__} on {data_title(cfg.DATASET)}, seed {cfg.SEED}"
        run = evaluated_run(cfg, self.dm.dataset, results, title=title)
        write_numbers(folder, cfg, run, weights=self.weights)
        write_classes(folder, self.dm.dataset)
        if self._writer is not None:
            self._writer.flush()  # the curves are read back from its files
        history = read_history(Path(self.trained_in or folder, "tensorboard"))
        run = replace(run, card=self.run_card(results), history=history)
        write_card(folder, run.card)
        write_analysis(folder, cfg, with_rules(cfg, run))

    def evaluate_split(self, split: str, rule: DecisionRule | None = None) -> SplitResult:
        """Evaluate all images of one split and write the metrics to TensorBoard.

        Args:
            split: ``val`` or ``test``.
            rule: decision rule fitted on val; None fits one, which is right for val only.
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

    def run_card(self, results: Mapping[str, SplitResult]) -> Card:
        """Return the content of ``run.json``; the main process calls this after the evaluation.

        Args:
            results: results by split.
        """
        cfg = self.cfg
        costs = {}
        if cfg.TEST.COSTS:
            costs = measure_costs(
                self.model,
                self.model_inference,
                input_size=cfg.INPUT.SIZE,
                batch_size=cfg.DATALOADER.TEST.BATCH_SIZE,
                device=self.device,
                precision=self.precision,
            )
        return finish_card(
            self.card,
            argv=self.argv,
            weights=self.weights,
            metrics={split: result.metrics for split, result in results.items()},
            data=describe_data(self.dm.dataset, cfg.DATASET.ROOT),
            backbone=describe_backbone(cfg, self.digest_frozen()),
            costs={**costs, **self.training_costs},
            trained_in=self.trained_in,
        )

    def parse_batch_test(self, batch: dict) -> tuple[Inputs, Tensor]:
        """Return the inputs and labels of a batch on the device.

        Args:
            batch: ``img (B, 3, H, W)`` uint8, or ``features`` from the cache; ``label (B, C)``.

        Returns:
            Normalised images ``(B, 3, H, W)`` or frozen features, and labels ``(B, C)``.
        """
        label = batch["label"].to(self.device, non_blocking=True)
        if "features" in batch:
            tensors = [part.to(self.device, non_blocking=True) for part in batch["features"]]
            features = self.model.restore_features(tuple(tensors), tuple(self.cfg.INPUT.SIZE))
            return features, label
        # uint8 images are a quarter of the bytes of float32, so they are normalised after the copy.
        images = batch["img"].to(self.device, non_blocking=True)
        return self.dm.normalizer(images), label

    def model_inference(self, input: Inputs) -> Tensor:
        """Return scores ``(B, C)`` in [0, 1], in float32 at least, for images or features."""
        with torch.no_grad(), self.precision.autocast():
            output = self.model(input)
        return self.output_scores(output)

    def output_scores(self, output: Tensor) -> Tensor:
        """Return scores ``(B, C)`` in [0, 1] for the output of the network."""
        return self.model.scores(output)
