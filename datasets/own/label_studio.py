"""JSON of Label Studio: one task per image, one annotation per annotator."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.logging import get_logger
from datasets.own.cells import NotAList, label_text, shown
from datasets.own.items import Judgement, LabelFile, ReadOptions, fault, split_of
from datasets.own.locate import has_image_suffix
from datasets.own.split_column import split_field

IMAGE_KEYS = ("image", "img", "url")

log = get_logger()


def is_label_studio(content: Any) -> bool:
    """Return True for the content of an export with tasks."""
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return False
    return "data" in content[0] and bool({"annotations", "completions"} & content[0].keys())


def read_label_studio(path: Path, content: Sequence[Any], options: ReadOptions) -> LabelFile:
    """Return the choices, and the labels of regions, of each annotator of each task.

    Cancelled annotations and tasks without annotations are left out. Where an annotation of a task
    is its ground truth, the others of this task are left out. A field of the data may be the split.

    Raises:
        UserError: a task names no image, or the form has several fields of choices.
    """
    judgements: list[Judgement] = []
    fields: dict[str, str] = {}
    without = 0
    for i, task in enumerate(content):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise fault(path, f"task {i + 1}", "no 'data'; expected an object with the image")
    key = split_field(path, [task["data"] for task in content])
    for i, task in enumerate(content):
        where = f"task {i + 1}"
        image = _image(path, task["data"], where)
        split = split_of(str(task["data"].get(key))) or "" if key else ""
        annotations = _annotations(path, task, where)
        without += not annotations
        for number, annotation in enumerate(annotations):
            place = f"{where}, annotation {number + 1}"
            labels = _labels(path, annotation, place, fields, options.ignore)
            annotator = _annotator(annotation, f"{i}.{number}")
            judgements.append(Judgement(image, place, labels, split=split, annotator=annotator))
    if without == len(content):
        raise fault(path, "", "no task has an annotation (predictions are not read)")
    if without:
        log.info("%s: %d tasks without annotations are left out", path, without)
    _check_fields(path, fields, options.ignore)
    return LabelFile(path, _one_annotator(judgements), ignorable=tuple(fields))


def _one_annotator(judgements: list[Judgement]) -> list[Judgement]:
    """Drop the annotators where no image has two: these labels are no votes."""
    images = {judgement.name for judgement in judgements}
    if len(images) < len(judgements):
        return judgements
    return [replace(one, annotator=None) for one in judgements]


def _annotations(path: Path, task: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    """Return the annotations of a task that are not cancelled."""
    entries = task.get("annotations", task.get("completions"))
    if not isinstance(entries, list):
        raise fault(path, where, "no list 'annotations'")
    kept = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("result"), list):
            raise fault(path, where, "an annotation has no list 'result'; export as JSON")
        if not entry.get("was_cancelled"):
            kept.append(entry)
    truth = [entry for entry in kept if entry.get("ground_truth") is True]
    if truth and len(truth) < len(kept):
        log.warning("%s: %s: only the ground truth is read, no other annotation", path, where)
        return truth
    return kept


def _annotator(annotation: Mapping[str, Any], otherwise: str) -> str:
    """Return who made an annotation, which older versions do not say."""
    person = annotation.get("completed_by")
    if isinstance(person, dict):
        person = person.get("id", person.get("email"))
    return otherwise if person is None else str(person)


def _image(path: Path, data: Mapping[str, Any], where: str) -> str:
    """Return the image of a task: a usual key, a value like an image file, or the only text."""
    for key in IMAGE_KEYS:
        if isinstance(data.get(key), str) and data[key]:
            return data[key]
    texts = [value for value in data.values() if isinstance(value, str)]
    images = [text for text in texts if has_image_suffix(text)]
    for candidates in (images, texts):
        if len(candidates) == 1:
            return candidates[0]
    keys = ", ".join(map(shown, data)) or "none"
    raise fault(path, where, f"'data' names no image; keys: {keys}; expected image, img or url")


def _labels(
    path: Path,
    annotation: Mapping[str, Any],
    where: str,
    fields: dict[str, str],
    ignore: Sequence[str],
) -> tuple[str, ...]:
    """Return the labels of one annotation, and add the names of the fields to ``fields``."""
    found: dict[str, None] = {}
    for result in annotation["result"]:
        kind = result.get("type") if isinstance(result, dict) else None
        is_taxonomy = kind == "taxonomy"
        if kind != "choices" and not is_taxonomy and not str(kind).endswith("labels"):
            continue
        name = str(result.get("from_name", ""))
        fields.setdefault(name, where)
        if name in ignore:
            continue
        value = result.get("value")
        labels = value.get(kind) if isinstance(value, dict) else None
        if not isinstance(labels, list):
            raise fault(path, where, f"no list 'value.{kind}'")
        if is_taxonomy:  # paths in a tree, whose end is the class
            labels = [one[-1] if isinstance(one, list) and one else one for one in labels]
        for label in labels:
            try:
                found[label_text(label)] = None
            except NotAList as error:
                raise fault(path, where, f"'value.{kind}' {error}") from None
    return tuple(found)


def _check_fields(path: Path, fields: Mapping[str, str], ignore: Sequence[str]) -> None:
    kept = [name for name in fields if name not in ignore]
    if len(kept) > 1:
        names = " and ".join(map(shown, kept))
        raise fault(
            path,
            fields[kept[1]],
            f"labels of several fields: {names}; name those that are no classes in DATASET.IGNORE",
        )
    if not kept:
        raise fault(path, "", "no task has choices or labels; expected results of type choices")
