"""Merge YAML files, flags and KEY VALUE pairs into a checked, frozen configuration.

All faults are reported together, each with the file or flag that set the value.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yacs.config import CfgNode

from core.cli import flags_of, key_flags
from core.config import (
    BASE,
    alias_of,
    checks_of,
    declared_keys,
    get_cfg_default,
    keys_of,
    section_of,
)
from core.config_values import convert, decode, decode_as, divide_pairs, unknown_key
from core.errors import UserError, did_you_mean
from core.files import find_base, find_file
from core.imports import import_modules
from core.key import describe_fault

COMMAND_LINE = "the command line"


@dataclass(frozen=True)
class Setting:
    """One value that the user set.

    Attributes:
        name: dotted name of the key, as the user wrote it.
        value: raw value, before decoding and checking.
        source: file, flag or ``the command line``, for errors.
    """

    name: str
    value: Any
    source: str


class Resolved(NamedTuple):
    """The configuration of a run and where each value was set.

    Attributes:
        cfg: frozen configuration tree.
        sources: file, flag or ``the command line`` by dotted key; keys with their default are
            missing.
    """

    cfg: CfgNode
    sources: Mapping[str, str]


def setup_cfg(
    files: Sequence[str],
    *,
    flags: Mapping[str, tuple[Any, str]] | None = None,
    opts: Sequence[str] = (),
) -> CfgNode:
    """Return the frozen configuration tree of a run.

    A later source wins: defaults, each YAML file in turn, ``flags``, ``opts``.

    Args:
        files: YAML files; a file may name others under ``_BASE_``, which are merged before it.
        flags: ``{KEY: (value, flag)}``. ``TRAINER.*`` and ``LOSS.*`` in a key stand for the section
            of the configured trainer and of its loss.
        opts: ``[KEY, VALUE, KEY, VALUE, ...]``.

    Raises:
        UserError: names every unknown key, wrong type and value out of range, with the file or flag
            that set it.

    Example:
        ``setup_cfg(["configs/datasets/scenes.yaml"], opts=["OPTIM.LR", "1e-3"]).OPTIM.LR``
    """
    return resolve_cfg(files, flags=flags, opts=opts).cfg


def setup_from_args(args: argparse.Namespace) -> CfgNode:
    """Return the frozen configuration tree of a command line, from :func:`core.cli.parse_args`.

    Raises:
        UserError: see :func:`setup_cfg`.
    """
    return resolve_args(args).cfg


def resolve_cfg(
    files: Sequence[str],
    *,
    flags: Mapping[str, tuple[Any, str]] | None = None,
    opts: Sequence[str] = (),
) -> Resolved:
    """Return the configuration tree and the source of each value; see :func:`setup_cfg`."""
    faults: list[str] = []
    settings = _read_settings(files, flags or {}, opts, faults)
    cfg, sources = get_cfg_default(), {}
    for setting in resolve_sections(settings, faults):
        fault = _apply(cfg, setting)
        sources[setting.name] = setting.source
        if fault:
            faults.append(fault)
    for name, check in checks_of(sources):
        try:
            check(cfg)
        except UserError as error:
            faults.append(f"{error} (set in {sources[name]})")
    raise_faults(faults)
    cfg.freeze()
    return Resolved(cfg, sources)


def resolve_args(args: argparse.Namespace) -> Resolved:
    """Return the configuration tree of a command line and the source of each value.

    Raises:
        UserError: see :func:`setup_cfg`.
    """
    return resolve_cfg(_files_of(args), flags=key_flags(args), opts=args.opts)


def import_own(args: argparse.Namespace) -> None:
    """Import the modules under ``IMPORTS`` of a command line, without a check of other settings.

    Raises:
        UserError: a module does not import, or a YAML file cannot be read.
    """
    declared_keys()  # the registries are complete even without a module of one's own
    faults: list[str] = []
    _read_settings(_files_of(args), {}, args.opts, faults)
    raise_faults(faults)


def _files_of(args: argparse.Namespace) -> list[str]:
    return [file for file in (args.dataset_config_file, args.config_file) if file]


def raise_faults(faults: Sequence[str]) -> None:
    """Raise one :class:`UserError` with a line for each fault; return if there is none."""
    if len(faults) == 1:
        raise UserError(faults[0])
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        raise UserError(f"{len(faults)} faults in the configuration:\n{lines}")


def flatten(tree: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``(dotted name, value)`` for every leaf of a tree; an empty mapping is a leaf.

    Args:
        tree: mappings within mappings, such as a configuration tree.
        prefix: text in front of every name.
    """
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


