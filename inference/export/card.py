"""The run card of an exported folder: no path, no file name of the machine, no private word.

A card that a training writes says where its data were, which command started it and on which
machine. Of an exported card everybody may read every word. It has what prediction needs, the
recipe, and the result.
"""

import re
from collections.abc import Mapping
from typing import Any

from core.config_merge import flatten
from engine.run_card import Card

LEFT_OUT = "left out by tools.export"
KEPT = ("format", "kind", "seed", "start", "end", "seconds", "commit", "dirty", "costs", "result")
KEPT_OF = {  # part of the card -> what stays of it
    "code": ("version", "digest"),
    "hardware": ("device", "device_memory_gib", "processes"),
    "data": ("classes", "train", "val", "test"),
    "trained_by": ("commit", "dirty", "versions", "start", "end"),
}
# Places of data and results, which prediction does not read.
PLACES = ("OUTPUT_DIR", "RESUME", "DATASET.ROOT", "TRAIN.FEATURE_CACHE", "MODEL.INIT_WEIGHTS")
FILE = re.compile(r"[\\/][^\\/]+\.\w{2,5}$")
ABSOLUTE = re.compile(r"^(/|~|\\\\|[A-Za-z]:[\\/]|[a-z]+://)")


def public_card(card: Card, changed: Mapping[str, Any]) -> Card:
    """Return the parts of a run card that may be published.

    Args:
        card: card of the run.
        changed: dotted names of the configuration and their values in the export, such as the place
            of the backbone.
    """
    public: Card = {name: card[name] for name in KEPT if name in card}
    public |= {"command": LEFT_OUT, "folder": ".", "versions": card["versions"]}
    for part, names in KEPT_OF.items():
        if part in card:
            public[part] = {name: card[part][name] for name in names if name in card[part]}
    public["backbone"] = _public_backbone(card.get("backbone", {}))
    public["config"] = _public_config(card["config"], changed)
    return without_places(public)


def _public_backbone(backbone: Mapping[str, Any]) -> dict[str, Any]:
    public = dict(backbone)
    for part in ("path", "arch"):
        if part in public:
            public[part] = {**public[part], "file": base_name(public[part]["file"])}
    return public


def _public_config(config: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nested configuration; files of the data set are named without their folders."""
    public: dict[str, Any] = {}
    for name, value in flatten(config):
        if name in changed:
            value = changed[name]
        elif name in PLACES:
            value = ""
        elif name.startswith("DATASET."):
            value = _without_folders(value)
        *sections, key = name.split(".")
        node = public
        for section in sections:
            node = node.setdefault(section, {})
        node[key] = value
    return public


def _without_folders(value: Any) -> Any:
    """Return a text, or each text of a list that names a file, without folders."""
    if isinstance(value, str):
        return base_name(value)
    if isinstance(value, list):
        return [base_name(v) if isinstance(v, str) and FILE.search(v) else v for v in value]
    return value


def without_places(value: Any) -> Any:
    """Return a JSON value in which each text that is an absolute path is its last part."""
    if isinstance(value, Mapping):
        return {name: without_places(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(item) for item in value]
    if isinstance(value, str) and ABSOLUTE.match(value):
        return base_name(value)
    return value


def base_name(path: str) -> str:
    """Return the last part of a path of any system."""
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]
