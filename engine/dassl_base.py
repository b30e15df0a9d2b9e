"""Small implementation of Dassl's trainer contract, for runs without Dassl.

Life cycle and names follow ``dassl.engine.trainer`` 0.6.3 (github.com/KaiyangZhou/Dassl.pytorch).
A trainer that uses only Dassl's public names runs on both. Only one process is supported.
"""

import datetime
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm
from yacs.config import CfgNode

from core.errors import UserError
from core.logging import get_logger
from datasets import DataManager
from engine.checkpoint import BEST, load_checkpoint, read_last_name, save_checkpoint
from engine.meters import ProgressMeter
from evaluation import build_evaluator

log = get_logger()


class TrainerBase:
    """Registered models with their optimisers and schedulers, and the loop over epochs."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, nn.Module] = OrderedDict()
        self._optims: OrderedDict[str, Any] = OrderedDict()
        self._scheds: OrderedDict[str, Any] = OrderedDict()
        self._writer: SummaryWriter | None = None

    def register_model(
        self, name: str = "model", model: Any = None, optim: Any = None, sched: Any = None
    ) -> None:
        """Register a model.

        Args:
            name: name of the model and of its checkpoint folder.
            model: module.
            optim: optimiser of the model; None if it is not trained.
            sched: schedule of ``optim``; None if the rate is constant.
        """
        assert name not in self._models, f"model '{name}' is registered twice"
        self._models[name], self._optims[name], self._scheds[name] = model, optim, sched

    def get_model_names(self, names: str | list[str] | None = None) -> list[str]:
        """Return ``names`` as a list; None: the names of all models."""
        if names is None:
            return list(self._models)
        names = [names] if isinstance(names, str) else list(names)
        assert all(name in self._models for name in names)
        return names

    def save_model(
        self,
        epoch: int,
        directory: str,
        is_best: bool = False,
        val_result: Any = None,
        model_name: str = "",
    ) -> None:
        """Save every registered model to its folder ``<directory>/<name>/``.

        Args:
            epoch: number of the finished epoch, from 0.
            directory: output folder.
            is_best: also save as the best checkpoint.
            val_result: result of this epoch on val.
            model_name: name of the file; empty: ``model.pth.tar-<epoch + 1>``.
        """
        for name in self.get_model_names():
            state = {
                "state_dict": self._models[name].state_dict(),
                "epoch": epoch + 1,
                "optimizer": _state_of(self._optims[name]),
                "scheduler": _state_of(self._scheds[name]),
                "val_result": val_result,
            }
            path = Path(directory, name, model_name or f"model.pth.tar-{epoch + 1}")
            save_checkpoint(state, path)
            if is_best:
                save_checkpoint(state, path.with_name(BEST), remember=False)

    def load_model(self, directory: str, epoch: int | None = None) -> None:
        """Load the best checkpoint, or the one of ``epoch`` (from 1), into every model."""
        if not directory:
            log.info("No model directory is given: load_model() is skipped")
            return
        for name in self.get_model_names():
            path = Path(directory, name, BEST if epoch is None else f"model.pth.tar-{epoch}")
            checkpoint = load_checkpoint(path)
            self._models[name].load_state_dict(checkpoint["state_dict"])
            log.info("Load %s to %s (epoch=%s)", path, name, checkpoint["epoch"])

    def resume_model_if_exist(self, directory: str) -> int:
        """Restore everything from the last checkpoint; return the epoch to start with, from 0."""
        files = {name: read_last_name(Path(directory, name)) for name in self.get_model_names()}
        if not all(files.values()):
            log.info("No checkpoint found, train from scratch")
            return 0
        start_epoch = 0
        for name, file in files.items():
            checkpoint = load_checkpoint(file)
            self._models[name].load_state_dict(checkpoint["state_dict"])
            parts = {"optimizer": self._optims[name], "scheduler": self._scheds[name]}
            for key, part in parts.items():
                if part is not None and checkpoint.get(key) is not None:
                    part.load_state_dict(checkpoint[key])
            start_epoch = checkpoint["epoch"]
        return start_epoch

    def set_model_mode(self, mode: str = "train", names: Any = None) -> None:
        """Switch models to ``train`` mode, or to evaluation for any other ``mode``."""
        for name in self.get_model_names(names):
            self._models[name].train(mode == "train")

    def update_lr(self, names: Any = None) -> None:
        """Step the schedulers; call it once per epoch."""
        for name in self.get_model_names(names):
            if self._scheds[name] is not None:
                self._scheds[name].step()

    def detect_anomaly(self, loss: torch.Tensor) -> None:
        """Raise :class:`FloatingPointError` if ``loss`` is not finite."""
        if not torch.isfinite(loss).all():
            raise FloatingPointError("Loss is infinite or NaN!")

    def init_writer(self, log_dir: str) -> None:
        """Open TensorBoard's writer in ``log_dir``, unless it is open."""
        if self._writer is None:
            self._writer = SummaryWriter(log_dir=log_dir)

    def close_writer(self) -> None:
        """Close TensorBoard's writer."""
        if self._writer is not None:
            self._writer.close()

    def write_scalar(self, tag: str, scalar_value: float, global_step: int | None = None) -> None:
        """Write a scalar to TensorBoard if the writer is open."""
        if self._writer is not None:
            self._writer.add_scalar(tag, scalar_value, global_step)

    def train(self, start_epoch: int, max_epoch: int) -> None:
        """Run the loop over epochs and call the methods before and after each."""
        self.start_epoch, self.max_epoch = start_epoch, max_epoch
        self.before_train()
        for self.epoch in range(self.start_epoch, self.max_epoch):
            self.before_epoch()
            self.run_epoch()
            self.after_epoch()
        self.after_train()

    def before_train(self) -> None:
        """Run before the first epoch."""

    def after_train(self) -> None:
        """Run after the last epoch."""

    def before_epoch(self) -> None:
        """Run before each epoch."""

    def after_epoch(self) -> None:
        """Run after each epoch."""

    def run_epoch(self) -> None:
        """Run one epoch; a subclass defines it."""
        raise NotImplementedError

    def forward_backward(self, batch: Any) -> dict:
        """Run one training step; return the values to log, by name."""
        raise NotImplementedError

    def model_zero_grad(self, names: Any = None) -> None:
        """Clear the gradients."""
        for name in self.get_model_names(names):
            if self._optims[name] is not None:
                self._optims[name].zero_grad()

    def model_backward(self, loss: torch.Tensor) -> None:
        """Check the loss and back-propagate."""
        self.detect_anomaly(loss)
        loss.backward()

    def model_update(self, names: Any = None) -> None:
        """Step the optimisers."""
        for name in self.get_model_names(names):
            if self._optims[name] is not None:
                self._optims[name].step()

    def model_backward_and_update(self, loss: torch.Tensor, names: Any = None) -> None:
        """Clear the gradients, back-propagate and step the optimisers."""
        self.model_zero_grad(names)
        self.model_backward(loss)
        self.model_update(names)


