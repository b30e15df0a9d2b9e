"""The parameters of a dry run: groups of the optimisers, frozen ones, size of a checkpoint."""

from typing import Any

import torch

from engine.dry_run.text import format_size, format_table


def learns(trainer: Any) -> bool:
    """Return True if the trainer has an optimiser."""
    return any(optim is not None for optim in trainer._optims.values())


def describe_parameters(trainer: Any) -> str:
    """Return a table of the parameter groups and the frozen parameters."""
    networks = [model for model in trainer._models.values() if model is not None]
    names = ", ".join(type(network).__name__ for network in networks)
    rows = _group_rows(trainer)
    frozen = []
    for network in networks:
        frozen += [p for p in network.parameters() if not p.requires_grad]
    rows.append(("frozen", len(frozen), sum(p.numel() for p in frozen), "", ""))
    head = ("group", "tensors", "values", "lr", "weight decay")
    lines = [f"Parameters of {names}", *format_table(head, rows)]
    if not learns(trainer):
        lines.append(f"  {type(trainer).__name__} has nothing to train: it only evaluates.")
    return "\n".join(lines)


def _group_rows(trainer: Any) -> list[tuple[Any, ...]]:
    rows = []
    for optim in filter(None, trainer._optims.values()):
        for number, group in enumerate(optim.param_groups):
            params = group["params"]
            # The rate before warm-up, which the schedule has already applied to "lr".
            rate = group.get("initial_lr", group["lr"])
            rows.append(
                (
                    group.get("name", f"group {number + 1}"),
                    len(params),
                    sum(p.numel() for p in params),
                    f"{rate:.2e}",
                    f"{group.get('weight_decay', 0):.2e}",
                )
            )
    return rows


def describe_checkpoint(trainer: Any) -> str:
    """Return the size of a checkpoint file; all processes call this after a step.

    The state of the optimiser is then complete.
    """
    if not learns(trainer):
        return "Checkpoints: none"
    counter = _Counter()
    torch.save(_state(trainer), counter)
    text = f"Checkpoints: {format_size(counter.size)} each"
    if not hasattr(trainer, "checkpointer"):
        return text
    frequency = trainer.cfg.TRAIN.CHECKPOINT_FREQ
    often = f", and every {frequency} epochs" if frequency else ""
    return f"{text}; the last and the best epoch are kept{often}"


def _state(trainer: Any) -> Any:
    """Return the content of a checkpoint."""
    if hasattr(trainer, "checkpointer"):
        return trainer.checkpointer.state(1, 0.0, 0.0)
    state = []
    for name, model in trainer._models.items():  # as a trainer of Dassl's kind saves them
        optim = trainer._optims[name]
        state.append((model.state_dict(), optim and optim.state_dict()))
    return state


class _Counter:
    """File that counts bytes and keeps none."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any) -> int:
        num_bytes = memoryview(data).nbytes
        self.size += num_bytes
        return num_bytes

    def flush(self) -> None:
        """Do nothing; torch calls it."""
