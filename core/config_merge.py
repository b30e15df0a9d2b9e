"""Merge YAML files, flags and KEY VALUE pairs into a checked, frozen tree; all faults are reported
together.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yacs.config import CfgNode

from core.cli import flags_of
from core.config import (
    BASE,
    Key,
    alias_of,
    declared_keys,
    get_cfg_default,
    keys_of,
    section_of,
)
from core.errors import UserError, did_you_mean
from core.files import find_base, find_file
from core.imports import import_modules

COMMAND_LINE = "the command line"


@dataclass(frozen=True)
class Setting:
    """One value that somebody set: dotted name, raw value, and the file, flag or command line it came
    from.
    """

    name: str
    value: Any
    source: str


def setup_cfg(
    files: Sequence[str],
    *,
    flags: Mapping[str, tuple[Any, str]] | None = None,
    opts: Sequence[str] = (),
) -> CfgNode:
    """Return the frozen tree: defaults, then each YAML file, then ``flags``, then ``opts``; later ones
        win.

    The order is: read all raw settings; import the modules that ``IMPORTS`` names, so that the keys
        they declare are
    known; check everything.

    Args:
        files: YAML files; each may name others under ``_BASE_``, which come before it.
        flags: ``{KEY: (value, flag)}``. ``TRAINER.*`` and ``LOSS.*`` in a key stand for the section
            of the configured trainer and of its loss.
        opts: ``[KEY, VALUE, KEY, VALUE, ...]``.

    Raises:
        UserError: names every unknown key, wrong type and value out of range, with the file or flag
            that set it.
    """
    faults: list[str] = []
    settings: list[Setting] = []
    for file in files:
        settings += read_yaml(file, faults)
    settings += [Setting(name, value, flag) for name, (value, flag) in (flags or {}).items()]
    settings += _read_opts(opts, faults)
    settings = _import_own(settings, files, faults)
    cfg = get_cfg_default()
    for setting in resolve_sections(settings, faults):
        fault = _apply(cfg, setting)
        if fault:
            faults.append(fault)
    raise_faults(faults)
    cfg.freeze()
    return cfg


def raise_faults(faults: Sequence[str]) -> None:
    """Raise one :class:`UserError` of all ``faults``, a line each, if there are any."""
    if len(faults) == 1:
        raise UserError(faults[0])
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        raise UserError(f"{len(faults)} faults in the configuration:\n{lines}")


def flatten(tree: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``(dotted name, value)`` of every leaf of a tree; an empty mapping is a leaf."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


# Reading ------------------------------------------------------------------------------------------


def read_yaml(file: str | Path, faults: list[str], above: tuple[Path, ...] = ()) -> list[Setting]:
    """Return the settings of a YAML file after those of the files under its ``_BASE_``.

    A path under ``_BASE_`` is relative to the file that names it. What is wrong is appended to
    ``faults``. ``above`` holds the files whose ``_BASE_`` led here.
    """
    path = find_file(file)
    tree = _load_mapping(path, str(file), faults)
    bases = tree.pop(BASE, [])
    settings: list[Setting] = []
    for base in [bases] if isinstance(bases, str) else bases:
        base_path = find_base(path, str(base))
        if base_path.resolve() in {p.resolve() for p in (*above, path)}:
            faults.append(
                f"configuration file '{file}': {BASE} '{base}' leads back to a file that builds "
                "on it"
            )
        else:
            settings += read_yaml(base_path, faults, (*above, path))
    return settings + [Setting(name, value, str(file)) for name, value in flatten(tree)]


def _load_mapping(path: Path, shown: str, faults: list[str]) -> dict:
    if not path.is_file():
        siblings = (
            sorted(str(p) for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        )
        faults.append(
            f"configuration file '{shown}' does not exist.{did_you_mean(shown, siblings)}"
        )
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.append(
            f"configuration file '{shown}' is not valid YAML: {' '.join(str(error).split())}"
        )
        return {}
    if not isinstance(tree, dict):
        kind = type(tree).__name__
        faults.append(f"configuration file '{shown}' holds a {kind}; expected KEY: value pairs")
        return {}
    return tree


def _read_opts(opts: Sequence[str], faults: list[str]) -> list[Setting]:
    if len(opts) % 2:
        faults.append(f"KEY VALUE pairs: '{opts[-1]}' has no value (given on the command line)")
    pairs = zip(opts[::2], opts[1::2], strict=False)
    return [Setting(str(name), value, COMMAND_LINE) for name, value in pairs]


def _import_own(
    settings: Sequence[Setting], files: Sequence[str], faults: list[str]
) -> list[Setting]:
    """Import what every ``IMPORTS`` names; return the settings with all of them as one.

    A data set's file and a trainer's file each name their own module, so the lists add up. Modules
    are found on Python's path, in the current folder, and beside the YAML files.
    """
    folders = [find_file(file).parent for file in files]
    rest, names = [], []
    for setting in settings:
        own = _own_modules(setting)
        if own is None:
            rest.append(setting)
            continue
        names += [name for name in own if name not in names]
        beside = [] if setting.source == COMMAND_LINE else [find_file(setting.source).parent]
        try:
            import_modules(own, folders=[*beside, *folders])
        except UserError as error:
            faults.append(f"{error} (set in {setting.source})")
    return [*rest, Setting("IMPORTS", tuple(names), "IMPORTS")] if names else rest


def _own_modules(setting: Setting) -> list[str] | None:
    """Return the modules that a setting of ``IMPORTS`` names, None for another setting or a wrong
    type.
    """
    if setting.name != "IMPORTS":
        return None
    value = _decode(setting.value, ())
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, tuple | list):
        return None  # the check of types names it
    return [str(name) for name in value]


# Sections of the trainer and its loss -------------------------------------------------------------


def resolve_sections(settings: Sequence[Setting], faults: list[str]) -> list[Setting]:
    """Return ``settings`` with ``TRAINER.*`` and ``LOSS.*`` replaced by real sections, and old
    names by new ones.
    """
    declared_keys()  # the sections are known once their owners are imported
    trainer = _last(settings, "TRAINER.NAME", "IntCLIP")
    section = section_of("TRAINER", trainer)
    resolved = []
    for setting in settings:
        name = setting.name
        if name.startswith(("TRAINER.*.", "LOSS.*.")):
            if section is None:  # the check of TRAINER.NAME says more
                continue
            name = _resolve_flag(setting, trainer, section, settings, faults)
        else:
            name = translate(name, lambda key: _last(settings, key, None)) or name
        if name:
            resolved.append(Setting(name, setting.value, setting.source))
    return resolved


def translate(name: str, value_of: Callable[[str], Any]) -> str | None:
    """Return the present name of a key that earlier versions had, None where ``name`` is not one of
    those.

    Args:
        name: dotted key, such as ``TRAINER.INTCLIP.ASL_GAMMA_NEG``.
        value_of: returns what is set for a key, or None: the trainer's loss decides whose option it
            is now.
    """
    root, _, rest = name.partition(".")
    trainer, _, leaf = rest.partition(".")
    option = alias_of(leaf)
    choice = declared_keys().get(f"TRAINER.{trainer}.LOSS")
    if root != "TRAINER" or option is None or choice is None or name in declared_keys():
        return None
    for loss in (value_of(choice.full_name), choice.default):
        section = section_of("LOSS", str(loss))
        if section and option in keys_of(section):
            return f"{section}.{option}"
    return None


def _resolve_flag(
    setting: Setting, trainer: str, section: str, settings: Sequence[Setting], faults: list[str]
) -> str | None:
    """Return the key that a method's flag sets for the configured trainer; a flag that sets nothing
    is a fault.
    """
    option = setting.name.rsplit(".", 1)[-1]
    holder = f"the trainer {trainer}"
    if setting.name.startswith("LOSS.*."):
        choice = keys_of(section).get("LOSS")
        loss = _last(settings, f"{section}.LOSS", choice.default) if choice else ""
        holder = (
            f"the loss {loss} of the trainer {trainer}"
            if loss
            else f"the trainer {trainer}, without a loss,"
        )
        section = section_of("LOSS", loss) or ""
    if option in keys_of(section):
        return f"{section}.{option}"
    root = setting.name.rsplit(".", 1)[0]
    flags = ", ".join(flags_of(root, keys_of(section))) or "none"
    faults.append(
        f"{setting.source} sets nothing: {holder} has no option {option}; its flags: {flags}"
    )
    return None


def _last(settings: Sequence[Setting], name: str, default: Any) -> Any:
    values = [setting.value for setting in settings if setting.name == name]
    return values[-1] if values else default


# Checking -----------------------------------------------------------------------------------------


def _apply(cfg: CfgNode, setting: Setting) -> str | None:
    """Set one value; return the fault, or None."""
    key = declared_keys().get(setting.name)
    if key is None:
        return _unknown_key(setting)
    value = _decode(_on_off(setting.value, key), key.default)
    expected = _type_fault(value, key) or _range_fault(value, key)
    if expected:
        hint = did_you_mean(str(setting.value), key.accepted())
        return f"{setting.name} is {setting.value!r}; accepted: {expected}.{hint} (set in {setting.source})"
    node = cfg
    *parents, leaf = setting.name.split(".")
    for parent in parents:
        node = node[parent]
    node[leaf] = _convert(value, key.default)
    return None


def _unknown_key(setting: Setting) -> str:
    name, known = setting.name, declared_keys()
    children = [k for k in known if k.startswith(f"{name}.")]
    if children:
        some = ", ".join(children[:3])
        return f"'{name}' is a group of keys ({some}, ...), not a key (set in {setting.source})"
    return f"unknown key '{name}'.{_nearest_key(name, known)} (set in {setting.source})"


def _nearest_key(name: str, known: Mapping[str, Key]) -> str:
    """Return the hint for an unknown key: a misspelt option of its own section first, then the same
    option elsewhere.
    """
    section, _, leaf = name.rpartition(".")
    siblings = keys_of(section)
    hint = did_you_mean(leaf, siblings)
    if hint:
        return hint.replace("'", f"'{section}.", 1) if section else hint
    same_leaf = [k for k in known if k.rsplit(".", 1)[-1] == leaf]
    return f" Did you mean '{same_leaf[0]}'?" if same_leaf else did_you_mean(name, known)


def _on_off(raw: Any, key: Key) -> Any:
    """Return the word that YAML read as a boolean: a bare ``on`` or ``off`` in a file."""
    if isinstance(raw, bool) and {"on", "off"} & set(key.accepted()):
        return "on" if raw else "off"
    return raw


def _decode(raw: Any, default: Any) -> Any:
    """Read Python literals out of text, as yacs does ('4e-4' is text to YAML), unless text is what
    is wanted.
    """
    if isinstance(default, str):
        return str(raw) if isinstance(raw, int | float) else raw
    if not isinstance(raw, str):
        return raw
    text = raw.strip()
    if isinstance(default, bool) and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if isinstance(default, tuple | list) and text:
            parts = (part.strip() for part in text.strip("()[]").split(","))
            return tuple(part for part in parts if part)
        return raw


def _convert(value: Any, default: Any) -> Any:
    if isinstance(default, float):
        return float(value)
    if isinstance(default, tuple | list):
        return type(default)(value)
    return value


def _type_fault(value: Any, key: Key) -> str | None:
    default = key.default
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "True or False"
    if isinstance(default, tuple | list):
        return _list_fault(value, default)
    kinds = {float: (int, float), int: (int,), str: (str,)}
    names = {float: "a number", int: "a whole number", str: "text"}
    if isinstance(value, kinds[type(default)]) and not isinstance(value, bool):
        return None
    return names[type(default)]


def _list_fault(value: Any, default: tuple | list) -> str | None:
    if not isinstance(value, tuple | list):
        return "a list, as in [a, b]"
    kind = type(default[0]) if default else str
    number = int | float if kind is float else kind
    for element in value:
        if not isinstance(element, number) or isinstance(element, bool):
            return f"a list of {kind.__name__}"
    return None


def _range_fault(value: Any, key: Key) -> str | None:
    values = value if isinstance(value, tuple | list) else (value,)
    if key.length is not None and len(values) != key.length:
        return f"{key.length} values"
    accepted = key.accepted()
    if accepted and value != key.default and any(v not in accepted for v in values):
        return ", ".join(map(str, accepted))
    for number in values:
        if isinstance(number, int | float) and not _in_range(number, key):
            return f"a number {_describe_range(key)}".rstrip()
    return None


def _in_range(number: float, key: Key) -> bool:
    if number != number:  # NaN
        return False
    above = key.low is None or number >= key.low
    below = key.high is None or number <= key.high
    return above and below


def _describe_range(key: Key) -> str:
    bounds = []
    if key.low is not None:
        bounds.append(f"at least {key.low}")
    if key.high is not None:
        bounds.append(f"at most {key.high}")
    return " and ".join(bounds)
