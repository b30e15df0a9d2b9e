"""Checkpoints of what is learnt, and going on from them: weights, optimiser, schedule, best result, random state."""

import math
from pathlib import Path

from core import distributed
from core.distributed import from_main
from core.errors import UserError
from core.logging import get_logger
from core.seed import random_state, set_random_state
from engine.checkpoint import copy_checkpoint, load_checkpoint, read_last_name, save_checkpoint
from engine.fingerprint import check_same_run, run_settings

log = get_logger()
NEEDED = (
    "optimizer",
    "scheduler",
    "scaler",
    "best_result",
    "random_states",
)  # beside the weights, to go on


class Resumable:
    """The checkpoint methods of a trainer, in place of its base's, which save frozen weights too."""

    def save_model(
        self,
        epoch: int,
        directory: str,
        is_best: bool = False,
        val_result: float | None = None,
        model_name: str = "",
    ) -> None:
        """Save what is learnt and all that resuming needs; frozen weights stay in the backbone's own file."""
        random_states = distributed.gather_objects(random_state()) or []
        state = {
            "state_dict": self.model.trainable_state_dict(),
            "epoch": epoch + 1,
            "optimizer": self.optim.state_dict(),
            "scheduler": self.sched.state_dict(),
            "val_result": val_result,
            "best_result": float(self.best_result),
            "scaler": self.precision.scaler.state_dict(),
            "random_states": random_states,  # of each process
            "settings": run_settings(self.cfg),
            "source_digest": self.frozen_digest,
        }
        name = model_name or f"model.pth.tar-{epoch + 1}"
        path = Path(directory, self.model_name, name)
        from_main(lambda: save_checkpoint(state, path, remember=name != "model-best.pth.tar"))

    def load_model(self, directory: str, epoch: int | None = None) -> None:
        """Load the best checkpoint of ``directory``, or that of ``epoch``, for evaluation."""
        if not directory:
            log.info("No model directory is given: load_model() is skipped")
            return
        file = "model-best.pth.tar" if epoch is None else f"model.pth.tar-{epoch}"
        path = Path(directory, self.model_name, file)
        checkpoint = from_main(lambda: load_checkpoint(path))
        self._load_learnt(checkpoint, path)
        self.epoch = checkpoint["epoch"] - 1
        self.rule, self.loaded_from = None, f"epoch {checkpoint['epoch']}"
        log.info(
            "Load %s (epoch=%d, val_result=%s)",
            path,
            checkpoint["epoch"],
            checkpoint.get("val_result"),
        )

    def resume_model_if_exist(self, directory: str) -> int:
        """Go on from the last checkpoint of ``directory``: weights, optimiser, schedule, best result, random state."""
        path, checkpoint = from_main(lambda: self._read_last(Path(directory, self.model_name)))
        if path is None:
            log.info("No checkpoint found, train from scratch")
            return 0
        missing = [name for name in NEEDED if name not in checkpoint]
        if missing:
            raise UserError(
                f"{path} can be evaluated (--eval-only) but not resumed: it lacks {', '.join(missing)}, which this "
                "version needs; give another --output-dir"
            )
        self._load_learnt(checkpoint, path)
        from_main(lambda: self._bring_along(path, checkpoint))
        self.optim.load_state_dict(checkpoint["optimizer"])
        self.sched.load_state_dict(checkpoint["scheduler"])
        if checkpoint["scaler"]:  # empty without loss scaling: PREC amp on another kind of GPU
            self.precision.scaler.load_state_dict(checkpoint["scaler"])
        self.best_result = checkpoint["best_result"]
        if distributed.rank() < len(
            checkpoint["random_states"]
        ):  # there may have been fewer processes
            set_random_state(checkpoint["random_states"][distributed.rank()])
        log.info("Resume from %s (epoch %d is done)", path, checkpoint["epoch"])
        return checkpoint["epoch"]

    def _read_last(self, folder: Path) -> tuple[Path | None, dict]:
        """Return path and content of the last checkpoint of ``folder``; None where there is none to go on from."""
        path = read_last_name(folder)
        if path is None:
            if self.cfg.RESUME:
                raise UserError(f"RESUME is '{self.cfg.RESUME}', but {folder} holds no checkpoint")
            return None, {}
        checkpoint = load_checkpoint(path)
        check_same_run(checkpoint.get("settings", {}), self.cfg, path)
        return path, checkpoint

    def _bring_along(self, path: Path, checkpoint: dict) -> None:
        """Copy what the end of the run may need from the folder of ``path``, where that is not the run's own."""
        own, best = Path(self.output_dir, self.model_name), path.with_name("model-best.pth.tar")
        if path.parent.resolve() == own.resolve():
            return
        if best.is_file():
            copy_checkpoint(best, own)
        elif math.isfinite(checkpoint.get("best_result", -math.inf)):
            raise UserError(
                f"{path.parent} has no model-best.pth.tar, so the best epoch so far is lost; copy it there"
            )
        if checkpoint["epoch"] >= self.max_epoch:
            copy_checkpoint(path, own)

    def _load_learnt(self, checkpoint: dict, path: Path) -> None:
        try:
            self.model.load_trainable_state_dict(checkpoint["state_dict"])
        except (RuntimeError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(
                f"{path} does not fit this configuration (backbone, classes, prompts): {reason}"
            ) from error
        if checkpoint.get("source_digest", self.frozen_digest) != self.frozen_digest:
            raise UserError(
                f"{path} was trained on other frozen weights or classes; expected the same MODEL.BACKBONE.PATH or NAME "
                "(and --seed, where the backbone starts from random weights) and words of DATASET.HIERARCHY"
            )