# Reading ------------------------------------------------------------------------------------------


def _read_settings(
    files: Sequence[str],
    flags: Mapping[str, tuple[Any, str]],
    opts: Sequence[str],
    faults: list[str],
) -> list[Setting]:
    """Return all settings in the order of precedence; import the modules under ``IMPORTS``."""
    settings: list[Setting] = []
    for file in files:
        settings += read_yaml(file, faults)
    for name, (value, flag) in flags.items():
        settings.append(Setting(name, value, flag))
    settings += _read_opts(opts, faults)
    # Before the check, because these modules declare keys of their own.
    return _import_own(settings, files, faults)


def read_yaml(file: str | Path, faults: list[str], above: tuple[Path, ...] = ()) -> list[Setting]:
    """Return the settings of a YAML file, after the settings of the files under its ``_BASE_``.

    Args:
        file: path of the file; a path under ``_BASE_`` is relative to the file that has the entry.
        faults: faults are appended here.
        above: files whose ``_BASE_`` led to this file, to find circles.
    """
    path = find_file(file)
    tree = _load_mapping(path, str(file), faults)
    bases = tree.pop(BASE, [])
    if isinstance(bases, str):
        bases = [bases]
    if not isinstance(bases, list):
        faults.append(
            f"configuration file '{file}': {BASE} is {bases!r}; expected a path or a list of paths"
        )
        bases = []
    settings: list[Setting] = []
    opened = [p.resolve() for p in (*above, path)]
    for base in bases:
        base_path = find_base(path, str(base))
        if base_path.resolve() in opened:
            faults.append(
                f"configuration file '{file}': {BASE} '{base}' leads back to a file that builds "
                "on it"
            )
        else:
            settings += read_yaml(base_path, faults, (*above, path))
    for name, value in flatten(tree):
        settings.append(Setting(name, value, str(file)))
    return settings


def _load_mapping(path: Path, shown: str, faults: list[str]) -> dict:
    """Return the content of a YAML file, empty after a fault; ``shown`` is its name in errors."""
    if not path.is_file():
        siblings = sorted(map(str, path.parent.glob("*.yaml")))
        hint = did_you_mean(shown, siblings)
        faults.append(f"configuration file '{shown}' does not exist.{hint}")
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        faults.append(f"configuration file '{shown}' is not valid YAML: {reason}")
        return {}
    if not isinstance(tree, dict):
        kind = type(tree).__name__
        faults.append(f"configuration file '{shown}' holds a {kind}; expected KEY: value pairs")
        return {}
    return tree


def _read_opts(opts: Sequence[str], faults: list[str]) -> list[Setting]:
    pairs = divide_pairs(opts, faults)
    return [Setting(str(name), value, COMMAND_LINE) for name, value in pairs]


def _import_own(
    settings: Sequence[Setting], files: Sequence[str], faults: list[str]
) -> list[Setting]:
    """Import what every ``IMPORTS`` names; return the settings with all of them as one.

    A data set's file and a trainer's file each name their own module, so the lists add up. Modules
    are found on Python's path, in the current folder, and beside the YAML files.
    """
    folders = [find_file(file).parent for file in files]
    rest, names, sources = [], [], []
    for setting in settings:
        own = _own_modules(setting)
        if own is None:
            rest.append(setting)
            continue
        sources += [setting.source] if setting.source not in sources else []
        names += [name for name in own if name not in names]
        beside = [] if setting.source == COMMAND_LINE else [find_file(setting.source).parent]
        try:
            import_modules(own, folders=[*beside, *folders])
        except UserError as error:
            faults.append(f"{error} (set in {setting.source})")
    return [*rest, Setting("IMPORTS", tuple(names), ", ".join(sources))] if names else rest


def _own_modules(setting: Setting) -> list[str] | None:
    """Return the modules under ``IMPORTS``, None for another setting or a wrong type."""
    if setting.name != "IMPORTS":
        return None
    value = decode_as(setting.value, ())
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, tuple | list):
        return None  # the check of types names it
    return [str(name) for name in value]


