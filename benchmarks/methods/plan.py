"""The plan of a comparison, read from YAML: the methods, and the settings that each may try on val.

dataset_config: configs/datasets/scenes.yaml
world: rich                    # of the drawn scenes
trials: 8                      # settings that each method tries; another number is an error
common: {OPTIM.MAX_EPOCH: 16}  # options of every run
methods:
  - name: intclip              # folder of the runs, and name on the command line
    label: IntCLIP, full       # in the table
    trainer: IntCLIP
    config: my.yaml            # default: configs/trainers/<trainer>/scenes.yaml
    options: {TRAINER.INTCLIP.CLASS_TEXT: path}
    sweep:                     # all combinations are tried
      OPTIM.LR: [1e-3, 2e-3]
      OPTIM.SEMANTIC_LR_MULT: [0.1, 0.3, 1.0, 3.0]
    like: other_name           # instead of sweep: take over the choice of another method
facts: {pooled: probe, ...}    # optional: methods that show facts of real data (benchmarks/facts)
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from core.errors import UserError, not_accepted

Options = dict[str, Any]
_KEYS = ("name", "label", "trainer", "config", "options", "sweep", "like")


@dataclass(frozen=True, eq=False)  # compared by identity, so that runs can be keys of a dict
class Method:
    """One row of the table.

    Attributes:
        name: folder of its runs, and name on the command line.
        label: name in the table.
        trainer: registered name of the trainer.
        config: YAML file; empty: that of the trainer for scenes.
        options: configuration of all its runs.
        trials: the settings that it tries.
        like: name of the method whose choice it takes over; empty: none.
    """

    name: str
    label: str
    trainer: str
    config: str = ""
    options: Options = field(default_factory=dict)
    trials: tuple[Options, ...] = ()
    like: str = ""

    @property
    def learns(self) -> bool:
        """Whether a seed changes the result."""
        return self.trainer != "ZeroshotCLIP"


@dataclass(frozen=True)
class Plan:
    """All methods.

    Attributes:
        methods: in the order of the table.
        common: configuration of all runs.
        num_trials: number of settings that each method tries.
        dataset_config: YAML file of the data set.
        world: of the drawn scenes.
        facts: which methods show the facts of real data, by role; empty: none are looked for.
    """

    methods: tuple[Method, ...]
    common: Options
    num_trials: int
    dataset_config: str
    world: str = "rich"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def select(self, names: Sequence[str]) -> "Plan":
        """Return the plan with the methods ``names`` only, and those that they are ``like``.

        Args:
            names: names of methods; empty: all.

        Raises:
            UserError: a name is unknown.
        """
        known = {method.name: method for method in self.methods}
        wanted = set(names or known)
        for name in names:
            if name not in known:
                raise UserError(not_accepted("--only", name, list(known)))
            if known[name].like:
                wanted.add(known[name].like)
        methods = tuple(method for method in self.methods if method.name in wanted)
        return replace(self, methods=methods)


def read_plan(path: Path) -> Plan:
    """Read and check a plan.

    Raises:
        UserError: names all faults.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"cannot read the plan {path}: {' '.join(str(error).split())}") from None
    methods = tuple(_method(entry, path) for entry in content["methods"])
    plan = Plan(
        methods,
        content.get("common", {}),
        content["trials"],
        content["dataset_config"],
        world=content.get("world", "rich"),
        facts=content.get("facts", {}),
    )
    faults = list(_faults(plan))
    if faults:
        raise UserError(f"plan {path}: {'; '.join(faults)}")
    return plan


def _method(entry: Mapping[str, Any], path: Path) -> Method:
    for key in entry:
        if key not in _KEYS:
            raise UserError(f"plan {path}: {not_accepted('key of a method', key, _KEYS)}")
    return Method(
        entry["name"],
        entry.get("label", entry["name"]),
        entry["trainer"],
        config=entry.get("config", ""),
        options=entry.get("options", {}),
        trials=_combinations(entry.get("sweep", {})),
        like=entry.get("like", ""),
    )


def _combinations(sweep: Mapping[str, Sequence[Any]]) -> tuple[Options, ...]:
    found = []
    for values in itertools.product(*sweep.values()):
        found.append(dict(zip(sweep, values, strict=True)))
    return tuple(found)


def _faults(plan: Plan) -> Iterator[str]:
    names = [method.name for method in plan.methods]
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield f"two methods are called '{name}'"
    for method in plan.methods:
        if method.like and method.like not in names:
            yield f"'{method.name}' is like '{method.like}', which is no method of the plan"
        num_trials = len(method.trials)
        if method.learns and not method.like and num_trials not in (1, plan.num_trials):
            yield (
                f"'{method.name}' tries {num_trials} settings; accepted: {plan.num_trials}, "
                "or 1 for a fixed recipe"
            )


# Options as text ----------------------------------------------------------------------------------


def describe_options(options: Options) -> str:
    """Return options for a table, their keys without the section; ``-`` where there are none."""
    shown = []
    for key, value in options.items():
        shown.append(f"{key.rpartition('.')[2]} {value}")
    return ", ".join(shown) or "-"


def as_arguments(options: Options) -> list[str]:
    """Return options as ``KEY VALUE`` pairs of a command line, sorted by key."""
    arguments = []
    for key in sorted(options):
        arguments += [key, _literal(options[key])]
    return arguments


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return value
    return repr(tuple(value) if isinstance(value, list) else value)