def _state_of(part: Any) -> dict | None:
    """Return the state of an optimiser or schedule, None where the model has none."""
    return None if part is None else part.state_dict()


class SimpleTrainer(TrainerBase):
    """Device, loaders, evaluator and default hooks; a subclass defines ``build_model``."""

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__()
        self.check_cfg(cfg)
        self.device = torch.device("cuda" if torch.cuda.is_available() and cfg.USE_CUDA else "cpu")
        self.start_epoch = self.epoch = 0
        self.max_epoch = cfg.OPTIM.MAX_EPOCH
        self.output_dir = cfg.OUTPUT_DIR
        self.cfg = cfg
        self.build_data_loader()
        self.build_model()
        self.evaluator = build_evaluator(cfg, lab2cname=self.lab2cname)
        self.best_result = -np.inf

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check the configuration; a subclass may define it."""

    def build_data_loader(self) -> None:
        """Create the loaders and the attributes that Dassl's trainers read."""
        mean, std = self.cfg.INPUT.PIXEL_MEAN, self.cfg.INPUT.PIXEL_STD
        self.dm = dm = DataManager(self.cfg, mean=mean, std=std)
        self.train_loader_x, self.train_loader_u = dm.train_loader_x, dm.train_loader_u
        self.val_loader, self.test_loader = dm.val_loader, dm.test_loader
        self.num_classes, self.num_source_domains = dm.num_classes, dm.num_source_domains
        self.lab2cname = dm.lab2cname

    def build_model(self) -> None:
        """Build and register the model; a subclass defines it."""
        raise NotImplementedError

    def train(self) -> None:
        """Train from ``start_epoch`` to ``max_epoch``."""
        super().train(self.start_epoch, self.max_epoch)

    def before_train(self) -> None:
        """Resume from the last checkpoint, if there is one, and open TensorBoard."""
        self.start_epoch = self.resume_model_if_exist(self.cfg.RESUME or self.cfg.OUTPUT_DIR)
        self.init_writer(str(Path(self.output_dir, "tensorboard")))
        self.time_start = time.time()

    def after_train(self) -> None:
        """Load the checkpoint of ``TEST.FINAL_MODEL`` and evaluate it."""
        log.info("Finish training")
        if not self.cfg.TEST.NO_TEST:
            if self.cfg.TEST.FINAL_MODEL == "best_val":
                log.info("Deploy the model with the best val performance")
                self.load_model(self.output_dir)
            else:
                log.info("Deploy the last-epoch model")
            self.test()
        log.info("Elapsed: %s", datetime.timedelta(seconds=round(time.time() - self.time_start)))
        self.close_writer()

    def after_epoch(self) -> None:
        """Save the best checkpoint on val, and the checkpoints of ``TRAIN.CHECKPOINT_FREQ``."""
        cfg, done = self.cfg, self.epoch + 1
        if not cfg.TEST.NO_TEST and cfg.TEST.FINAL_MODEL == "best_val":
            result = self.test(split="val")
            if result > self.best_result:
                self.best_result = result
                self.save_model(self.epoch, self.output_dir, val_result=result, model_name=BEST)
        frequency = cfg.TRAIN.CHECKPOINT_FREQ
        if done == self.max_epoch or (frequency > 0 and done % frequency == 0):
            self.save_model(self.epoch, self.output_dir)

    @torch.no_grad()
    def test(self, split: str | None = None) -> float:
        """Evaluate ``split`` (default: ``cfg.TEST.SPLIT``); return the evaluator's first metric."""
        self.set_model_mode("eval")
        self.evaluator.reset()
        split = split or self.cfg.TEST.SPLIT
        loader = self.val_loader if split == "val" else self.test_loader
        if loader is None:
            raise UserError(f"the data set has no {split} split")
        log.info("Evaluate on the *%s* set", split)
        for batch in tqdm(loader, leave=False, disable=None):
            images, label = self.parse_batch_test(batch)
            self.evaluator.process(self.model_inference(images), label)
        results = self.evaluator.evaluate()
        for name, value in results.items():
            self.write_scalar(f"{split}/{name}", value, self.epoch)
        return next(iter(results.values()))

    def model_inference(self, input: torch.Tensor) -> torch.Tensor:
        """Return the output of the model for the evaluator."""
        return self.model(input)

    def parse_batch_test(self, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images and labels on the device."""
        return batch["img"].to(self.device), batch["label"].to(self.device)

    def get_current_lr(self, names: Any = None) -> float:
        """Return the learning rate of the first parameter group."""
        return self._optims[self.get_model_names(names)[0]].param_groups[0]["lr"]


class TrainerX(SimpleTrainer):
    """Train on labelled images; a subclass defines ``build_model`` and ``forward_backward``."""

    def run_epoch(self) -> None:
        """Call ``forward_backward`` for each batch of ``train_loader_x`` and log its values."""
        self.set_model_mode("train")
        self.num_batches = len(self.train_loader_x)
        freq = self.cfg.TRAIN.PRINT_FREQ
        meter = ProgressMeter(self.num_batches, self.epoch, self.max_epoch, freq)
        meter.start()
        for self.batch_idx, batch in enumerate(self.train_loader_x):
            meter.data_ready()
            results = self.forward_backward(batch)
            values = {name: float(value) for name, value in results.items()}
            meter.update([values], lr=self.get_current_lr())
            step = self.epoch * self.num_batches + self.batch_idx
            for name, value in meter.averages().items():
                self.write_scalar(f"train/{name}", value, step)
            self.write_scalar("train/lr", self.get_current_lr(), step)
        meter.close()

    def parse_batch_train(self, batch: dict) -> tuple[torch.Tensor, ...]:
        """Return images, labels and domain numbers on the device."""
        image, label, domain = batch["img"], batch["label"], batch["domain"]
        return image.to(self.device), label.to(self.device), domain.to(self.device)
