"""Results of a batch: a table for the page, and the CSV file of ``predict.py --format csv``."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from core.errors import printable
from inference.app.bars import TEMPLATES
from inference.output import CsvWriter
from inference.results import Prediction, Unreadable

SHOWN = 3  # best intents per row
CSV_NAME = "intents.csv"

PAGE = TEMPLATES.from_string(
    """\
{% if failures %}
<div class="ic-message ic-error" role="alert"><b>{{ failures|length }} \
file{{ "s" if failures|length > 1 }} could not be read</b>
<ul>{% for failure in failures %}<li>{{ failure.reason }}</li>{% endfor %}</ul></div>
{% endif %}
{% if rows %}
<p class="ic-summary" role="status">{{ rows|length }} picture{{ "s" if rows|length > 1 }}</p>
<div class="ic-scroll"><table class="ic-table">
<thead><tr><th>File</th><th>Passes the rule</th><th>Most probable</th></tr></thead>
<tbody>
{% for file, passing, best in rows %}
<tr><td class="ic-file">{{ file }}</td><td data-head="Passes the rule">{{ passing }}</td>\
<td data-head="Most probable">{{ best }}</td></tr>
{% endfor %}
</tbody></table></div>
{% endif %}
"""
)


def table_html(predictions: Sequence[Prediction], failures: Sequence[Unreadable]) -> str:
    """Return a row per prediction, after the files that could not be read."""
    return PAGE.render(rows=[row(prediction) for prediction in predictions], failures=failures)


def row(prediction: Prediction) -> tuple[str, str, str]:
    """Return file, passing intents and best intents."""
    passing = "no rule"
    if prediction.passes is not None:
        passing = ", ".join(intent.name for intent in prediction.intents) or "none"
    best = ", ".join(f"{i.name} {100 * i.probability:.1f} %" for i in prediction.top(SHOWN))
    return printable(prediction.image), passing, best


def write_csv(predictions: Sequence[Prediction], folder: Path) -> Path:
    """Write predictions, at least one, to a new file in a folder of its own; return its path."""
    path = Path(tempfile.mkdtemp(dir=folder)) / CSV_NAME
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        writer = CsvWriter(stream, top=1, classes=predictions[0].classes)
        for prediction in predictions:
            writer.write(prediction)
        writer.close()
    return path


def remove_old(folder: Path, keep: float) -> None:
    """Remove what is older than ``keep`` seconds from the folder of CSV files."""
    for path in folder.iterdir():
        if time.time() - path.stat().st_mtime > keep:
            shutil.rmtree(path, ignore_errors=True)
