"""The estimate of a dry run: time of an epoch, of all epochs and of the final evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.dry_run.measure import BatchTime, with_loading
from engine.dry_run.text import format_pairs, format_seconds
from engine.trainer import MultiLabelTrainer


@dataclass(frozen=True)
class Times:
    """Measured times.

    Attributes:
        steps: of a training step; None: nothing is trained.
        evaluation: of the prediction of a batch; None: there is no evaluation.
        cache: seconds to write the feature cache; 0: there is none.
    """

    steps: BatchTime | None
    evaluation: BatchTime | None
    cache: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Estimated seconds of a run.

    Attributes:
        cache: seconds to write the feature cache; 0: there is none.
        num_epochs: epochs that remain.
        num_steps: steps of an epoch.
        step: seconds of a training step with its loading.
        val: seconds of an evaluation on val after each epoch; 0: there is none.
        final: seconds of the final evaluation by split.
    """

    cache: float
    num_epochs: int
    num_steps: int
    step: float
    val: float
    final: Mapping[str, float]

    @property
    def epoch(self) -> float:
        """Seconds of an epoch of training, without evaluation."""
        return self.num_steps * self.step

    @property
    def total(self) -> float:
        """Seconds of the whole run."""
        epochs = self.num_epochs * (self.epoch + self.val)
        return self.cache + epochs + sum(self.final.values())


def make_schedule(trainer: Any, times: Times, done: int) -> Schedule:
    """Return the estimate of a run.

    Args:
        trainer: the trainer.
        times: measured times.
        done: epochs of an earlier run that training resumes.
    """
    cfg, steps, evaluation = trainer.cfg, times.steps, times.evaluation
    final = {}
    if evaluation is not None:
        loaders = {"val": trainer.val_loader, "test": trainer.test_loader}
        if cfg.TEST.SPLIT == "val":
            del loaders["test"]
        for split, loader in loaders.items():
            if loader is not None:
                final[split] = evaluation.once + len(loader) * with_loading(loader, evaluation)
    # Trainers of Dassl's kind evaluate after an epoch only to choose the best one.
    each = isinstance(trainer, MultiLabelTrainer) or cfg.TEST.FINAL_MODEL == "best_val"
    return Schedule(
        cache=times.cache,
        num_epochs=0 if steps is None else cfg.OPTIM.MAX_EPOCH - done,
        num_steps=len(trainer.train_loader_x),
        step=0.0 if steps is None else with_loading(trainer.train_loader_x, steps),
        val=final.get("val", 0.0) if each else 0.0,
        final=final,
    )


def describe_step(time: BatchTime) -> str:
    """Return loss and time of a training step."""
    return (
        f"One training step: {format_seconds(time.seconds)} without loading (median of "
        f"{time.num_runs}), loss {time.loss:.4f}"
    )


def describe_prediction(time: BatchTime) -> str:
    """Return the time of the prediction of a batch."""
    seconds = format_seconds(time.seconds)
    return f"One prediction of a batch: {seconds} without loading (median of {time.num_runs})"


def describe_memory(memory: Mapping[str, Any]) -> str:
    """Return the peak memory of :func:`engine.costs.peak_memory`."""
    if not memory:
        return "Peak memory: not known on this system"
    return f"Peak memory: {memory['peak_memory_mib']:,} MiB ({memory['peak_memory_of']})"


def describe_schedule(schedule: Schedule) -> str:
    """Return the estimate in lines."""
    pairs = []
    if schedule.cache:
        text = f"{format_seconds(schedule.cache)} (once, if no earlier run has written it)"
        pairs.append(("feature cache", text))
    if schedule.num_epochs:
        steps = f"{schedule.num_steps:,} x {format_seconds(schedule.step)} with loading"
        pairs.append(("one epoch", f"{format_seconds(schedule.epoch)} ({steps})"))
        if schedule.val:
            pairs.append(("val after it", format_seconds(schedule.val)))
        all_epochs = schedule.num_epochs * (schedule.epoch + schedule.val)
        plural = "" if schedule.num_epochs == 1 else "s"
        pairs.append((f"{schedule.num_epochs} epoch{plural}", format_seconds(all_epochs)))
    if schedule.final:
        seconds = format_seconds(sum(schedule.final.values()))
        splits = " and ".join(schedule.final)
        pairs.append(("final evaluation", f"{seconds} ({splits}, without intervals and report)"))
    pairs.append(("in all", format_seconds(schedule.total)))
    return "\n".join(["Time, estimated from these runs on this machine", *format_pairs(pairs)])
