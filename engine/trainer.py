"""Base class of all trainers that learn, on top of either base (Dassl's or ours)."""

import time
from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from core.logging import get_logger
from core.seed import part_ranks
from engine.checkpoint import BEST, LAST, Checkpointer, is_better
from engine.class_draw import ClassDraw
from engine.costs import training_time
from engine.loop import StepValues, TrainingStep, check_finite, check_micro_batch
from engine.loss_state import check_parameters
from engine.meters import ProgressMeter
from engine.optim import build_lr_scheduler, build_optimizer, log_param_groups
from engine.own_code import OwnCode
from engine.parallel import wrap_network
from engine.reduction import check_loss
from engine.runner import MultiLabelRunner
from engine.speed import Inputs
from engine.trainer_checkpoints import TrainerCheckpoints
from engine.untrained import warn_of_untrained
from models.base import learnable_groups

log = get_logger()

declare(
    "TEST",
    Key("NO_TEST", False, "train only: no evaluation, so no best checkpoint", may_change=True),
    Key(
        "FINAL_MODEL",
        "last_step",
        "checkpoint of the final evaluation",
        choices=("last_step", "best_val"),
        may_change=True,
    ),
)


class MultiLabelTrainer(TrainerCheckpoints, MultiLabelRunner):
    """Train the learnable part of a network and evaluate the chosen epoch.

    A subclass defines ``build_network``, ``image_statistics`` and ``build_loss``. Its network has
    the interface of :class:`models.base.ClipNetwork` and in addition ``parameter_groups() -> {name:
    [Parameter]}``, ``trainable_state_dict()`` and ``load_trainable_state_dict(state)``.

    Attributes:
        static_graph: on several processes, True if all steps use the same parameters; False is
            slower.
        parallel_model: ``model`` as a training step calls it, wrapped on several processes.
    """

    static_graph = True

    @abstractmethod
    def build_loss(self) -> nn.Module:
        """Return the loss, with the contract of :data:`losses.LOSS_REGISTRY`."""

    def lr_multipliers(self) -> Mapping[str, float]:
        """Return factors of ``OPTIM.LR`` by name of the parameter group; others have factor 1."""
        return {}

    # Building -------------------------------------------------------------------------------------

    @classmethod
    def loss_sections(cls, cfg: CfgNode) -> set[str]:
        """Return ``LOSS``: ``build_loss`` may read the options of any loss."""
        return {"LOSS"}

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check settings that depend on each other; raise :class:`UserError` if they do not fit."""
        super().check_cfg(cfg)
        if cfg.TEST.NO_TEST and cfg.TEST.FINAL_MODEL == "best_val":
            raise UserError(
                "TEST.FINAL_MODEL is 'best_val', but TEST.NO_TEST True skips val; "
                "accepted: last_step"
            )
        check_micro_batch(cfg.SPEED.MICRO_BATCH)

    def build_model(self) -> None:
        """Build network, loss, optimiser and schedule; log the learnable and frozen parameters."""
        cfg = self.cfg
        self.place_network()
        dataset = self.dm.dataset
        warn_of_untrained(cfg, dataset)
        self.class_draw = ClassDraw(
            self.model, self.num_classes, dataset.unseen, cfg.TRAIN.NUM_CLASSES, cfg.SEED
        )
        self.loss = self.build_loss().to(self.device)
        check_loss(self.loss)
        self.optim = build_optimizer(learnable_groups(self.model), cfg.OPTIM, self.lr_multipliers())
        check_parameters(self.loss, self.optim)
        self.sched = build_lr_scheduler(self.optim, cfg.OPTIM)
        log_param_groups(self.optim, self.model)
        # Before the network is wrapped, which copies weights from rank 0 to the other ranks.
        digest = self.digest_frozen()
        self.check_peers(digest)
        self.parallel_model = wrap_network(self.model, static_graph=self.static_graph)
        self.step = TrainingStep(
            self.model,
            self.parallel_model,
            self.loss,
            self.optim,
            self.precision,
            micro_batch=cfg.SPEED.MICRO_BATCH,
            max_norm=cfg.OPTIM.CLIP_GRAD_NORM,
        )
        self.checkpointer = Checkpointer(
            self.model_name,
            network=self.model,
            optim=self.optim,
            sched=self.sched,
            scaler=self.precision.scaler,
            settings=self.settings(),
            digest=digest,
            open_digest="" if self.closed_set_reason() else self.digest_weights(),
            closed_set_reason=self.closed_set_reason(),
            loss=self.loss,
            own_code=OwnCode(cfg.IMPORTS),
        )
        self.register_model(self.model_name, self.model, self.optim, self.sched)
        self.cache_features()

    # Training -------------------------------------------------------------------------------------

    def train(self) -> None:
        """Train to the last epoch, then evaluate."""
        # Skips MultiLabelRunner.train, which trains nothing. The base has the loop over epochs.
        super(MultiLabelRunner, self).train()

    def before_train(self) -> None:
        """Resume, open the files of TensorBoard, start the clock."""
        part_ranks()
        self.start_epoch = self.resume_model_if_exist(self.cfg.RESUME or self.cfg.OUTPUT_DIR)
        self.open_writer()
        self.time_start = time.time()

    def before_epoch(self) -> None:
        """Pass the epoch to the loaders, whose order and augmentation depend on it."""
        self.dm.set_epoch(self.epoch)
        self.weights = f"epoch {self.epoch + 1}"

    def run_epoch(self) -> None:
        """Train one epoch and step the schedule."""
        self.set_model_mode("train")
        self.num_batches = len(self.train_loader_x)
        freq = self.cfg.TRAIN.PRINT_FREQ
        meter = ProgressMeter(self.num_batches, self.epoch, self.max_epoch, freq)
        results = StepValues(num_steps=self.num_batches, every=freq)
        meter.start()
        for self.batch_idx, batch in enumerate(self.train_loader_x):
            meter.data_ready()
            read = results.add(self.forward_backward(batch))
            for number, values in read:
                check_finite(values["loss"], epoch=self.epoch, batch=number)
                step = self.epoch * self.num_batches + number
                self.write_scalar("train/loss", values["loss"], step)
                self.write_scalar("train/lr", self.get_current_lr(), step)
            meter.update([values for _, values in read], lr=self.get_current_lr())
        meter.close()
        self.update_lr()

    def forward_backward(self, batch: dict) -> dict[str, Tensor]:
        """Run one step; return the loss of the whole batch, which stays on the device."""
        inputs, label = self.parse_batch_train(batch)
        classes = self.step_classes()
        if classes is None:
            return {"loss": self.step(inputs, label)}
        with self.model.only_classes(classes):
            return {"loss": self.step(inputs, label[:, classes])}

    def step_classes(self) -> Tensor | None:
        """Return the classes ``(c,)`` of the next step in rising order; None: all."""
        if self.class_draw.takes_all:
            return None
        return self.class_draw(self.epoch * self.num_batches + self.batch_idx).to(self.device)

    def output_scores(self, output: Tensor) -> Tensor:
        """Return scores ``(B, C)`` in [0, 1]; a loss over the classes has its own."""
        if hasattr(self.loss, "scores"):
            return self.loss.scores(output)
        return super().output_scores(output)

    def parse_batch_train(self, batch: dict) -> tuple[Inputs, Tensor]:
        """Return images and labels on the device, as :meth:`parse_batch_test` does."""
        return self.parse_batch_test(batch)

    def model_backward_and_update(self, loss: Tensor, names: object = None) -> None:
        """Back-propagate with loss scaling and step, for a subclass's own ``forward_backward``."""
        self.optim.zero_grad(set_to_none=True)
        self.precision.scaler.scale(loss).backward()
        self.step.update()

    def after_epoch(self) -> None:
        """Evaluate on val; save the best checkpoint and the last one."""
        cfg, done = self.cfg, self.epoch + 1
        if not cfg.TEST.NO_TEST:
            result = self.evaluate_split("val")
            metric, value = next(iter(result.metrics.items()))
            self.warn_of_nan(metric, value)
            if is_better(value, self.best_result):
                self.best_result = value
                self.save_model(self.epoch, self.output_dir, val_result=value, model_name=BEST)
                log.info("Best epoch so far: %d (val %s %.2f)", done, metric, value)
        frequency = cfg.TRAIN.CHECKPOINT_FREQ
        keep = done == self.max_epoch or (frequency > 0 and done % frequency == 0)
        self.save_model(self.epoch, self.output_dir, model_name="" if keep else LAST)

    def after_train(self) -> None:
        """Evaluate the chosen checkpoint on val and test, write the results."""
        self.training_costs = training_time(
            self.time_start,
            epochs=self.max_epoch - self.start_epoch,
            num_images=len(self.dm.dataset.train_x),
        )
        log.info("Finish training")
        log.info("Finished training")  # MaPLe's result parser waits for this line
        if not self.cfg.TEST.NO_TEST:
            self.deploy()
            self.test()
        self.finish(self.time_start)
