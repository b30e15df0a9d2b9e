"""Exports that are recognised but not read, with an export of the same tool that is read."""

from datasets.own.items import fault
from datasets.own.table import Table

TABLE = "a CSV with the columns file_name and labels"
# Columns or keys of an export -> its name, and what to export or write instead.
REFUSED = {
    ("region_shape_attributes", "file_attributes"): ("a CSV of VIA (VGG)", f"COCO or {TABLE}"),
    ("_via_img_metadata",): ("a project of VIA (VGG)", f"COCO or {TABLE}"),
    ("data_row", "projects"): ("an export of Labelbox", TABLE),
    ("Labeled Data", "Label"): ("an export of Labelbox", TABLE),
    ("source-ref",): ("a manifest of SageMaker Ground Truth", TABLE),
    ("imageGcsUri",): ("a JSON Lines file of Vertex AI", "its CSV: TRAIN,gs://bucket/a.jpg,label"),
    ("imagePath", "shapes"): ("a file of labelme", f"COCO or {TABLE}"),
    ("categories", "items"): ("a file of Datumaro", "COCO or CVAT for images"),
}


def refuse_known(table: Table) -> None:
    """Raise if a table or JSON file is an export of a tool whose format is not read."""
    for keys, (name, advice) in REFUSED.items():
        if set(keys).issubset(table.header):
            raise fault(table.path, "", f"{name}, which is not read; use {advice}")
    first = table.rows[0][0] if table.rows else None
    if isinstance(first, dict) and {"filename", "regions"} <= first.keys():
        raise fault(table.path, "", f"annotations of VIA (VGG), not read; use COCO or {TABLE}")
