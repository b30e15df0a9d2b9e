"""What makes two runs the same run: the settings a checkpoint remembers and resuming compares."""

from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from core.config_merge import flatten
from core.errors import UserError

# Keys that may differ between an interrupted run and its continuation: places, speed, what is printed.
_FREE = (
    "OUTPUT_DIR",
    "RESUME",
    "USE_CUDA",
    "VERBOSE",
    "VERSION",
    "DATASET.ROOT",
    "DATALOADER.NUM_WORKERS",
)
_FREE += (
    "DATALOADER.TEST",
    "TRAIN.",
    "TEST.NO_TEST",
    "TEST.SPLIT",
    "TEST.FINAL_MODEL",
    "MODEL.BACKBONE.PATH",
)
_FREE += ("DATALOADER.PREFETCH_FACTOR", "DATALOADER.PERSISTENT_WORKERS", "DATALOADER.PIN_MEMORY")
_FREE += (
    "TEST.PER_CLASS_RESULT",
    "TEST.COMPUTE_CMAT",
    "TEST.PREDICTIONS",
    "IMPORTS",
    "MODEL.BACKBONE.ARCH",
)
_SPEED = (
    "SPEED.CHANNELS_LAST",
    "SPEED.COMPILE",
    "SPEED.MICRO_BATCH",
    "SPEED.RECOMPUTE_SEMANTIC",
)  # not TF32
_FREE += _SPEED
_FREE_LEAVES = (".TEXT_CHUNK",)  # of every trainer
_SECTIONS = ("INPUT", "DATASET", "DATALOADER", "MODEL", "OPTIM", "TRAINER", "TEST", "SEED", "SPEED")


def run_settings(cfg: CfgNode) -> dict[str, Any]:
    """Return the settings that decide a run's numbers, as plain values by dotted name."""
    name = cfg.TRAINER.NAME.upper()
    settings = {}
    for key, value in flatten(cfg):
        other_trainer = (
            key.startswith("TRAINER.")
            and key.count(".") > 1
            and not key.startswith(f"TRAINER.{name}.")
        )
        free = key.startswith(_FREE) or key.endswith(_FREE_LEAVES)
        if key.split(".")[0] in _SECTIONS and not free and not other_trainer:
            settings[key] = list(value) if isinstance(value, tuple | list) else value
    return settings


def check_same_run(saved: dict[str, Any], cfg: CfgNode, path: Path) -> None:
    """Raise :class:`UserError` naming the keys in which the run of the checkpoint ``path`` differs from ``cfg``."""
    now = run_settings(cfg)
    differing = [
        f"{key} was {saved[key]!r}, is {now[key]!r}"
        for key in now
        if key in saved and saved[key] != now[key]
    ]
    if differing:
        more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise UserError(
            f"{path} is of a run with other settings: {'; '.join(differing[:5])}{more}; "
            "set another OUTPUT_DIR (--output-dir) or the settings of that run"
        )
