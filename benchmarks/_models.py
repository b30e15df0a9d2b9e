"""Both forms of the model, set up from a case's settings, and what a case may set of them."""

import argparse
from collections.abc import Sequence
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from benchmarks._command import at_least
from benchmarks._common import ROOT
from benchmarks.straightforward import GRADIENTS, Straightforward
from core.config_merge import setup_cfg
from datasets.hierarchy import HIERARCHY_DIR
from engine.precision import Precision
from engine.speed import apply_speed, set_tf32
from models import FrozenFeatures, IntCLIPNetwork, load_clip

KEYS = "SPEED.* keys follow the flags, as for train.py: SPEED.MICRO_BATCH 8"
PEAK = {
    "fp32": 67e12,
    "tf32": 495e12,
    "bf16": 989e12,
    "fp16": 989e12,
}  # of an H100 SXM, dense, operations per second


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which models are measured; those that take several values make a case of each."""
    parser.add_argument(
        "--backbone", nargs="+", default=["RN101"], help="names of open_clip; random weights"
    )
    parser.add_argument(
        "--arch", default="", help="architecture file (open_clip JSON) instead of a name"
    )
    parser.add_argument(
        "--size", nargs="+", type=at_least(32), default=[224], help="side of the images in pixels"
    )
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
        help="prompts at a time; -1: as many as is sensible",
    )
    parser.add_argument(
        "--gradients",
        default="text",
        choices=GRADIENTS,
        help="frozen weights to which the straightforward form gives one",
    )


def model_cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of each combination of the flags that take several values."""
    fixed = ("arch", "class_text", "shared_contexts", "text_chunk", "gradients")
    common = {name: getattr(args, name) for name in fixed} | {"speed": args.opts}
    return [
        {"backbone": backbone, "size": size, "classes": classes, "precision": precision, **common}
        for backbone in args.backbone
        for size in args.size
        for classes in args.classes
        for precision in args.precision
    ]


def class_texts(num: int, kind: str) -> list[str]:
    """Return ``num`` class texts: those of Intentonomy, over again with a number where more are wanted."""
    tree = yaml.safe_load((HIERARCHY_DIR / "intentonomy.yaml").read_text(encoding="utf-8"))
    texts = [entry[kind] for entry in tree["classes"].values()]
    return [
        texts[i % len(texts)] + (f" {i // len(texts)}" if i >= len(texts) else "")
        for i in range(num)
    ]


def build_model(settings: dict[str, Any]) -> nn.Module:
    """Return the form of the model that ``settings`` name, on its device; the weights are random and the same."""
    torch.set_num_threads(settings["threads"])
    arch = str(ROOT / settings["arch"]) if settings["arch"] else ""
    clip = load_clip(settings["backbone"], arch=arch, pretrained=False, generator_seed=0)
    with torch.no_grad():
        for name, parameter in clip.visual.named_parameters():
            if name.endswith(
                "bn3.weight"
            ):  # open_clip starts them at zero, which would switch the blocks off
                parameter.fill_(0.2)
    texts, device = (
        class_texts(settings["classes"], settings["class_text"]),
        torch.device(settings["device"]),
    )
    specific = not settings["shared_contexts"]
    set_tf32(setup_cfg([], opts=settings["speed"]).SPEED.TF32, device)
    if settings["form"] == "straightforward":
        plain = Straightforward(
            clip, texts, class_specific=specific, gradients=settings["gradients"]
        )
        return plain.to(device)
    model = IntCLIPNetwork(
        clip, texts, class_specific=specific, text_chunk_size=settings["text_chunk"]
    ).to(device)
    apply_speed(model, setup_cfg([], opts=settings["speed"]), device)
    return model


def learnt(model: nn.Module) -> Sequence[nn.Parameter]:
    """Return what the optimiser gets."""
    if isinstance(model, Straightforward):
        return model.learnt()
    return [parameter for group in model.parameter_groups().values() for parameter in group]


def random_images(settings: dict[str, Any], num: int) -> Tensor:
    """Return images ``(num, 3, size, size)`` on the device."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num, 3, settings["size"], settings["size"], generator=generator).to(
        settings["device"]
    )


def random_labels(settings: dict[str, Any], num: int) -> Tensor:
    """Return labels ``(num, classes)`` on the device, about one in ten positive."""
    generator = torch.Generator().manual_seed(1)
    return (
        (torch.rand(num, settings["classes"], generator=generator) < 0.1)
        .float()
        .to(settings["device"])
    )


def precision(settings: dict[str, Any]) -> Precision:
    """Return the precision of a case."""
    return Precision(settings["precision"], torch.device(settings["device"]))


def cached(model: IntCLIPNetwork, images: Tensor, settings: dict[str, Any]) -> FrozenFeatures:
    """Return the frozen features of ``images`` as the feature cache gives them: a plain layout, nothing shared."""
    with torch.no_grad(), precision(settings).autocast():
        features = model.frozen_features(images)
    return features.map(lambda tensor: tensor.contiguous().clone())
