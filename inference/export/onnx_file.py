"""Write the network of a run as one ONNX file."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from core.errors import UserError
from engine.speed import text_once
from inference.export.description import INPUT, OUTPUT
from inference.export.network import ProbabilityNetwork
from inference.export.packages import ONNX_PACKAGES, REQUIREMENTS, load, versions_of

OPSET = 18  # the operators that torch's exporter writes without a conversion
PLACES = ("metadata_props", "doc_string")  # entries that name source files of this machine


def write_onnx(path: Path, trainer: Any, description: Mapping[str, Any]) -> None:
    """Write the ONNX file of a trainer's network.

    The exporter is that of ``torch.export``: torch's default, while its older one is deprecated.

    Args:
        path: file to write.
        trainer: from :func:`inference.open_run.open_run`, on the CPU and in float32.
        description: entries of the metadata.

    Raises:
        UserError: torch cannot export this network.
    """
    try:
        model = export_network(trainer)
        strip_places(model)
        for name, value in description.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = name, json.dumps(value, ensure_ascii=False)
        load("onnx").save(model, str(path))
    except Exception as error:  # the exporter raises errors of many types
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"this network cannot be exported by {versions_of('torch', *ONNX_PACKAGES)}: {reason} "
            f"(accepted versions: {REQUIREMENTS})"
        ) from error


def export_network(trainer: Any) -> Any:
    """Return the ONNX model of a trainer's network, with a dynamic batch size."""
    network = ProbabilityNetwork(trainer).eval()
    example = torch.zeros(2, 3, *map(int, trainer.cfg.INPUT.SIZE))
    with torch.no_grad(), text_once(trainer.model, trainer.precision), _silence():
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return program.model_proto


def strip_places(model: Any) -> None:
    """Remove the notes of the exporter: stack traces with the paths of this machine."""
    graph = model.graph
    parts = [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info]
    for part in [*parts, *graph.initializer]:
        for name in PLACES:
            if name in part.DESCRIPTOR.fields_by_name:
                part.ClearField(name)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep notes of the exporter off the terminal; errors are raised as always."""
    known = logging.root.manager.disable
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(known)
