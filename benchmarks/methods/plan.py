"""The plan of a comparison, from YAML: methods, the settings that each may try on val, and what is common to all.

trials: 8                      # settings that every method may try; a method with another number is an error
common: {OPTIM.MAX_EPOCH: 16}  # options of every run
methods:
  - name: intclip              # folder and command line
    label: IntCLIP, full       # in the table
    group: method              # rows of a group stand together
    trainer: IntCLIP
    options: {TRAINER.INTCLIP.CLASS_TEXT: path}
    sweep: {OPTIM.LR: [1e-3, 2e-3], OPTIM.SEMANTIC_LR_MULT: [0.1, 0.3, 1.0, 3.0]}   # all combinations
    like: other_name           # instead of sweep: the setting that was chosen for another method
"""

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from core.errors import UserError, not_accepted

Options = dict[str, Any]
_KEYS = ("name", "label", "group", "trainer", "config", "options", "sweep", "like")


@dataclass(frozen=True, eq=False)  # a method is itself alone, so that runs can be keys
class Method:
    """One row of the table."""

    name: str
    label: str
    trainer: str
    group: str = ""
    config: str = ""
    options: Options = field(default_factory=dict)
    trials: tuple[Options, ...] = ()
    like: str = ""

    @property
    def learns(self) -> bool:
        """Return whether a seed changes anything."""
        return self.trainer != "ZeroshotCLIP"


@dataclass(frozen=True)
class Plan:
    """All methods, what every run has in common, and the number of trials."""

    methods: tuple[Method, ...]
    common: Options
    num_trials: int
    dataset_config: str

    def select(self, names: list[str]) -> "Plan":
        """Return the plan with only the methods ``names`` (empty: all) and those whose settings they take over."""
        known = {method.name: method for method in self.methods}
        for name in names:
            if name not in known:
                raise UserError(not_accepted("--only", name, list(known)))
        wanted = set(names or known)
        wanted |= {known[name].like for name in wanted if known[name].like}
        return Plan(
            tuple(m for m in self.methods if m.name in wanted),
            self.common,
            self.num_trials,
            self.dataset_config,
        )


def read_plan(path: Path) -> Plan:
    """Read and check a plan; faults are reported together."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"cannot read the plan {path}: {' '.join(str(error).split())}") from None
    methods = tuple(_method(entry, path) for entry in content["methods"])
    plan = Plan(methods, content.get("common", {}), content["trials"], content["dataset_config"])
    faults = list(_faults(plan))
    if faults:
        raise UserError(f"plan {path}: {'; '.join(faults)}")
    return plan


def describe_options(options: Options) -> str:
    """Return options as they would be typed, but for the sections of their keys."""
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in options.items()) or "-"


def as_arguments(options: Options) -> list[str]:
    """Return options as command-line overrides, sorted by key."""
    return [part for key in sorted(options) for part in (key, _literal(options[key]))]


def _literal(value: Any) -> str:
    return (
        value
        if isinstance(value, str)
        else repr(tuple(value) if isinstance(value, list) else value)
    )


def _method(entry: dict[str, Any], path: Path) -> Method:
    for key in entry:
        if key not in _KEYS:
            raise UserError(f"plan {path}: {not_accepted('key of a method', key, _KEYS)}")
    sweep = entry.get("sweep", {})
    trials = tuple(
        dict(zip(sweep, values, strict=True)) for values in itertools.product(*sweep.values())
    )
    rest = {key: entry[key] for key in ("group", "config", "options", "like") if key in entry}
    return Method(
        entry["name"], entry.get("label", entry["name"]), entry["trainer"], trials=trials, **rest
    )


def _faults(plan: Plan) -> list[str]:
    names = [method.name for method in plan.methods]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two methods are called '{name}'"
    for method in plan.methods:
        if method.like and method.like not in names:
            yield f"'{method.name}' is like '{method.like}', which is no method of the plan"
        if method.learns and not method.like and len(method.trials) not in (1, plan.num_trials):
            yield f"'{method.name}' tries {len(method.trials)} settings; {plan.num_trials}, or 1 for a fixed recipe"


def dump(options: Options) -> str:
    """Return options as one line of JSON."""
    return json.dumps(options, sort_keys=True)
