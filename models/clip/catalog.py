"""The backbones that can be configured by name, described from open_clip's JSON files alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import open_clip
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import nn

from core.errors import UserError
from models.clip.configs import PUBLISHED, config_name, named_config
from models.clip.tokens import VOCAB_SIZE
from models.image.families import has_family

# The keys of the architectures that count_parameters knows.
_VISION_KEYS = {
    "image_size",
    "layers",
    "width",
    "patch_size",
    "head_width",
    "mlp_ratio",
    "ls_init_value",
}
_TEXT_KEYS = {"context_length", "vocab_size", "width", "heads", "layers"}


@dataclass(frozen=True)
class Backbone:
    """One backbone.

    Attributes:
        name: value for ``MODEL.BACKBONE.NAME``.
        kind: ``ResNet``, ``ViT`` with the side of its patches, or the name of a timm model.
        image_size: side of the images in pixels that it was made for.
        embed_dim: channels of the joint space.
        num_parameters: of image and text encoder; None: only building it would tell.
        has_download: OpenAI's weights are downloaded; otherwise ``MODEL.BACKBONE.PATH`` gives them.
    """

    name: str
    kind: str
    image_size: int
    embed_dim: int
    num_parameters: int | None
    has_download: bool

    def describe(self) -> str:
        """Return one line without the name."""
        text = f"{self.kind:<14} {self.image_size} px, embed {self.embed_dim:>4}"
        if self.num_parameters is not None:
            text += f", {self.num_parameters / 1e6:>5,.0f} M parameters"
        return f"{text}, OpenAI's weights" if self.has_download else text


def list_backbones() -> list[Backbone]:
    """Return the backbones that have a family in ``models.image``; OpenAI's come first."""
    others = [name for name in open_clip.list_models() if name not in map(config_name, PUBLISHED)]
    found = []
    for name in (*PUBLISHED, *others):
        try:
            config = named_config(name)
        except UserError:  # its text encoder does not read CLIP's tokens
            continue
        if has_family(visual_class(config)):
            found.append(_describe(name, config))
    return sorted(found, key=lambda backbone: not backbone.has_download)


def visual_class(config: Mapping[str, Any]) -> type[nn.Module]:
    """Return the class of the image encoder that open_clip builds for an architecture."""
    vision = config["vision_cfg"]
    if vision.get("timm_model_name"):
        return TimmModel
    return ModifiedResNet if isinstance(vision["layers"], list | tuple) else VisionTransformer


def _describe(name: str, config: Mapping[str, Any]) -> Backbone:
    vision = config["vision_cfg"]
    kind = visual_class(config)
    kinds = {ModifiedResNet: "ResNet", TimmModel: vision.get("timm_model_name")}
    return Backbone(
        name=name,
        kind=kinds.get(kind) or f"ViT, patch {vision['patch_size']}",
        image_size=vision["image_size"],
        embed_dim=config["embed_dim"],
        num_parameters=count_parameters(config),
        has_download="openai" in open_clip.list_pretrained_tags_by_model(config_name(name)),
    )


# Parameters ---------------------------------------------------------------------------------------


def count_parameters(config: Mapping[str, Any]) -> int | None:
    """Return the number of parameters of a CLIP without building it.

    Args:
        config: architecture in open_clip's form.

    Returns:
        The number for a plain ResNet or ViT of CLIP; None for other architectures.
    """
    vision, text, embed = config["vision_cfg"], config["text_cfg"], config["embed_dim"]
    if set(vision) - _VISION_KEYS or set(text) - _TEXT_KEYS:
        return None
    if visual_class(config) is ModifiedResNet:
        num_visual = _count_resnet(vision, embed)
    else:
        num_visual = _count_vit(vision, embed)
    scale = 1  # of the logits
    return num_visual + _count_text(text, embed) + scale


def _count_text(text: Mapping[str, Any], embed: int) -> int:
    width = text.get("width", 512)
    tokens = text.get("vocab_size", VOCAB_SIZE) + text.get("context_length", 77)
    blocks = text.get("layers", 12) * _count_block(width, 4.0, scaled=False)
    last_norm = 2 * width
    return tokens * width + blocks + last_norm + width * embed


def _count_vit(vision: Mapping[str, Any], embed: int) -> int:
    width, patch = vision["width"], vision["patch_size"]
    positions = (vision["image_size"] // patch) ** 2 + 1
    class_token, norms = width, 2 * 2 * width
    scaled = vision.get("ls_init_value") is not None
    blocks = vision["layers"] * _count_block(width, vision.get("mlp_ratio", 4.0), scaled=scaled)
    patches = 3 * patch**2 * width
    return patches + class_token + positions * width + norms + blocks + width * embed


def _count_block(width: int, mlp_ratio: float, *, scaled: bool) -> int:
    """Return the parameters of a transformer block; ``scaled``: it has layer scales."""
    attention = 4 * width * (width + 1)
    hidden = int(width * mlp_ratio)
    mlp = 2 * width * hidden + hidden + width
    norms = 2 * 2 * width
    return attention + mlp + norms + (2 * width if scaled else 0)


def _count_resnet(vision: Mapping[str, Any], embed: int) -> int:
    width = vision["width"]
    half = width // 2
    stem = 9 * (3 * half + half * half + half * width) + 2 * (half + half + width)
    num, channels = stem, width
    for stage, num_blocks in enumerate(vision["layers"]):
        inner = width * 2**stage
        for block in range(num_blocks):
            num += _count_bottleneck(channels, inner, is_first=block == 0)
            channels = 4 * inner
    positions = (vision["image_size"] // 32) ** 2 + 1
    pool = positions * channels + 3 * channels * (channels + 1) + (channels + 1) * embed
    return num + pool


def _count_bottleneck(channels: int, inner: int, *, is_first: bool) -> int:
    """Return the parameters of a block; the first one of a stage has a projection, too."""
    outer = 4 * inner
    convolutions = channels * inner + 9 * inner * inner + inner * outer
    norms = 2 * (inner + inner + outer)
    projection = channels * outer + 2 * outer if is_first else 0
    return convolutions + norms + projection
