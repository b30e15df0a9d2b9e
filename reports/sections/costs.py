"""Parameters, time and memory."""

from collections.abc import Mapping
from typing import Any

from core.config_merge import flatten
from reports.blocks import Section
from reports.tables import Table
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
    "peak_memory_of": "peak memory of",
    "training_seconds": "training time (s)",
    "training_epochs": "epochs of the training time",
    "training_images_per_epoch": "images per epoch",
    "input_size": "input size (pixels)",
}
LEAD = "Times hold for this machine alone; parameters and FLOPs hold everywhere."


def section(view: RunView) -> Section | None:
    """Return the section; None without costs in the card."""
    costs = view.run.card.get("costs")
    if not isinstance(costs, Mapping) or not costs:
        return None
    rows = []
    for name, value in flatten(costs):
        rows.append([TITLES.get(name, name.replace("_", " ")), _readable(value)])
    table = Table("Costs", ["quantity", "value"], rows, name="costs")
    return Section("costs", "Costs", LEAD, [table])


def _readable(value: Any) -> Any:
    """Return large numbers with a prefix, small ones with four digits, lists as one text."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.2f} {prefix}"
    return value if isinstance(value, int) else float(f"{value:.4g}")
