"""labels.json of FiftyOne: ``{"classes": [...], "labels": {"<image without suffix>": index}}``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.logging import get_logger
from datasets.own.cells import shown
from datasets.own.headerless import class_at
from datasets.own.items import Judgement, LabelFile, fault

log = get_logger()


def read_fiftyone(path: Path, content: Mapping[str, Any]) -> LabelFile:
    """Return the labels of a FiftyOne export: one index per image, or a list of them.

    Images whose label is null have not been judged and are left out.

    Raises:
        UserError: a label is neither an index nor the name of a class.
    """
    classnames = content["classes"] or []
    if not isinstance(classnames, list) or not all(isinstance(name, str) for name in classnames):
        raise fault(path, "'classes'", "expected a list of names")
    if len(set(classnames)) < len(classnames):
        raise fault(path, "'classes'", "a name is given twice")
    if not isinstance(content["labels"], dict):
        raise fault(path, "'labels'", "expected an object with one entry per image")
    judgements = []
    single = True
    for name, value in content["labels"].items():
        if value is None:
            continue
        where = f"labels[{shown(name)}]"
        single = single and not isinstance(value, list)
        entries = value if isinstance(value, list) else [value]
        labels = [_label(path, where, entry, classnames) for entry in entries]
        judgements.append(Judgement(name, where, tuple(dict.fromkeys(labels))))
    skipped = len(content["labels"]) - len(judgements)
    if skipped:
        log.info("%s: %d images without a label are left out", path, skipped)
    return LabelFile(path, judgements, classnames, single=single)


def _label(path: Path, where: str, entry: Any, classnames: Sequence[str]) -> str:
    if isinstance(entry, dict):  # a detection, or a class with a confidence
        entry = entry.get("label")
    if isinstance(entry, str) and (entry in classnames or not classnames):
        return entry
    if not classnames or isinstance(entry, bool):
        raise fault(
            path, where, f"label is {shown(entry)}; expected a name, or 'classes' to be given"
        )
    return class_at(path, where, entry, classnames)
