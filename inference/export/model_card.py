"""The model card of an exported folder: README.md with the front matter of Hugging Face."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from engine.run_card import Card
from evaluation import DecisionRule
from evaluation.data_title import data_title
from evaluation.metrics import HEADLINE_METRICS
from inference.export.card import base_name

FILE = "README.md"
LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")
METRICS = ("accuracy", *HEADLINE_METRICS)

USE_WEIGHTS = """\
In a checkout of the project, with this folder as `MODEL`{backbone}:

```python
from predict import IntentPredictor
predictor = IntentPredictor.from_run("MODEL"{option})
print(predictor("photo.jpg").top(3))
```

The same from a shell: `python predict.py photos/ --run MODEL{flag}`."""
USE_ONNX = """\
No part of the project is needed, and no torch:

```bash
pip install onnxruntime Pillow numpy
python onnx_predict.py model.onnx photo.jpg
```

The input is a batch of RGB images `(B, 3, {height}, {width})`, float32 from 0 to 1. The output is
one probability per class, `(B, {num_classes})`. `model.json` says how a photo becomes an input; the
file has the same as metadata."""
LIMITS = """\
- The model scores these classes and no others. Annotators disagree on intents, so a prediction is
  an opinion, too.
- A probability is a score with a threshold; it is not calibrated.
- The model repeats the bias of its training pictures, of its annotators and of CLIP's own training
  data. Do not use it to decide about persons.
- The numbers hold for pictures like those of the training."""


@dataclass(frozen=True)
class ModelFacts:
    """Facts that a model card states.

    Attributes:
        card: card of the run.
        trainer: name of the trainer.
        keys: C keys of the classes.
        names: C names in words.
        rule: decision rule, or None.
        license: identifier of the licence of the weights.
        format: ``safetensors`` or ``onnx``.
        use: text of the section on use.
    """

    card: Card
    trainer: str
    keys: Sequence[str]
    names: Sequence[str]
    rule: DecisionRule | None
    license: str
    format: str
    use: str


def check_license(name: str) -> None:
    """Raise :class:`UserError` unless ``name`` has the form of a licence's identifier."""
    if not LICENSE.fullmatch(name):
        raise UserError(f"--license is '{name}'; expected an identifier such as mit or cc-by-4.0")


def model_card(facts: ModelFacts) -> str:
    """Return the text of ``README.md``."""
    parts = [
        front_matter(facts),
        f"# {facts.trainer}: intents of images\n\n{_summary(facts)}",
        f"## Use\n\n{facts.use}",
        f"## Classes\n\n{class_list(facts.keys, facts.names)}",
        f"## Results\n\n{results_table(facts.card.get('result', {}))}\n\n{_rule(facts.rule)}",
        f"## Training\n\n{training_table(facts.card)}",
        f"## Limits\n\n{LIMITS}",
    ]
    return "\n\n".join(parts) + "\n"


def front_matter(facts: ModelFacts) -> str:
    """Return the entries that Hugging Face reads."""
    tags = ["clip", "image-intents", "multi-label-classification", facts.trainer.lower()]
    lines = [f"license: {facts.license}", "pipeline_tag: image-classification", "tags:"]
    lines += [f"- {tag}" for tag in [*tags, facts.format]]
    return "\n".join(["---", *lines, "---"])


def class_list(keys: Sequence[str], names: Sequence[str]) -> str:
    """Return the classes in one paragraph; the words follow where they are not the key."""
    shown = []
    for key, name in zip(keys, names, strict=True):
        shown.append(f"`{key}`" if key == name else f"`{key}` ({name})")
    return f"{len(keys)}: {', '.join(shown)}."


def results_table(result: Mapping[str, Any]) -> str:
    """Return the headline metrics of each split in percent."""
    splits = {name: values for name, values in result.items() if isinstance(values, Mapping)}
    if not splits:
        return "The run has no result."
    metrics = [name for name in METRICS if any(name in values for values in splits.values())]
    lines = [f"| split | {' | '.join(metrics)} |", "| --- |" + " ---: |" * len(metrics)]
    for split, values in splits.items():
        cells = [f"{values[name]:.2f}" if name in values else "" for name in metrics]
        lines.append(f"| {split} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"In percent, of the weights of {result.get('model', '')}."])


def training_table(card: Card) -> str:
    """Return what the model was trained on, and how."""
    config, data = card["config"], card.get("data", {})
    backbone = config["MODEL"]["BACKBONE"]
    numbers = [f"{data[s]['images']} {s}" for s in ("train", "val", "test") if s in data]
    facts = {
        "data set": data_title(config["DATASET"]),
        "hierarchy": base_name(config["DATASET"].get("HIERARCHY", "")),
        "images": ", ".join(numbers),
        "backbone": backbone["NAME"] or base_name(backbone["PATH"] or backbone["ARCH"]),
        "input": " x ".join(map(str, config["INPUT"]["SIZE"])) + " pixels",
        "epochs": str(card.get("costs", {}).get("training_epochs", "")),
        "seed": str(card.get("seed", "")),
        "torch": card["versions"].get("torch", ""),
        "date": card["start"][:10],
    }
    lines = [f"| {name} | {value} |" for name, value in facts.items() if value]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _summary(facts: ModelFacts) -> str:
    return (
        f"Why did somebody take this picture? This model gives each of {len(facts.keys)} "
        f"intents\na probability. It is a CLIP with the method `{facts.trainer}` of the project "
        "IntCLIP."
    )


def _rule(rule: DecisionRule | None) -> str:
    if rule is None:
        return "The run has no decision rule; take the most probable classes."
    return f"Decision rule, chosen on val: {rule.describe()}."
