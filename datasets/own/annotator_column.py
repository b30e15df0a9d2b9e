"""The column of the annotators in a table."""

from core.logging import get_logger
from datasets.own.cells import is_empty, shown
from datasets.own.items import fault
from datasets.own.table import Table, take_column

ANNOTATOR_COLUMNS = (
    "annotator", "worker", "user", "rater",
    "annotator_id", "worker_id", "user_id", "rater_id",
    "annotator_name", "worker_name", "user_name", "username", "email", "email_address",
)  # fmt: skip

log = get_logger()


def take_annotator(table: Table, free: list[int], path: int) -> int | None:
    """Remove and return the column of the annotators; the log names it.

    Raises:
        UserError: an image has several rows, of which one names its annotator and one does not.
    """
    position = take_column(table, free, ANNOTATOR_COLUMNS)
    if position is not None and not _tells_annotators_apart(table, position, path):
        return None
    if position is not None:
        log.info("%s: column %s names the annotators", table.path, shown(table.header[position]))
    return position


def _tells_annotators_apart(table: Table, j: int, path: int) -> bool:
    """Return False if all rows of column ``j`` hold the same, such as nothing or ``anonymous``.

    A warning says so where images, in the column ``path``, have several rows.
    """
    rows: dict[str, list[int]] = {}
    for i, row in enumerate(table.rows):
        rows.setdefault(str(row[path]), []).append(i)
    repeated = [found for found in rows.values() if len(found) > 1]
    name = shown(table.header[j])
    if len({str(row[j]) for row in table.rows}) < 2:
        if repeated:
            log.warning(
                "%s: column %s is the same in all rows, so that it tells no annotators apart: the "
                "labels of an image's rows are combined",
                table.path,
                name,
            )
        return False
    for found in repeated:
        empty = [i for i in found if is_empty(table.rows[i][j])]
        if empty:
            raise fault(
                table.path,
                table.wheres[empty[0]],
                f"column {name} is empty, but the image has several rows, and other rows name "
                "their annotator; fill in the column, or name it in DATASET.IGNORE",
            )
    return True
