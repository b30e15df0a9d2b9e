"""Rows that their own tool marks as no label: rejected, or not annotated yet."""

from collections.abc import Callable
from typing import Any

from core.logging import get_logger
from datasets.own.cells import is_empty, read_value
from datasets.own.items import fault
from datasets.own.table import Table, column_key, find_column

# Columns that Label Studio writes in CSV and JSON-MIN.
LABEL_STUDIO = ("annotation_id", "lead_time")
OPEN_IMAGES = ("image_id", "source", "label_name", "confidence")

log = get_logger()


def is_label_studio_table(table: Table) -> bool:
    """Return True for Label Studio's CSV or JSON-MIN."""
    keys = {column_key(name) for name in table.header}
    return keys.issuperset(LABEL_STUDIO)


def is_prodigy_table(table: Table) -> bool:
    """Return True for the JSON Lines of Prodigy."""
    return {"answer", "_input_hash"} <= set(table.header)


def drop_marked(table: Table) -> None:
    """Drop the rows of a table that are marked as no label; the log says how many and why.

    Raises:
        UserError: no row is left.
    """
    if is_label_studio_table(table):
        _drop(table, "annotation_id", is_empty, "tasks without annotations")
    if is_prodigy_table(table):
        no = ("reject", "ignore")
        _drop(table, "answer", lambda cell: cell in no, "answers 'reject' and 'ignore' of Prodigy")
    if set(OPEN_IMAGES) <= {column_key(name) for name in table.header}:
        _drop(table, "confidence", _is_zero, "verified as absent (Confidence 0 of OpenImages)")
    if find_column(table.header, ("assignment_status",)) is not None:
        _drop(table, "assignment_status", _is_rejected, "rejected assignments")
        if find_column(table.header, ("reject",)) is not None:
            _drop(table, "reject", lambda cell: not is_empty(cell), "rejected assignments")


def _is_zero(cell: Any) -> bool:
    return read_value(cell) == 0


def _is_rejected(cell: Any) -> bool:
    return str(cell).strip().lower() == "rejected"


def _drop(table: Table, column: str, is_dropped: Callable[[Any], bool], what: str) -> None:
    j = find_column(table.header, (column,))
    kept = [i for i, row in enumerate(table.rows) if not is_dropped(row[j])]
    if len(kept) < len(table.rows):
        number = len(table.rows) - len(kept)
        if not kept:
            raise fault(table.path, "", f"no row has a label: all are {what}")
        log.warning("%s: %d rows are left out: %s", table.path, number, what)
        table.rows = [table.rows[i] for i in kept]
        table.wheres = [table.wheres[i] for i in kept]
