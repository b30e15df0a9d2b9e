"""The settings that decide the numbers of a run: saved with a checkpoint, compared when it is resumed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from core.config import class_section, declared_keys, is_component, section_of
from core.config_merge import flatten, translate
from core.errors import UserError

MAX_SHOWN = 5  # differing keys that an error names

Settings = dict[str, Any]


def run_settings(cfg: CfgNode, trainer: type) -> Settings:
    """Return the settings that a resumed run must not change, as plain values by dotted name.

    These are all declared keys, except those that their owner lets change (``Key.may_change``) and
    the options of trainers and losses that this run does not use.

    Args:
        cfg: the run's configuration.
        trainer: the trainer's class, which says whose options are in use.
    """
    used = sections_in_use(cfg, trainer)
    values = dict(flatten(cfg))
    settings = {}
    for name, key in declared_keys().items():
        unused = is_component(key.section) and key.section not in used
        if name in values and not key.may_change and not unused:
            value = values[name]
            settings[name] = list(value) if isinstance(value, tuple | list) else value
    return settings


def sections_in_use(cfg: CfgNode, trainer: type) -> set[str]:
    """Return the sections of the trainer and of its loss, where it has one."""
    section = class_section("TRAINER", trainer)
    loss = dict(flatten(cfg)).get(f"{section}.LOSS")
    loss_section = section_of("LOSS", loss) if loss else None
    return {section, loss_section} - {None}


def check_same_run(saved: Mapping[str, Any], now: Settings, path: Path) -> None:
    """Raise :class:`UserError` that names the settings in which the run of the checkpoint ``path``
    differs from ``now``.

    Keys that the checkpoint's version did not have yet are not compared.
    """
    saved = {translate(name, saved.get) or name: value for name, value in saved.items()}
    differing = []
    for name, value in now.items():
        if name in saved and saved[name] != value:
            differing.append(f"{name} was {saved[name]!r}, is {value!r}")
    if differing:
        rest = len(differing) - MAX_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        raise UserError(
            f"{path} is of a run with other settings: {'; '.join(differing[:MAX_SHOWN])}{more}; "
            "set another OUTPUT_DIR (--output-dir) or the settings of that run"
        )
