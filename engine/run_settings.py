"""Settings that the numbers of a run depend on: saved in checkpoints, compared when resuming."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from core.config import class_section, declared_keys, is_component
from core.config_merge import flatten, translate
from core.errors import UserError

MAX_SHOWN = 5  # differing keys that an error names

Settings = dict[str, Any]


def run_settings(cfg: CfgNode, trainer: type) -> Settings:
    """Return the settings that a resumed run must not change, as plain values by dotted name.

    These are all declared keys, without keys that may change (``Key.may_change``) and without the
    options of trainers and losses that the run does not use.

    Args:
        cfg: configuration of the run.
        trainer: class of the trainer.
    """
    unused = unused_keys(cfg, trainer)
    values = dict(flatten(cfg))
    settings = {}
    for name, key in declared_keys().items():
        if name not in values or key.may_change or name in unused:
            continue
        value = values[name]
        if isinstance(value, tuple):
            value = list(value)  # one type, so that a list and a tuple of the same values are equal
        settings[name] = value
    return settings


def unused_keys(cfg: CfgNode, trainer: type | None) -> set[str]:
    """Return the keys of trainers and losses that the run does not use, by dotted name.

    Args:
        cfg: configuration of the run.
        trainer: class of the trainer; None: it is unknown, and the keys of no class are used.
    """
    used = sections_in_use(cfg, trainer) if trainer else set()
    unused = set()
    for name, key in declared_keys().items():
        if is_component(key.section) and not _is_part(key.section, used):
            unused.add(name)
    return unused


def sections_in_use(cfg: CfgNode, trainer: type) -> set[str]:
    """Return the section of the trainer and the sections of the losses that it may read.

    The section ``LOSS`` stands for those of all losses. Sections below a section in use, such as
    ``TRAINER.MINE.PART``, are in use, too.
    """
    # A trainer that knows nothing of ours may read the options of any loss.
    losses = trainer.loss_sections(cfg) if hasattr(trainer, "loss_sections") else {"LOSS"}
    return {class_section("TRAINER", trainer), *losses}


def _is_part(section: str, used: set[str]) -> bool:
    """Return True if ``section`` is one of ``used`` or lies below one of them."""
    return any(section == other or section.startswith(f"{other}.") for other in used)


def check_same_run(saved: Mapping[str, Any], now: Settings, path: Path) -> None:
    """Raise :class:`UserError` if the run of a checkpoint had other settings.

    Keys that the checkpoint lacks, because an earlier version wrote it, are not compared.

    Args:
        saved: settings in the checkpoint.
        now: settings of this run, from :func:`run_settings`.
        path: file of the checkpoint, for the error.
    """
    before = {}
    for name, value in saved.items():
        before[translate(name, saved.get) or name] = value
    differing = []
    for name, value in now.items():
        if name in before and before[name] != value:
            differing.append(f"{name} was {before[name]!r}, is {value!r}")
    if differing:
        rest = len(differing) - MAX_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        raise UserError(
            f"{path} is of a run with other settings: {'; '.join(differing[:MAX_SHOWN])}{more}; "
            "set another OUTPUT_DIR (--output-dir) or the settings of that run"
        )
