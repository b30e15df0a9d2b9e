"""Training curves of a run, read back from its TensorBoard files."""

from pathlib import Path

from core.logging import get_logger

log = get_logger()

TAGS = (
    "train/loss",
    "train/lr",
    "val/mAP",
    "val/macro_f1",
    "val/micro_f1",
    "val/samples_f1",
)

History = dict[str, list[tuple[int, float]]]


def read_history(folder: Path) -> History:
    """Return the curves of ``TAGS`` as pairs of step and value, in the order of the steps.

    The step of ``train/*`` counts batches, the step of ``val/*`` counts epochs, both from 0. A
    resumed run has several files; where two of them have the same step, the later value counts.

    Args:
        folder: folder of the TensorBoard files; without files, the result is empty.
    """
    if not any(folder.glob("events*")):
        return {}
    # Here, because the import takes half a second and only the final evaluation needs it.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    history: History = {}
    for tag in TAGS:
        if tag not in reader.Tags()["scalars"]:
            continue
        values = {}
        for event in sorted(reader.Scalars(tag), key=lambda event: event.wall_time):
            values[event.step] = event.value
        history[tag] = sorted(values.items())
    return history
