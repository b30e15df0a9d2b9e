"""Published results of a benchmark, and warnings where they do not compare with a run of one's own.

The rows are in ``docs/published/<data set>.yaml``, which says what each field means.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from core.errors import UserError, did_you_mean, not_accepted
from core.files import PROJECT

from .metrics import F1_NAMES

KINDS = ("paper", "third table", "repository log")
SPLITS = ("val", "test", "none")
THRESHOLDS = ("one", "per class")
NUMBERS = (*F1_NAMES, "mAP", "mAP_interp")
ACCEPTED = {
    "kind": KINDS,
    "tuned_on": SPLITS,
    "epoch_chosen_on": SPLITS,
    "thresholds": THRESHOLDS,
}


@dataclass(frozen=True)
class PublishedRow:
    """A published result; numbers are in percent, NaN where the source gives none.

    Attributes:
        method: name of the method.
        source: publication or repository of the numbers.
        kind: one of :data:`KINDS`.
        backbone: image encoder; empty if unknown.
        macro_f1: mean F1 of the classes.
        micro_f1: F1 of all entries.
        samples_f1: mean F1 of the images.
        mAP: mean of the average precision without interpolation.
        mAP_interp: mean of the interpolated average precision.
        rule: decision rule in words; empty if unknown.
        thresholds: one of :data:`THRESHOLDS`: all classes share one, or each has its own; empty if
            unknown, or if the rule has none.
        tuned_on: split that the rule is tuned on, one of :data:`SPLITS`; empty if unknown.
        epoch_chosen_on: split that chooses the epoch, one of :data:`SPLITS`; empty if unknown.
        seeds: number of runs; 0 if unknown.
        notes: anything else that a reader must know.
    """

    method: str
    source: str
    kind: str
    backbone: str = ""
    macro_f1: float = math.nan
    micro_f1: float = math.nan
    samples_f1: float = math.nan
    mAP: float = math.nan
    mAP_interp: float = math.nan
    rule: str = ""
    thresholds: str = ""
    tuned_on: str = ""
    epoch_chosen_on: str = ""
    seeds: int = 0
    notes: str = ""


@dataclass(frozen=True)
class RunFacts:
    """Facts of a run that decide whether a published row compares with it.

    Attributes:
        backbone: image encoder, such as ``RN101``; empty if unknown.
        tuned_on: split that the headline's rule is tuned on: ``val``, or ``none`` for a rule that
            is not tuned; empty if unknown.
        thresholds: one of :data:`THRESHOLDS`; empty if unknown, or if the rule has none.
    """

    backbone: str = ""
    tuned_on: str = ""
    thresholds: str = ""


def backbone_of(card: Mapping[str, Any]) -> str:
    """Return the backbone that a run card states; empty if it is unknown."""
    backbone = card.get("backbone")
    return str(backbone.get("name") or "") if isinstance(backbone, Mapping) else ""


def facts_of(card: Mapping[str, Any], metrics: Mapping[str, Mapping[str, float]]) -> RunFacts:
    """Return the facts of a run that this project evaluated.

    Args:
        card: content of ``run.json``; empty if there is none.
        metrics: evaluated split -> metrics; with val, the headline's rule is tuned on it.
    """
    has_one = any("threshold" in of_split for of_split in metrics.values())
    return RunFacts(
        backbone=backbone_of(card),
        tuned_on="val" if "val" in metrics else "none",
        thresholds="one" if has_one else "",
    )


def published_file(dataset: str) -> Path | None:
    """Return the file with published rows of a data set, or None if there is none.

    Args:
        dataset: registered name, such as ``Intentonomy``; upper and lower case count as equal.
    """
    path = PROJECT / "docs" / "published" / f"{dataset.lower()}.yaml"
    return path if dataset and path.is_file() else None


def published_rows(dataset: str, num_images: int = 0) -> list[PublishedRow]:
    """Return the published rows of a data set; an empty list if there is no file of it.

    Args:
        dataset: registered name of the data set's class.
        num_images: images of the evaluated split; 0 if unknown. Other data in the same format, with
            another number of images than the published split, has no published rows.

    Raises:
        UserError: the file is not valid.
    """
    path = published_file(dataset)
    if path is None:
        return []
    content = _read_file(path)
    if num_images not in (0, content.get("images", num_images)):
        return []
    return _rows_of(path, content)


def read_published(path: str | Path) -> list[PublishedRow]:
    """Read a file of published rows.

    Args:
        path: YAML file with ``dataset``, ``split`` and ``rows``.

    Raises:
        UserError: the file cannot be read or is not valid; the message names all faults.
    """
    return _rows_of(Path(path), _read_file(Path(path)))


def _rows_of(path: Path, content: Mapping[str, Any]) -> list[PublishedRow]:
    """Return the checked entry ``rows`` of the file."""
    rows = content.get("rows")
    if not isinstance(rows, list):
        raise UserError(f"{path} is not valid: expected a list 'rows'")
    faults: list[str] = []
    result = []
    for number, row in enumerate(rows, start=1):
        found = _faults_of(row)
        if found:
            name = row.get("method") if isinstance(row, Mapping) else None
            place = f"row {number}" + (f" ({name})" if name else "")
            faults += [f"{place}: {fault}" for fault in found]
            continue
        result.append(PublishedRow(**row))
    if faults:
        raise UserError(f"{path} is not valid: " + "; ".join(faults))
    return result


def warnings(row: PublishedRow, facts: RunFacts) -> list[str]:
    """Return sentences on why a published row and a run do not compare; empty if they may.

    Args:
        row: the published row.
        facts: facts of the run.
    """
    found = []
    if row.tuned_on == "test":
        found.append("Threshold tuned on the scored split.")
    if row.epoch_chosen_on == "test":
        found.append("Epoch chosen on test.")
    if row.tuned_on == "none" and facts.tuned_on == "val":
        found.append("Threshold not tuned, this run's is tuned on val.")
    if row.tuned_on == "val" and facts.tuned_on == "none":
        found.append("Threshold tuned on val, this run's is not tuned.")
    if not math.isnan(row.macro_f1):
        found += _rule_warnings(row, facts)
    if not row.backbone:
        found.append("Backbone not stated.")
    elif not facts.backbone:
        found.append("Backbone of this run not known.")
    elif _plain_name(row.backbone) != _plain_name(facts.backbone):
        found.append(f"Other backbone ({row.backbone}, this run: {facts.backbone}).")
    return found


def _rule_warnings(row: PublishedRow, facts: RunFacts) -> list[str]:
    """Return at most one sentence on what the decision rule is, for a row that has F1."""
    if not row.tuned_on:
        return ["Decision rule not stated."]
    if not facts.thresholds or row.thresholds == facts.thresholds:
        return []
    if not row.thresholds:
        return ["Not stated whether all classes share one threshold."]
    if row.thresholds == "one":
        return ["One threshold for all classes, this run has one per class."]
    return ["One threshold per class, this run has one for all classes."]


def rows_beside(rows: Sequence[PublishedRow], facts: RunFacts) -> list[dict[str, Any]]:
    """Return the rows as plain dicts of all fields, with the list ``warnings``.

    Unknown texts and numbers are None; a number of 0 is known, 0 seeds are not.

    Args:
        rows: published rows.
        facts: facts of the run that they are shown beside.
    """
    result = []
    for row in rows:
        plain: dict[str, Any] = asdict(row)
        for name, value in plain.items():
            no_number = name in NUMBERS and math.isnan(value)
            if value == "" or no_number or (name == "seeds" and value == 0):
                plain[name] = None
        plain["warnings"] = warnings(row, facts)
        result.append(plain)
    return result


def _read_file(path: Path) -> Mapping[str, Any]:
    """Return the content of the YAML file; empty if it is no mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise UserError(f"{path} is not valid YAML: {line}") from None
    return content if isinstance(content, Mapping) else {}


