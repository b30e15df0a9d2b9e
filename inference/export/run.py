"""Export a finished run to a new folder, in either format."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import UserError, not_accepted
from core.files import PROJECT, write_text
from engine.precision import Precision
from engine.run_card import read_card
from evaluation import DecisionRule
from inference.export import model_card
from inference.export.description import describe_model
from inference.export.new_folder import check_free, new_folder
from inference.export.onnx_check import check_onnx
from inference.export.onnx_file import OPSET, write_onnx
from inference.export.packages import require_onnx
from inference.export.weights_folder import shown_place, write_weights
from inference.open_run import open_run
from inference.rule import rule_of_run

FORMATS = ("safetensors", "onnx")
ONNX_FILE, JSON_FILE = "model.onnx", "model.json"
EXAMPLE = PROJECT / "examples" / "onnx_predict.py"
# Settings of speed whose operations would be part of the graph.
PLAIN = ("USE_CUDA", "False", "SPEED.CHANNELS_LAST", "False", "SPEED.COMPILE", "()")


def export(
    run: str | Path,
    format: str,
    output: str | Path = "",
    *,
    with_backbone: bool = False,
    backbone: str = "",
    license: str = "unknown",
) -> Path:
    """Export a finished run and return the new folder.

    Args:
        run: output folder of the run.
        format: one of :data:`FORMATS`.
        output: new folder; empty: ``exported/<format>`` in ``run``.
        with_backbone: copy the file of the backbone, too; only for ``safetensors``.
        backbone: file of the backbone; empty: where it was in training.
        license: identifier of the licence of the weights, for the model card.

    Raises:
        UserError: the run cannot be opened or exported, the folder is not empty, or the ONNX file
            differs from the network.
    """
    if format not in FORMATS:
        raise UserError(not_accepted("--format", format, FORMATS))
    if with_backbone and format == "onnx":
        raise UserError("--with-backbone is for safetensors; an ONNX file has all weights in it")
    model_card.check_license(license)
    run = Path(run)
    folder = Path(output) if output else run / "exported" / format
    check_free(folder)
    trainer = _open(run, format, ["MODEL.BACKBONE.PATH", backbone] if backbone else [])
    facts = {**_facts(run, trainer), "license": license, "format": format}
    with new_folder(folder) as temporary:
        if format == "onnx":
            facts["use"] = _write_onnx_folder(temporary, trainer, facts["rule"])
        else:
            card = facts["card"]
            write_weights(
                temporary, run=run, trainer=trainer, card=card, with_backbone=with_backbone
            )
            facts["use"] = _use_of_weights(trainer.cfg.MODEL.BACKBONE, whole=with_backbone)
        text = model_card.model_card(model_card.ModelFacts(**facts))
        write_text(temporary / model_card.FILE, text)
    return folder


def _open(run: Path, format: str, options: Sequence[str]) -> Any:
    """Return the trainer of the run; for onnx on the CPU and in float32."""
    if format != "onnx":
        return open_run(run, options=options)
    require_onnx()
    trainer = open_run(run, options=[*options, *PLAIN])
    trainer.precision = Precision("fp32", trainer.device)
    return trainer


def _use_of_weights(backbone: Any, *, whole: bool) -> str:
    """Return the section on use; who lacks the backbone's file is told to give it."""
    needed, option, flag = "", "", ""
    place = "" if whole or not backbone.PATH else shown_place(Path(backbone.PATH))
    if place and "/" not in place:  # a file of the project is found by itself
        needed = f" and the backbone `{place}`"
        option = f', options=["MODEL.BACKBONE.PATH", "{place}"]'
        flag = f" --set MODEL.BACKBONE.PATH {place}"
    return model_card.USE_WEIGHTS.format(backbone=needed, option=option, flag=flag)


def _write_onnx_folder(folder: Path, trainer: Any, rule: DecisionRule | None) -> str:
    """Write the folder of the format onnx; return the section on use of its model card."""
    description = describe_model(trainer, rule, opset=OPSET)
    write_onnx(folder / ONNX_FILE, trainer, description)
    difference = check_onnx(folder / ONNX_FILE, trainer)
    content = {"file": ONNX_FILE, **description, "largest_difference": difference}
    write_text(folder / JSON_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    shutil.copyfile(EXAMPLE, folder / EXAMPLE.name)
    height, width = trainer.cfg.INPUT.SIZE
    return model_card.USE_ONNX.format(height=height, width=width, num_classes=trainer.num_classes)


def _facts(run: Path, trainer: Any) -> dict[str, Any]:
    """Return facts for the model card."""
    classes = trainer.dm.dataset
    return {
        "card": read_card(run),
        "trainer": trainer.cfg.TRAINER.NAME,
        "keys": classes.classnames,
        "names": classes.hierarchy.names,
        "rule": rule_of_run(run, classes.classnames),
    }
