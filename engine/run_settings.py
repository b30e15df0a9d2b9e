"""Settings that the numbers of a run depend on: saved in checkpoints, compared when resuming."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from core.config import class_section, declared_keys, get_section, is_component, section_of
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
    used = sections_in_use(cfg, trainer)
    values = dict(flatten(cfg))
    settings = {}
    for name, key in declared_keys().items():
        unused = is_component(key.section) and key.section not in used
        if name not in values or key.may_change or unused:
            continue
        value = values[name]
        if isinstance(value, tuple):
            value = list(value)  # one type, so that a list and a tuple of the same values are equal
        settings[name] = value
    return settings


def sections_in_use(cfg: CfgNode, trainer: type) -> set[str]:
    """Return the section of the trainer and, if it has a loss, the section of the loss."""
    section = class_section("TRAINER", trainer)
    sections = {section}
    loss = get_section(cfg, section).get("LOSS")
    loss_section = section_of("LOSS", loss) if loss else None
    if loss_section:
        sections.add(loss_section)
    return sections


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
