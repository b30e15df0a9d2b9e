"""Parameters, time and memory."""

from collections.abc import Mapping
from typing import Any

from core.config_merge import flatten
from reports.blocks import Section, Text
from reports.tables import Cell, Table
from reports.view import RunView

TITLES = {
    "learnable_parameters": "learnt parameters",
    "total_parameters": "all parameters",
    "flops_per_image": "FLOPs per image",
    "flops_text": "FLOPs of the class texts, once",
    "latency_ms": "latency of one image (ms)",
    "latency_runs": "timed predictions of one image",
    "throughput_images_per_second": "throughput (images per second)",
    "throughput_batch_size": "batch size of the throughput",
    "peak_memory_mib": "peak memory (MiB)",
    "training_seconds": "training time (s)",
    "training_epochs": "epochs of the training time",
    "training_images_per_epoch": "images per epoch",
}
LEAD = "Times hold for this machine alone; parameters and FLOPs hold everywhere."


def section(view: RunView) -> Section | None:
    """Return the section; None without costs in the card."""
    costs = view.run.card.get("costs")
    if not isinstance(costs, Mapping) or not costs:
        return None
    rows, words = [], []
    for name, value in flatten(costs):
        if name == "input_size":
            rows += _size_rows(value)
        elif name == "peak_memory_of":
            continue  # it is in the title of the memory
        elif isinstance(value, str):
            words.append(f"{_title(name, costs)} {value}")
        else:
            rows.append([_title(name, costs), _cell(value)])
    table = Table("Costs", ["quantity", "value"], rows, name="costs")
    # Words stand apart, so that the table and its file hold nothing but numbers.
    blocks = [table, Text(f"Measured with: {', '.join(words)}.")] if words else [table]
    return Section("costs", "Costs", LEAD, blocks)


def _title(name: str, costs: Mapping[str, Any]) -> str:
    title = TITLES.get(name, name.replace("_", " "))
    owner = costs.get("peak_memory_of")
    if name == "peak_memory_mib" and owner:
        return title.replace("peak memory", f"peak memory of {owner}")
    return title


def _size_rows(size: Any) -> list[list[Any]]:
    """Return height and width of the images as a row each, so that every value is one number."""
    if not isinstance(size, (list, tuple)) or len(size) != 2:
        return [["input size (pixels)", _cell(size)]]
    height, width = size
    return [["input height (pixels)", height], ["input width (pixels)", width]]


def _cell(value: Any) -> Any:
    """Return a large number with a prefix, a small one with four digits, a list as one text.

    The CSV file keeps the number.
    """
    if isinstance(value, (list, tuple)):
        return " \N{MULTIPLICATION SIGN} ".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return Cell(value, text=f"{value / size:.2f}\N{NO-BREAK SPACE}{prefix}")
    return Cell(value, text="" if isinstance(value, int) else f"{value:.4g}")