def _faults_of(row: Any) -> list[str]:
    """Return the faults of one row of the file, in words."""
    if not isinstance(row, Mapping):
        return [f"{row!r} is not a mapping of fields"]
    known = [field.name for field in fields(PublishedRow)]
    faults = []
    for name in row:
        if name not in known:
            faults.append(f"unknown field '{name}'.{did_you_mean(str(name), known)}")
    for name in ("method", "source", "kind"):
        if name not in row:
            faults.append(f"'{name}' is missing")
    for name, value in row.items():
        if name in known:
            faults += _value_faults(name, value)
    return faults


def _value_faults(name: str, value: Any) -> list[str]:
    """Return the faults of one field: its type, its range, or its accepted values."""
    if name in NUMBERS:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= 100:
            return [f"{name} is {value!r}; expected a number from 0 to 100"]
        return []
    if name == "seeds":
        if type(value) is not int or value < 1:
            return [f"seeds is {value!r}; expected a whole number from 1"]
        return []
    if not isinstance(value, str) or not value:
        return [f"{name} is {value!r}; expected text"]
    accepted = ACCEPTED.get(name)
    if accepted and value not in accepted:
        return [not_accepted(name, value, accepted)]
    return []


def _plain_name(backbone: str) -> str:
    """Return the name in a form where ``ViT-L/14`` and ``vit_l_14`` are equal."""
    return "".join(filter(str.isalnum, backbone.lower()))
