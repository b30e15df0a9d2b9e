"""Everything that a run can choose by name, with one line on each: ``train.py --list``."""

import argparse
import inspect
import re
import shutil
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.config import Components
from core.config_merge import import_own
from core.errors import UserError, not_accepted
from core.files import PROJECT

Rows = Mapping[str, str]  # name -> description
Tables = Mapping[str, Rows]  # where the names can be given -> rows

WIDTH = 160  # of the lines, where the output is no terminal


def list_components(args: argparse.Namespace) -> str:
    """Return the components of all kinds, or of the kind ``args.list``, as text.

    The modules under ``IMPORTS`` of the command line and its YAML files are imported first, so the
    text has the components that they register. No other setting is checked.

    Args:
        args: parsed command line.

    Raises:
        UserError: there is no such kind, or a module does not import.
    """
    kind = args.list
    if kind and kind not in KINDS:
        raise UserError(not_accepted("--list", kind, KINDS))
    import_own(args)
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    tables = []
    for name in [kind] if kind else KINDS:
        for usage, rows in KINDS[name]().items():
            tables.append(format_rows(f"{name}, for {usage}", rows, width=width))
    return "\n\n".join(tables)


def format_rows(title: str, rows: Rows, *, width: int) -> str:
    """Return a title and one line for each row, shortened to ``width`` columns."""
    column = max(map(len, rows), default=0)
    lines = [title]
    for name, text in rows.items():
        room = max(width - column - 4, 20)
        words = text if len(text) <= room else textwrap.shorten(text, room, placeholder=" ...")
        lines.append(f"  {name:<{column}}  {words}".rstrip())
    return "\n".join(lines)


def first_sentence(text: str) -> str:
    """Return the first sentence of the first paragraph of a text, in one line."""
    paragraph = re.split(r"\n\s*\n", text.strip())[0]
    line = " ".join(paragraph.split())
    return re.split(r"(?<=\.) (?=[A-Z])", line)[0]


# Kinds --------------------------------------------------------------------------------------------


def _trainers() -> Tables:
    # Here, because the variable INTCLIP_BASE decides when the module is imported.
    from engine.base_choice import TRAINER_REGISTRY

    return {"--trainer": describe_registry(TRAINER_REGISTRY)}


def _datasets() -> Tables:
    from datasets import DATASET_REGISTRY
    from engine.base_choice import sync_registries

    sync_registries()
    return {"DATASET.NAME": describe_registry(DATASET_REGISTRY)}


def _configs() -> Tables:
    return {
        "--dataset-config-file configs/datasets/...": describe_files("configs/datasets", "*.yaml"),
        "--config-file configs/trainers/...": describe_files("configs/trainers", "*/*.yaml"),
        "_BASE_ configs/base/... in a YAML file of your own": describe_files(
            "configs/base", "*.yaml"
        ),
    }


def _backbones() -> Tables:
    from models.clip.catalog import list_backbones

    rows = {backbone.name: backbone.describe() for backbone in list_backbones()}
    return {"--backbone (MODEL.BACKBONE.PATH gives weights that are not OpenAI's)": rows}


def _losses() -> Tables:
    from losses import LOSS_REGISTRY

    return {"TRAINER.<TRAINER>.LOSS": describe_registry(LOSS_REGISTRY)}


def _rules() -> Tables:
    from evaluation import RULE_REGISTRY

    return {"TEST.RULE": describe_registry(RULE_REGISTRY)}


def _metrics() -> Tables:
    from evaluation import METRICS

    rows = {name: describe_object(entry.function) for name, entry in METRICS.items()}
    return {"TEST.SELECT_METRIC": rows}


def _evaluators() -> Tables:
    from evaluation import EVALUATOR_REGISTRY

    return {"TEST.EVALUATOR": describe_registry(EVALUATOR_REGISTRY)}


KINDS: dict[str, Callable[[], Tables]] = {
    "trainers": _trainers,
    "datasets": _datasets,
    "configs": _configs,
    "backbones": _backbones,
    "losses": _losses,
    "rules": _rules,
    "metrics": _metrics,
    "evaluators": _evaluators,
}


# Descriptions -------------------------------------------------------------------------------------


def describe_registry(registry: Components) -> Rows:
    """Return a description of each object of a registry, in alphabetical order."""
    rows = {}
    for name in sorted(registry.registered_names(), key=str.lower):
        rows[name] = describe_object(registry.get(name))
    return rows


def describe_object(component: Any) -> str:
    """Return the first sentence of the docstring, and the file if it is not of this project.

    A docstring that a class inherits describes another class, so it does not count.
    """
    sentence = first_sentence(component.__doc__ or "(no docstring)")
    sentence = re.sub(r":\w+:`~?([^`]*)`", r"\1", sentence).replace("``", "")
    words = re.sub(r"^Return (.)", lambda match: match[1].upper(), sentence)
    file = Path(inspect.getfile(component)).resolve()
    return words if file.is_relative_to(PROJECT) else f"{words} [{file.name}]"


def describe_files(folder: str, pattern: str) -> Rows:
    """Return the first sentence of each YAML file below a folder of the project."""
    top = PROJECT / folder
    files = sorted(top.glob(pattern))
    return {file.relative_to(top).as_posix(): first_comment(file) for file in files}


def first_comment(file: Path) -> str:
    """Return the first sentence of the comment at the top of a YAML file."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return first_sentence("\n".join(lines))