# Sections of the trainer and its loss -------------------------------------------------------------


def resolve_sections(settings: Sequence[Setting], faults: list[str]) -> list[Setting]:
    """Return ``settings`` under the present names of their keys.

    ``TRAINER.*`` and ``LOSS.*`` become the sections of the configured trainer and of its loss.
    Names of earlier versions become the present ones.

    Args:
        settings: settings in the order of precedence.
        faults: faults are appended here: flags that set nothing.
    """
    known = declared_keys()  # imports the modules that declare the sections
    trainer = _last(settings, "TRAINER.NAME", known["TRAINER.NAME"].default)
    section = section_of("TRAINER", trainer)
    resolved = []
    for setting in settings:
        name = setting.name
        if name.startswith(("TRAINER.*.", "LOSS.*.")):
            if not trainer:
                faults.append(f"{name} needs TRAINER.NAME or --trainer (set in {setting.source})")
            if section is None:  # an unknown trainer, which the check of TRAINER.NAME reports
                continue
            name = _resolve_flag(setting, trainer, section, settings, faults)
        else:
            name = translate(name, lambda key: _last(settings, key, None)) or name
        if name:
            resolved.append(Setting(name, setting.value, setting.source))
    return resolved


def translate(name: str, value_of: Callable[[str], Any]) -> str | None:
    """Return the present name of a key of earlier versions, None for any other name.

    Options of the loss were keys of the trainer's section. Now they are keys of the section of the
    loss that the trainer uses.

    Args:
        name: dotted key, such as ``TRAINER.INTCLIP.ASL_GAMMA_NEG``.
        value_of: returns the value that is set for a key, or None.
    """
    root, _, rest = name.partition(".")
    trainer, _, leaf = rest.partition(".")
    option = alias_of(leaf)
    choice = declared_keys().get(f"TRAINER.{trainer}.LOSS")
    if root != "TRAINER" or option is None or choice is None or name in declared_keys():
        return None
    # The default loss serves where the configured one has no such option.
    for loss in (value_of(choice.full_name), choice.default):
        section = section_of("LOSS", str(loss))
        if section and option in keys_of(section):
            return f"{section}.{option}"
    return None


def _resolve_flag(
    setting: Setting, trainer: str, section: str, settings: Sequence[Setting], faults: list[str]
) -> str | None:
    """Return the key that a flag sets for the configured trainer; without one, add a fault."""
    root, _, option = setting.name.rpartition(".")
    holder = f"the trainer {trainer}"
    if root == "LOSS.*":
        loss = _loss_of(section, settings)
        section = section_of("LOSS", loss) or ""
        if loss:
            holder = f"the loss {loss} of the trainer {trainer}"
        else:
            holder = f"the trainer {trainer}, without a loss,"
    if option in keys_of(section):
        return f"{section}.{option}"
    flags = ", ".join(flags_of(root, keys_of(section))) or "none"
    shown = setting.source
    if not shown.startswith("--"):  # written as a key, not as a flag
        shown = f"'{setting.name}' (set in {shown})"
    faults.append(f"{shown} sets nothing: {holder} has no option {option}; its flags: {flags}")
    return None


def _loss_of(section: str, settings: Sequence[Setting]) -> str:
    """Return the loss of the trainer with this section; empty if the trainer has none."""
    choice = keys_of(section).get("LOSS")
    if choice is None:
        return ""
    return _last(settings, choice.full_name, choice.default)


def _last(settings: Sequence[Setting], name: str, default: Any) -> Any:
    """Return the value that wins for the key ``name``, ``default`` if it is not set."""
    for setting in reversed(settings):
        if setting.name == name:
            return setting.value
    return default


# Checking -----------------------------------------------------------------------------------------


def _apply(cfg: CfgNode, setting: Setting) -> str | None:
    """Set one value in ``cfg``; return the fault, None if the value is accepted."""
    key = declared_keys().get(setting.name)
    if key is None:
        return f"{unknown_key(setting.name)} (set in {setting.source})"
    value = decode(setting.value, key)
    fault = describe_fault(setting.value, value, key)
    if fault:
        return f"{fault} (set in {setting.source})"
    node = cfg
    *parents, leaf = setting.name.split(".")
    for parent in parents:
        node = node[parent]
    node[leaf] = convert(value, key)
    return None
