"""What a user of an ONNX file must know: input, preparation of images, classes, rule. C: classes.

The file has it as metadata, one JSON value per entry, and ``model.json`` has the same.
"""

from typing import Any

from evaluation import DecisionRule, rule_name
from evaluation.rules.parameters import parameters_of

FORMAT = 1
INPUT, OUTPUT = "images", "probabilities"


def describe_model(trainer: Any, rule: DecisionRule | None, *, opset: int) -> dict[str, Any]:
    """Return the description of the ONNX file of a trainer's network.

    Args:
        trainer: from :func:`inference.open_run.open_run`.
        rule: decision rule of the run, or None.
        opset: version of ONNX's operators.
    """
    classes = trainer.dm.dataset
    height, width = (int(side) for side in trainer.cfg.INPUT.SIZE)
    return {
        "format": FORMAT,
        "trainer": trainer.cfg.TRAINER.NAME,
        "kind": classes.kind,
        "opset": opset,
        "input": {
            "name": INPUT,
            "type": "float32",
            "shape": ["batch", 3, height, width],
            "colour": "RGB",
            "range": [0, 1],
        },
        "preparation": describe_preparation(trainer.cfg),
        "output": {
            "name": OUTPUT,
            "type": "float32",
            "shape": ["batch", classes.num_classes],
            "range": [0, 1],
        },
        "classes": list(classes.classnames),
        "names": list(classes.hierarchy.names),
        **describe_rule(rule, classes.num_classes),
    }


def describe_preparation(cfg: Any) -> dict[str, Any]:
    """Return how a photo becomes an input.

    ``resize`` is ``squash``, straight to height and width, or ``cover``: the shorter side gets the
    larger of both, the longer one keeps the proportion (rounded down), and the centre is cut out.
    """
    height, width = (int(side) for side in cfg.INPUT.SIZE)
    return {
        "upright": True,
        "resize": "cover" if "center_crop" in cfg.INPUT.TRANSFORMS else "squash",
        "height": height,
        "width": width,
        "interpolation": cfg.INPUT.INTERPOLATION,
        "antialias": True,
    }


def describe_rule(rule: DecisionRule | None, num_classes: int) -> dict[str, Any]:
    """Return ``rule`` and ``thresholds``; each is None where there is none.

    A class is predicted where its probability, in float64, is above its threshold.
    """
    if rule is None:
        return {"rule": None, "thresholds": None}
    thresholds = rule.thresholds(num_classes)
    described = {
        "name": rule_name(type(rule)),
        "description": rule.describe(),
        "parameters": parameters_of(rule, num_classes),
    }
    return {
        "rule": described,
        "thresholds": None if thresholds is None else [float(value) for value in thresholds],
    }
