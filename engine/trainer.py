"""The base of all multi-label trainers: what Dassl lacks, above the seam, the same on either base."""

import datetime
import math
import time
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm
from yacs.config import CfgNode

from core import distributed
from core.distributed import from_main, is_main
from core.errors import UserError
from core.logging import get_logger, setup_logging
from core.seed import part_ranks, set_seed
from datasets import DataManager
from engine.base_choice import TrainerX, describe_base, sync_registries
from engine.checkpoint import frozen_digest
from engine.feature_cache import cache_split, feature_key, make_root
from engine.fingerprint import run_settings
from engine.meters import ProgressMeter
from engine.optim import build_lr_scheduler, build_optimizer, log_param_groups
from engine.parallel import check_loss, check_same_start, gather_split, global_loss, wrap_network
from engine.precision import Precision
from engine.resume import Resumable
from engine.speed import apply_speed, batch_parts, part_weight, text_once
from evaluation import format_table, write_metrics, write_per_class, write_predictions
from models.base import FrozenFeatures

log = get_logger()


class MultiLabelTrainer(Resumable, TrainerX):
    """Train and evaluate one network with images ``(B, 3, H, W)`` and labels ``(B, C)``.

    A subclass gives ``model_name`` (its checkpoint folder), ``build_network``, ``build_loss``, ``lr_multipliers``,
    ``precision_name`` and ``image_statistics``. Its network has ``parameter_groups() -> {name: [Parameter]}``,
    ``trainable_state_dict()``, ``load_trainable_state_dict(state)``, ``scores(output) -> (B, C)``.

    On several processes ``model`` stays that network, and ``parallel_model`` is what a training step calls.
    """

    model_name = "model"
    precision_name = "fp32"
    static_graph = True  # on several processes: the same parameters are in use in every step

    def __init__(self, cfg: CfgNode) -> None:
        distributed.init(use_cuda=cfg.USE_CUDA, timeout_minutes=cfg.TRAIN.TIMEOUT)
        if not log.handlers:  # built inside somebody's project: their stdout is the log
            setup_logging()
            log.info(describe_base())
        set_seed(cfg.SEED)
        sync_registries()
        self.threshold: float | None = None  # tuned on val; belongs to the weights that are loaded
        self.loaded_from = "the initial weights"
        super().__init__(cfg)
        hierarchy = self.dm.dataset.hierarchy
        self.evaluator.set_groups(hierarchy.subsets, hierarchy.levels)

    # What a subclass gives ------------------------------------------------------------------------------------------

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Return the network, on the CPU."""

    @abstractmethod
    def build_loss(self) -> nn.Module:
        """Return the loss module: ``(output, label (B, C)) -> scalar``."""

    @abstractmethod
    def image_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and std of the backbone's images."""

    def digest_frozen(self) -> str:
        """Return what a checkpoint must agree in with the run that loads it: a digest of all that is not learnt."""
        return frozen_digest(self.model)

    def lr_multipliers(self) -> Mapping[str, float]:
        """Return the learning-rate multiplier of each parameter group that has one."""
        return {}

    # Building -------------------------------------------------------------------------------------------------------

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check what no single key can tell."""
        if cfg.TEST.EVALUATOR == "Classification":
            raise UserError(
                "TEST.EVALUATOR is 'Classification', which is single-label; accepted here: MultiLabel"
            )
        if cfg.TEST.NO_TEST and cfg.TEST.FINAL_MODEL == "best_val":
            raise UserError(
                "TEST.NO_TEST True leaves no way to find TEST.FINAL_MODEL 'best_val'; accepted: last_step"
            )
        if cfg.SPEED.MICRO_BATCH and distributed.world_size() > 1:
            raise UserError(
                f"SPEED.MICRO_BATCH is {cfg.SPEED.MICRO_BATCH}; accepted on several processes: 0 (each has only its "
                "part of the batch; start more of them where that does not fit)"
            )
        if cfg.TRAIN.FEATURE_CACHE:
            make_root(cfg.TRAIN.FEATURE_CACHE)

    def build_data_loader(self) -> None:
        """Create the loaders; normalisation is the backbone's and happens on the device."""
        mean, std = self.image_statistics()
        if self.cfg.INPUT.NORMALIZATION == "pixel":
            mean, std = tuple(self.cfg.INPUT.PIXEL_MEAN), tuple(self.cfg.INPUT.PIXEL_STD)
        dm = self.dm = DataManager(self.cfg, mean=mean, std=std, images="uint8")
        self.train_loader_x, self.train_loader_u = dm.train_loader_x, dm.train_loader_u
        self.val_loader, self.test_loader = dm.val_loader, dm.test_loader
        self.num_classes, self.num_source_domains = dm.num_classes, dm.num_source_domains
        self.lab2cname = dm.lab2cname
        if self.val_loader is None and not self.cfg.TEST.NO_TEST:
            raise UserError(
                f"DATASET.NAME '{self.cfg.DATASET.NAME}' has no val split: best epoch and threshold are chosen on val, "
                "never on test; add one, or train with TEST.NO_TEST True TEST.FINAL_MODEL last_step"
            )

    def build_model(self) -> None:
        """Build network, loss, optimiser and schedule; list what is learnt and what is frozen."""
        with distributed.local_main_first():
            network = self.build_network()
        self.model = network.to(self.device)
        apply_speed(self.model, self.cfg, self.device)
        self.loss = self.build_loss().to(self.device)
        check_loss(self.loss)
        self.precision = Precision(self.precision_name, self.device)
        groups = self.model.parameter_groups()
        self.optim = build_optimizer(groups, self.cfg.OPTIM, self.lr_multipliers())
        self.sched = build_lr_scheduler(self.optim, self.cfg.OPTIM)
        num_frozen = sum(p.numel() for p in self.model.parameters() if not p.requires_grad)
        log_param_groups(self.optim, num_frozen)
        self.frozen_digest = self.digest_frozen()
        splits = (self.dm.dataset.train_x, self.dm.dataset.val, self.dm.dataset.test)
        check_same_start(
            run_settings(self.cfg), [len(split or ()) for split in splits], self.frozen_digest
        )
        self.parallel_model = wrap_network(self.model, static_graph=self.static_graph)
        self.register_model(self.model_name, self.model, self.optim, self.sched)
        self.cache_features()

    def cache_features(self) -> None:
        """With ``TRAIN.FEATURE_CACHE``, make the loaders give frozen features instead of images."""
        if not self.cfg.TRAIN.FEATURE_CACHE:
            return
        self.set_model_mode("eval")
        tf32 = "" if self.cfg.SPEED.TF32 == "torch" else f", TF32 {self.cfg.SPEED.TF32}"
        key = feature_key(self.model, self.cfg, f"{self.precision.dtype or 'fp32'}{tf32}")
        key |= {"weights": self.digest_features(), "normalizer": repr(self.dm.normalizer)}
        for loader in filter(None, (self.train_loader_x, self.val_loader, self.test_loader)):
            cache_split(loader, make_root(self.cfg.TRAIN.FEATURE_CACHE), key, self._encode)

    def digest_features(self) -> str:
        """Return a digest of the weights that frozen features depend on."""
        return frozen_digest(self.model.encoder)

    @torch.no_grad()
    def _encode(self, batch: dict) -> tuple[torch.Tensor, ...]:
        images, _ = self.parse_batch_test(batch)
        with self.precision.autocast():
            return self.model.frozen_features(images).tensors

    # Training -------------------------------------------------------------------------------------------------------

    def before_train(self) -> None:
        """Resume, open TensorBoard, start the clock."""
        part_ranks()
        self.start_epoch = self.resume_model_if_exist(self.cfg.RESUME or self.cfg.OUTPUT_DIR)
        if is_main():
            self.init_writer(str(Path(self.output_dir, "tensorboard")))
        self.time_start = time.time()

    def before_epoch(self) -> None:
        """Tell the loaders which epoch it is: order and augmentation depend on it."""
        self.dm.set_epoch(self.epoch)
        self.threshold, self.loaded_from = None, f"epoch {self.epoch + 1}"

    def run_epoch(self) -> None:
        """Train one epoch and step the schedule."""
        self.set_model_mode("train")
        self.num_batches = len(self.train_loader_x)
        meter = ProgressMeter(
            self.num_batches, self.epoch, self.max_epoch, self.cfg.TRAIN.PRINT_FREQ
        )
        meter.start()
        for self.batch_idx, batch in enumerate(self.train_loader_x):
            meter.data_ready()
            for number, values in meter.update(
                self.forward_backward(batch), lr=self.get_current_lr()
            ):
                self.check_finite(values["loss"], number)
                step = self.epoch * self.num_batches + number
                self.write_scalar("train/loss", values["loss"], step)
                self.write_scalar("train/lr", self.get_current_lr(), step)
        meter.close()
        self.update_lr()

    def forward_backward(self, batch: dict) -> dict[str, torch.Tensor]:
        """Run one step; the loss of the global batch stays on the device (reading it would wait for the step)."""
        image, label = self.parse_batch_train(batch)
        self.optim.zero_grad(
            set_to_none=True
        )  # before the forward pass, whose activations then have their memory
        parts = batch_parts(image, label, self.cfg.SPEED.MICRO_BATCH)
        if len(parts) == 1:
            loss = self.backward(image, label)
        else:
            with text_once(self.model, self.precision):
                loss = sum(
                    self.backward(*part, part_weight(self.loss, len(part[1]), len(label)))
                    for part in parts
                )
        self.model_update()
        return {"loss": loss}

    def backward(
        self, image: torch.Tensor | FrozenFeatures, label: torch.Tensor, weight: float = 1.0
    ) -> torch.Tensor:
        """Add the gradients of ``weight`` times the loss to what is there; return that, detached."""
        with self.precision.autocast():
            loss = weight * self.loss(self.parallel_model(image), label)
        reduction = getattr(self.loss, "reduction", None)
        loss, value = global_loss(loss, reduction=reduction, num_images=len(label))
        if value.device.type == "cpu":
            self.check_finite(value.item(), self.batch_idx)
        self.precision.scaler.scale(loss).backward()
        return value

    def check_finite(self, loss: float, number: int) -> None:
        """Raise :class:`UserError` if the ``loss`` of batch ``number`` is not finite."""
        if not math.isfinite(loss):
            raise UserError(
                f"the loss is {loss} at epoch {self.epoch + 1}, batch {number + 1}; "
                "lower OPTIM.LR, or set OPTIM.CLIP_GRAD_NORM or PREC fp32"
            )

    def model_backward_and_update(self, loss: torch.Tensor, names: object = None) -> None:
        """Clear the gradients, back-propagate with loss scaling, step (for trainers with a step of their own)."""
        self.optim.zero_grad(set_to_none=True)
        self.precision.scaler.scale(loss).backward()
        self.model_update(names)

    def model_update(self, names: object = None) -> None:
        """Clip the gradients if so configured, and step."""
        scaler = self.precision.scaler
        if self.cfg.OPTIM.CLIP_GRAD_NORM > 0:
            scaler.unscale_(self.optim)
            learnt = [p for group in self.optim.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(learnt, self.cfg.OPTIM.CLIP_GRAD_NORM)
        scaler.step(self.optim)
        scaler.update()

    def parse_batch_train(self, batch: dict) -> tuple[torch.Tensor | FrozenFeatures, torch.Tensor]:
        """Return normalised images ``(B, 3, H, W)``, or their frozen features, and labels ``(B, C)`` on the device."""
        return self.parse_batch_test(batch)

    def parse_batch_test(self, batch: dict) -> tuple[torch.Tensor | FrozenFeatures, torch.Tensor]:
        """Return normalised images ``(B, 3, H, W)``, or their frozen features, and labels ``(B, C)`` on the device.

        Images travel as uint8, a quarter of the bytes, and are normalised where they arrive.
        """
        label = batch["label"].to(self.device, non_blocking=True)
        if "features" in batch:
            tensors = tuple(part.to(self.device, non_blocking=True) for part in batch["features"])
            return self.model.restore_features(tensors, tuple(self.cfg.INPUT.SIZE)), label
        return self.dm.normalizer(batch["img"].to(self.device, non_blocking=True)), label

    def after_epoch(self) -> None:
        """Evaluate on val, keep best and last."""
        cfg, done = self.cfg, self.epoch + 1
        if not cfg.TEST.NO_TEST:
            result = self.evaluate_split("val")
            if (
                result > self.best_result or self.epoch == 0
            ):  # there is always a best epoch, even at nan
                self.best_result = result
                self.save_model(
                    self.epoch, self.output_dir, val_result=result, model_name="model-best.pth.tar"
                )
                log.info(
                    "Best epoch so far: %d (val %s %.2f)", done, cfg.TEST.SELECT_METRIC, result
                )
        frequency = cfg.TRAIN.CHECKPOINT_FREQ
        keep = done == self.max_epoch or (frequency > 0 and done % frequency == 0)
        self.save_model(
            self.epoch, self.output_dir, model_name="" if keep else "model-last.pth.tar"
        )

    def after_train(self) -> None:
        """Evaluate the chosen checkpoint on val and test, write the results."""
        log.info("Finish training")
        log.info("Finished training")  # what MaPLe's result parser waits for
        if not self.cfg.TEST.NO_TEST:
            best = self.cfg.TEST.FINAL_MODEL == "best_val"
            log.info(
                "Deploy the model with the best val performance"
                if best
                else "Deploy the last-epoch model"
            )
            self.load_model(self.output_dir, epoch=None if best else self.max_epoch)
            self.test()
        log.info("Elapsed: %s", datetime.timedelta(seconds=round(time.time() - self.time_start)))
        self.close_writer()

    # Evaluation -----------------------------------------------------------------------------------------------------

    def test(self, split: str | None = None) -> float:
        """Evaluate ``val``, or (default) ``cfg.TEST.SPLIT`` at the threshold tuned on val, and write the results."""
        if split == "val":
            return self.evaluate_split("val")
        splits = ["val"] if self.cfg.TEST.SPLIT == "val" and split is None else ["val", "test"]
        results, folder = {}, Path(self.output_dir)
        for name in splits:
            selected = self.evaluate_split(name)
            results[name] = dict(self.results)
            if is_main():
                write_per_class(
                    folder / f"per_class{'' if name == splits[-1] else '_' + name}.csv",
                    self.evaluator.per_class,
                )
        if is_main() and self.cfg.TEST.PREDICTIONS:
            self.write_predictions(splits[-1], folder / "predictions.csv")
        if is_main():
            write_metrics(folder / "metrics.json", {"model": self.loaded_from, **results})
        log.info(
            "%s\nResults of %s: %s",
            format_table(results),
            self.loaded_from,
            folder / "metrics.json",
        )
        return selected

    def write_predictions(self, split: str, path: Path) -> None:
        """Write the predictions of ``split``, the last that was evaluated."""
        evaluator, records = self.evaluator, getattr(self.dm.dataset, split)
        write_predictions(
            path,
            impaths=[record.impath for record in records],
            names=[self.lab2cname[c] for c in range(self.num_classes)],
            scores=evaluator.scores,
            labels=evaluator.labels,
            threshold=self.results["threshold"],
        )

    @torch.no_grad()
    def evaluate_split(self, split: str) -> float:
        """Evaluate ``split`` and return the metric that selects; val tunes the threshold that test then uses."""
        self.set_model_mode("eval")
        log.info("Evaluate on the *%s* set", split)
        scores, labels = self.predict_split(split)
        self.evaluator.threshold = None if split == "val" else self.threshold

        def evaluate() -> tuple[dict[str, float], float | None]:
            self.evaluator.reset()
            self.evaluator.process(scores, labels)
            return self.evaluator.evaluate(), self.evaluator.tuned_threshold

        self.results, tuned = from_main(
            evaluate
        )  # on one, so that all agree to the last bit on the best epoch
        if split == "val":
            self.threshold = tuned
        for name, value in self.results.items():
            self.write_scalar(f"{split}/{name}", value, self.epoch)
        return next(iter(self.results.values()))

    @torch.no_grad()
    def predict_split(self, split: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores and labels ``(N, C)`` of all images of ``split`` in order; each process predicts its own."""
        loader = {"val": self.val_loader, "test": self.test_loader}[split]
        index, scores, labels = [], [], []
        with text_once(self.model, self.precision):
            for batch in tqdm(loader, desc=split, leave=False, disable=None if is_main() else True):
                image, label = self.parse_batch_test(batch)
                index.append(batch["index"])
                scores.append(self.model_inference(image))
                labels.append(label)
        return gather_split(index, scores, labels, num_classes=self.num_classes)

    def model_inference(self, input: torch.Tensor) -> torch.Tensor:
        """Return scores ``(B, C)`` in [0, 1], fp32."""
        with self.precision.autocast():
            output = self.model(input)
        return self.model.scores(output)
