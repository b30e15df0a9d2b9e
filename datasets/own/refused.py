"""Files that are recognised but not read, with what to export or write instead."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets.own.items import fault
from datasets.own.locate import has_image_suffix
from datasets.own.table import PATH_COLUMNS, Table, find_column

TABLE = "a CSV with the columns file_name and labels"
OTHERS = f"CVAT for images, or {TABLE}"
# COCO of VIA has the attributes of regions alone, and not the names of their options.
OF_VIA = f"{TABLE}, made from file_attributes in the CSV of VIA 2"
RECORDS = "to_csv of pandas, or to_json with orient='records'"
# Columns or keys of an export -> its name, and what to export or write instead.
REFUSED = {
    ("region_shape_attributes", "file_attributes"): ("a CSV of VIA (VGG)", OF_VIA),
    ("_via_img_metadata",): ("a project of VIA (VGG)", OF_VIA),
    ("project", "attribute", "file", "metadata"): ("a project of VIA 3 (VGG)", TABLE),
    ("data_row", "projects"): ("an export of Labelbox", TABLE),
    ("Labeled Data", "Label"): ("an export of Labelbox", TABLE),
    ("source-ref",): ("a manifest of SageMaker Ground Truth", TABLE),
    ("imageGcsUri",): ("a JSON Lines file of Vertex AI", "its CSV: TRAIN,gs://bucket/a.jpg,label"),
    ("imagePath", "shapes"): ("a file of labelme", f"COCO or {TABLE}"),
    ("categories", "items"): ("a file of Datumaro", OTHERS),
    ("assets", "tags", "videoSettings"): ("a project of VoTT", "its CSV"),
    ("asset", "regions"): ("a file of VoTT", "its CSV"),
    ("frames", "inputTags"): ("a file of VoTT", TABLE),
    ("dataset", "image", "annotations"): ("a file of V7 Darwin", f"COCO or {TABLE}"),
    ("version", "item", "annotations"): ("a file of V7 Darwin", f"COCO or {TABLE}"),
    ("label_hash", "data_title"): ("an export of Encord", f"COCO or {TABLE}"),
    ("task_id", "response"): ("an export of Scale", TABLE),
    ("metadata", "instances"): ("a file of SuperAnnotate", TABLE),
    ("tags", "classes", "projectType"): ("the meta.json of Supervisely", TABLE),
    ("originalImageUri",): ("an export of Azure Custom Vision", TABLE),
    ("columns", "index", "data"): ("JSON of pandas with orient='split'", RECORDS),
    ("schema", "data"): ("JSON of pandas with orient='table'", RECORDS),
}
# Beginning of files without a header -> its name, and what to do.
BEGINNINGS = {
    "version https://git-lfs": ("a pointer of Git LFS in place of the file", "git lfs pull"),
    "# Exported using VGG Image Annotator": ("a CSV of VIA 3 (VGG)", TABLE),
}


def refuse_known(table: Table) -> None:
    """Raise if a table or JSON file is of a known format that is not read."""
    _refuse(table.path, _by_header(table) or _by_content(table))


def refuse_known_text(path: Path, text: str) -> None:
    """Raise if a text without the header of a table is of a known format that is not read."""
    start = text.lstrip()
    for beginning, found in BEGINNINGS.items():
        if start.startswith(beginning):
            _refuse(path, found)
    if path.suffix.lower() in (".yaml", ".yml"):
        _refuse(path, ("YAML", TABLE))


def _refuse(path: Path, found: tuple[str, str] | None) -> None:
    if found is not None:
        name, advice = found
        raise fault(path, "", f"{name}, which is not read; use {advice}")


def _by_header(table: Table) -> tuple[str, str] | None:
    """Return name and advice of a format with known columns or keys."""
    for keys, found in REFUSED.items():
        if set(keys).issubset(table.header):
            return found
    return None


def _by_content(table: Table) -> tuple[str, str] | None:
    """Return name and advice of a format that the first entry shows."""
    if not table.rows or not table.header:
        return None
    entry = dict(zip(table.header, table.rows[0], strict=True))
    first = table.rows[0][0]
    if isinstance(first, dict) and {"filename", "regions"} <= first.keys():
        return "a file of annotations of VIA (VGG)", OF_VIA
    if isinstance(entry.get("size"), dict) and {"tags", "objects"} <= entry.keys():
        return "a file of Supervisely", TABLE
    if "annotations" not in entry and _is_image_object(entry.get("data")):
        return "a file of tasks of Label Studio without annotations", "its export as JSON"
    if _holds_objects(entry.get("samples"), "filepath"):
        name = "fiftyone.types.FiftyOneImageClassificationDataset"
        return "the samples.json of FiftyOne", f"its export as {name}"
    if _holds_objects(entry.get("tags"), "tagName"):
        return "an export of Azure Custom Vision", TABLE
    if len(table.rows) == 1 and _is_nested(entry):
        return "an object with one entry per image or column", f"{TABLE}, or {RECORDS}"
    is_coco = {"images", "annotations"} & entry.keys()
    has_image = find_column(table.header, PATH_COLUMNS) is not None
    if len(table.rows) == 1 and not is_coco and not has_image and _are_lists(entry.values()):
        return "an object with a list per class or column", TABLE
    for row in table.rows[:2]:
        if any(isinstance(cell, str) and cell.startswith('{"ImportId"') for cell in row):
            return "an export of Qualtrics with three lines of header", "it without lines 2 and 3"
    return None


def _are_lists(values: Iterable[Any]) -> bool:
    return all(isinstance(value, list) for value in values)


def _is_image_object(value: Any) -> bool:
    """Return True for the data of a task of Label Studio, which name an image."""
    if not isinstance(value, dict):
        return False
    return any(isinstance(text, str) and has_image_suffix(text) for text in value.values())


def _holds_objects(value: Any, key: str) -> bool:
    """Return True for a list of objects with a key."""
    return isinstance(value, list) and any(isinstance(one, dict) and key in one for one in value)


def _is_nested(entry: dict[str, Any]) -> bool:
    """Return True for ``{image: label}``, or objects with the same keys, as pandas writes them."""
    if all(map(has_image_suffix, entry)):
        return True
    values = list(entry.values())
    if len(values) < 2 or not all(isinstance(value, dict) and value for value in values):
        return False
    return all(value.keys() == values[0].keys() for value in values)
