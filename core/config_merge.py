"""Merge YAML files, flags and KEY VALUE pairs into a checked, frozen tree; all faults are reported together."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from yacs.config import CfgNode

from core.config import KEYS, Key, get_cfg_default
from core.errors import UserError, did_you_mean

_DECLARED = {key.name: key for key in KEYS}
ANY_TRAINER = "TRAINER.*."
Setting = tuple[str, Any, str]  # dotted name, raw value, where it was set


def setup_cfg(
    files: Sequence[str],
    *,
    flags: Mapping[str, tuple[Any, str]] | None = None,
    opts: Sequence[str] = (),
) -> CfgNode:
    """Return the frozen tree: defaults, then each YAML file, then ``flags`` ``{KEY: (value, flag)}``, then ``opts``.

    ``TRAINER.*`` in a key stands for the section of the trainer that is configured.

    Raises:
        UserError: naming every unknown key, wrong type and value out of range, with the file or flag that set it.
    """
    faults: list[str] = []
    settings: list[Setting] = []
    for file in files:
        settings += _settings_of_file(file, faults)
    settings += [(name, value, flag) for name, (value, flag) in (flags or {}).items()]
    settings += _settings_of_opts(opts, faults)
    section = _trainer_section(settings)
    settings = [
        (name.replace(ANY_TRAINER, section), value, source) for name, value, source in settings
    ]
    cfg = get_cfg_default()
    for name, value, source in settings:
        fault = _apply(cfg, name, value, source)
        if fault:
            faults.append(fault)
    raise_faults(faults)
    cfg.freeze()
    return cfg


def _trainer_section(settings: Sequence[Setting]) -> str:
    """Return ``TRAINER.<NAME>.`` of the trainer that is set last, of IntCLIP where it has no section of its own."""
    names = [str(value).upper() for name, value, _ in settings if name == "TRAINER.NAME"]
    section = f"TRAINER.{names[-1]}." if names else "TRAINER.INTCLIP."
    return section if any(key.startswith(section) for key in _DECLARED) else "TRAINER.INTCLIP."


def raise_faults(faults: Sequence[str]) -> None:
    """Raise one :class:`UserError` of all ``faults``, a line each, if there are any."""
    if len(faults) == 1:
        raise UserError(faults[0])
    if faults:
        raise UserError(
            f"{len(faults)} faults in the configuration:\n" + "\n".join(f"  - {f}" for f in faults)
        )


def flatten(cfg: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``(dotted name, value)`` of every leaf of a tree."""
    for name, value in cfg.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _settings_of_file(file: str, faults: list[str]) -> list[Setting]:
    path = Path(file)
    if not path.is_file():
        siblings = [str(p) for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        faults.append(f"configuration file '{file}' does not exist.{did_you_mean(file, siblings)}")
        return []
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.append(
            f"configuration file '{file}' is not valid YAML: {' '.join(str(error).split())}"
        )
        return []
    if not isinstance(tree, dict):
        faults.append(
            f"configuration file '{file}' holds a {type(tree).__name__}; expected KEY: value pairs"
        )
        return []
    return [(name, value, file) for name, value in _flatten_yaml(tree)]


def _flatten_yaml(tree: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten_yaml(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _settings_of_opts(opts: Sequence[str], faults: list[str]) -> list[Setting]:
    if len(opts) % 2:
        faults.append(f"KEY VALUE pairs: '{opts[-1]}' has no value (given on the command line)")
    return [(str(opts[i]), opts[i + 1], "the command line") for i in range(0, len(opts) - 1, 2)]


def _apply(cfg: CfgNode, name: str, raw: Any, source: str) -> str | None:
    """Set one value; return the fault, or None."""
    key = _DECLARED.get(name)
    if key is None:
        return _unknown_key(name, source)
    value = _decode(_on_off(raw, key), key.default)
    expected = _type_fault(value, key) or _range_fault(value, key)
    if expected:
        hint = did_you_mean(str(raw), key.choices) if key.choices else ""
        return f"{name} is {raw!r}; accepted: {expected}.{hint} (set in {source})"
    node = cfg
    *parents, leaf = name.split(".")
    for parent in parents:
        node = node[parent]
    node[leaf] = _convert(value, key.default)
    return None


def _unknown_key(name: str, source: str) -> str:
    children = [k for k in _DECLARED if k.startswith(f"{name}.")]
    if children:
        return f"'{name}' is a group of keys ({', '.join(children[:3])}, ...), not a key (set in {source})"
    leaf = name.rsplit(".", 1)[-1]
    same_leaf = [k for k in _DECLARED if k.rsplit(".", 1)[-1] == leaf]
    hint = f" Did you mean '{same_leaf[0]}'?" if same_leaf else did_you_mean(name, _DECLARED)
    return f"unknown key '{name}'.{hint} (set in {source})"


def _on_off(raw: Any, key: Key) -> Any:
    """Return the word that YAML read as a boolean: a bare ``on`` or ``off`` in a file."""
    return (
        ("on" if raw else "off")
        if isinstance(raw, bool) and {"on", "off"} & set(key.choices or ())
        else raw
    )


def _decode(raw: Any, default: Any) -> Any:
    """Read Python literals out of text, as yacs does ('4e-4' is text to YAML), unless text is what is wanted."""
    if not isinstance(raw, str) or isinstance(default, str):
        return str(raw) if isinstance(default, str) and isinstance(raw, int | float) else raw
    text = raw.strip()
    if isinstance(default, bool) and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        if isinstance(default, tuple | list) and text:
            return tuple(part.strip() for part in text.strip("()[]").split(",") if part.strip())
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
        if not isinstance(value, tuple | list):
            return "a list, as in [a, b]"
        kind = type(default[0]) if default else str
        number = int | float if kind is float else kind
        bad = [v for v in value if not isinstance(v, number) or isinstance(v, bool)]
        return f"a list of {kind.__name__}" if bad else None
    kinds = {float: (int, float), int: (int,), str: (str,)}
    names = {float: "a number", int: "a whole number", str: "text"}
    if isinstance(value, kinds[type(default)]) and not isinstance(value, bool):
        return None
    return names[type(default)]


def _range_fault(value: Any, key: Key) -> str | None:
    values = value if isinstance(value, tuple | list) else (value,)
    if key.length is not None and len(values) != key.length:
        return f"{key.length} values"
    if key.choices and any(v not in key.choices for v in values):
        return ", ".join(map(str, key.choices))
    low, high = key.low, key.high
    numbers = [v for v in values if isinstance(v, int | float)]
    if any(
        v != v or (low is not None and v < low) or (high is not None and v > high) for v in numbers
    ):
        bounds = [
            f"at least {low}" if low is not None else "",
            f"at most {high}" if high is not None else "",
        ]
        return "a number " + " and ".join(b for b in bounds if b)
    return None
