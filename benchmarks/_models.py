"""Build the measured models, in our form and the straightforward one, from a case's settings."""

import argparse
import itertools
from collections.abc import Sequence
from typing import Any

import open_clip
import torch
import yaml
from torch import Tensor, nn
from yacs.config import CfgNode

from benchmarks._command import at_least
from benchmarks._common import ROOT
from benchmarks.straightforward import GRADIENTS, Straightforward
from core.config_merge import setup_cfg
from datasets.hierarchy import HIERARCHY_DIR
from engine.precision import Precision
from engine.speed import apply_speed, set_tf32
from models import FrozenFeatures, IntCLIPNetwork, load_clip

KEYS = "SPEED.* keys follow the flags, as for train.py: SPEED.MICRO_BATCH 8"
VARIED = ("backbone", "size", "classes", "precision")  # flags that take several values
FIXED = ("arch", "class_text", "shared_contexts", "text_chunk", "gradients")


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that describe the models; each combination of several values is a case."""
    _add_backbone_flags(parser)
    parser.add_argument("--classes", nargs="+", type=at_least(1), default=[28])
    parser.add_argument("--class-text", default="sentence", choices=("sentence", "name"))
    parser.add_argument(
        "--precision", nargs="+", default=["fp32"], choices=("fp32", "bf16", "fp16")
    )
    parser.add_argument(
        "--shared-contexts", action="store_true", help="one set of contexts (CSC False)"
    )
    parser.add_argument(
        "--text-chunk",
        type=at_least(-1),
        default=-1,
        help="prompts encoded at a time; -1: chosen by the number of prompts",
    )
    parser.add_argument(
        "--gradients",
        default="text",
        choices=GRADIENTS,
        help="frozen weights to which the straightforward form gives a gradient",
    )


def _add_backbone_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights"
    )
    parser.add_argument(
        "--arch", default="", help="architecture file (open_clip JSON) instead of a name"
    )
    parser.add_argument(
        "--size", nargs="+", type=at_least(32), default=[224], help="side of the images in pixels"
    )


def model_cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of each combination of the flags :data:`VARIED`."""
    common = {name: getattr(args, name) for name in FIXED} | {"speed": args.opts}
    cases = []
    for values in itertools.product(*(getattr(args, name) for name in VARIED)):
        cases.append({**dict(zip(VARIED, values, strict=True)), **common})
    return cases


def class_texts(num: int, kind: str) -> list[str]:
    """Return ``num`` distinct class texts: those of Intentonomy, repeated with a number added.

    Args:
        num: number of classes.
        kind: ``name`` or ``sentence``.
    """
    tree = yaml.safe_load((HIERARCHY_DIR / "intentonomy.yaml").read_text(encoding="utf-8"))
    known = [entry[kind] for entry in tree["classes"].values()]
    texts = []
    for index in range(num):
        turn, place = divmod(index, len(known))
        texts.append(f"{known[place]} {turn}" if turn else known[place])
    return texts


def build_model(settings: dict[str, Any]) -> nn.Module:
    """Return the model of ``settings["form"]`` on its device; both forms have the same backbone.

    Raises:
        UserError: the backbone or a key is unknown.
    """
    torch.set_num_threads(settings["threads"])
    device, cfg = torch.device(settings["device"]), configuration(settings)
    set_tf32(cfg.SPEED.TF32, device)
    clip = random_clip(settings)
    texts = class_texts(settings["classes"], settings["class_text"])
    class_specific = not settings["shared_contexts"]
    if settings["form"] == "straightforward":
        plain = Straightforward(
            clip, texts, class_specific=class_specific, gradients=settings["gradients"]
        )
        return plain.to(device)
    chunk = settings["text_chunk"]
    model = IntCLIPNetwork(clip, texts, class_specific=class_specific, text_chunk_size=chunk)
    model = model.to(device)
    apply_speed(model, cfg, device)
    return model


def random_clip(settings: dict[str, Any]) -> open_clip.CLIP:
    """Return the backbone of ``settings`` with the same random weights in every process."""
    arch = str(ROOT / settings["arch"]) if settings["arch"] else ""
    clip = load_clip(settings["backbone"], arch=arch, pretrained=False, generator_seed=0)
    with torch.no_grad():
        for name, parameter in clip.visual.named_parameters():
            # open_clip starts these weights at zero, which would switch the blocks off.
            if name.endswith("bn3.weight"):
                parameter.fill_(0.2)
    return clip


def configuration(settings: dict[str, Any]) -> CfgNode:
    """Return the configuration with the case's ``KEY VALUE`` pairs."""
    return setup_cfg([], opts=settings["speed"])


def learnable(model: nn.Module) -> Sequence[nn.Parameter]:
    """Return the parameters that the optimiser updates."""
    parameters = []
    for group in model.parameter_groups().values():
        parameters += group
    return parameters


def random_images(settings: dict[str, Any], num: int) -> Tensor:
    """Return images ``(num, 3, size, size)`` on the device."""
    side = settings["size"]
    images = torch.randn(num, 3, side, side, generator=torch.Generator().manual_seed(0))
    return images.to(settings["device"])


def random_labels(settings: dict[str, Any], num: int) -> Tensor:
    """Return labels ``(num, classes)`` on the device, about one in ten positive."""
    draws = torch.rand(num, settings["classes"], generator=torch.Generator().manual_seed(1))
    return (draws < 0.1).float().to(settings["device"])


def precision(settings: dict[str, Any]) -> Precision:
    """Return autocast and loss scaling of a case."""
    return Precision(settings["precision"], torch.device(settings["device"]))


def is_cached(settings: dict[str, Any]) -> bool:
    """Return whether this form starts from cached frozen features; only ours can."""
    return settings["cached"] and settings["form"] == "ours"


def cached(model: IntCLIPNetwork, images: Tensor, settings: dict[str, Any]) -> FrozenFeatures:
    """Return the frozen features of ``images (B, 3, H, W)`` as the feature cache gives them.

    Each tensor is contiguous and has memory of its own.
    """
    with torch.no_grad(), precision(settings).autocast():
        features = model.frozen_features(images)
    return features.map(lambda tensor: tensor.contiguous().clone())
