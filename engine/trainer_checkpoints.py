"""Checkpoints of a trainer, under the names of Dassl's methods."""

import math

from yacs.config import CfgNode

from core.logging import get_logger
from engine.checkpoint import BEST, Checkpointer

log = get_logger()


class TrainerCheckpoints:
    """Mixin of a trainer: save, load and resume its run.

    Attributes:
        checkpointer: reads and writes the files.
        best_result: best value of the selecting metric on val so far.
        epoch: number of the last finished epoch, from 0.
        trained_in: output folder of the checkpoint that was loaded last.
        weights: name of the loaded weights in the log and in ``metrics.json``.
    """

    cfg: CfgNode
    checkpointer: Checkpointer
    output_dir: str
    max_epoch: int
    best_result: float
    epoch: int
    trained_in: str
    weights: str
    is_told_of_nan = False

    def warn_of_nan(self, metric: str, value: float) -> None:
        """Log once that the selecting metric on val is NaN and cannot select an epoch."""
        if math.isnan(value) and not self.is_told_of_nan:
            self.is_told_of_nan = True
            log.warning(
                "The metric '%s', which selects the best epoch, is NaN on val. An epoch with a "
                "number is always better; until there is one, the newest epoch counts as the best",
                metric,
            )

    def save_model(
        self,
        epoch: int,
        directory: str,
        is_best: bool = False,
        val_result: float | None = None,
        model_name: str = "",
    ) -> None:
        """Save the learnable weights and everything that resuming needs.

        Args:
            epoch: number of the finished epoch, from 0.
            directory: output folder; the file lies in its subfolder ``self.model_name``.
            is_best: also save as the best checkpoint.
            val_result: selecting metric of this epoch on val.
            model_name: name of the file; empty: ``model.pth.tar-<epoch + 1>``.
        """
        files = [model_name or f"model.pth.tar-{epoch + 1}"]
        if is_best:
            files.append(BEST)
        for file in files:
            self.checkpointer.save(
                directory,
                file,
                num_epochs=epoch + 1,
                best_result=self.best_result,
                val_result=val_result,
            )

    def load_model(self, directory: str, epoch: int | None = None) -> None:
        """Load the best checkpoint of an output folder, or the one of ``epoch`` (from 1)."""
        if not directory:
            log.info("No model directory is given: load_model() is skipped")
            return
        num_epochs = self.checkpointer.load(directory, epoch)
        self.epoch = num_epochs - 1
        self.trained_in = directory
        self.weights = f"epoch {num_epochs}"

    def resume_model_if_exist(self, directory: str) -> int:
        """Resume from the last checkpoint of an output folder; return the finished epochs or 0."""
        required = bool(self.cfg.RESUME)
        resumed = self.checkpointer.resume(
            directory, own_folder=self.output_dir, max_epoch=self.max_epoch, required=required
        )
        self.best_result = resumed.best_result
        return resumed.num_epochs

    def deploy(self) -> None:
        """Load the weights of the final evaluation."""
        if self.cfg.TEST.FINAL_MODEL == "best_val":
            log.info("Deploy the model with the best val performance")
            self.load_model(self.output_dir)
        else:
            log.info("Deploy the last-epoch model")
            self.load_model(self.output_dir, epoch=self.max_epoch)
