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
        folder: folder of the TensorBoard files; without files, or without a training loss in them,
            the result is empty.
    """
    if not any(folder.glob("events*")):
        return {}
    # Here, because the import takes half a second and only the final evaluation needs it.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    try:
        reader.Reload()
        found = reader.Tags()["scalars"]
    except Exception as error:  # of any kind: a damaged file must not end a finished run
        log.warning("The training curves in %s cannot be read: %s", folder, error)
        return {}
    if "train/loss" not in found:  # nothing was trained
        return {}
    history: History = {}
    for tag in TAGS:
        if tag not in found:
            continue
        values = {}
        for event in sorted(reader.Scalars(tag), key=lambda event: event.wall_time):
            values[event.step] = event.value
        history[tag] = sorted(values.items())
    return history
