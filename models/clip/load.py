"""CLIP by name, by checkpoint file or by architecture file, always in fp32, on the CPU, in eval mode and frozen."""

import contextlib
import copy
import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torch import Tensor

from core.errors import UserError, not_accepted
from core.files import find_file
from models.clip.weights import FORMATS, read_state_dict

logger = logging.getLogger("intclip")

CLIP_MEAN: tuple[float, float, float] = tuple(OPENAI_DATASET_MEAN)
CLIP_STD: tuple[float, float, float] = tuple(OPENAI_DATASET_STD)
BACKBONES = ("RN50", "RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-B/32", "ViT-B/16", "ViT-L/14")
_OPENAI_NAMES = {name.replace("/", "-") for name in (*BACKBONES, "ViT-L/14-336")}
_MODEL_KEYS = (
    "embed_dim",
    "vision_cfg",
    "text_cfg",
    "quick_gelu",
    "init_logit_scale",
    "init_logit_bias",
)


def load_clip(
    name: str,
    *,
    path: str = "",
    arch: str = "",
    pretrained: bool = True,
    generator_seed: int | None = None,
) -> open_clip.CLIP:
    """Return CLIP in fp32 on the CPU, in eval mode, with every parameter frozen.

    With ``path`` the weights are that file's; the architecture is that of the ``arch`` file (open_clip's JSON format),
    else of ``name`` (the file must agree), else (empty name) inferred from the shapes. Without ``path`` they are
    OpenAI's weights for ``name``. ``arch`` alone, or ``pretrained=False``, gives random weights drawn from
    ``generator_seed`` (None: the global generator). Models inferred from shapes, and OpenAI's names, use QuickGELU.
    """
    if path:
        model = _from_file(name, path, arch)
    elif arch or not pretrained:
        config = read_arch(arch) if arch else named_config(name)
        logger.warning(
            "RANDOM WEIGHTS: the CLIP backbone (%s) is not pre-trained; use this for tests and demonstrations only, "
            "or set MODEL.BACKBONE.PATH",
            arch or name,
        )
        with _seeded(generator_seed):
            model = _build(config, arch or name)
    else:
        model = _download(name)
    return model.float().eval().requires_grad_(False)


def image_statistics(arch: str = "") -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (mean, std) for image normalisation: OpenAI CLIP's unless ``arch`` has its own in ``preprocess_cfg``."""
    preprocess = _read_json(arch).get("preprocess_cfg", {}) if arch else {}
    return tuple(preprocess.get("mean", CLIP_MEAN)), tuple(preprocess.get("std", CLIP_STD))


def named_config(name: str) -> dict[str, Any]:
    """Return the open_clip configuration of backbone ``name``, given as ``ViT-B/32`` or ``ViT-B-32``."""
    key = _config_name(name)
    config = open_clip.get_model_config(key)
    if config is None or config.get("custom_text") or "hf_model_name" in config["text_cfg"]:
        raise UserError(not_accepted("MODEL.BACKBONE.NAME", name, BACKBONES))
    if key in _OPENAI_NAMES:
        config["quick_gelu"] = True
    return {k: v for k, v in config.items() if k in _MODEL_KEYS}


def read_arch(arch: str) -> dict[str, Any]:
    """Return the model part of an architecture file: a model config, or one with ``model_cfg`` as on model hubs."""
    content = _read_json(arch)
    config = {k: v for k, v in content.get("model_cfg", content).items() if k != "preprocess_cfg"}
    missing = [key for key in ("embed_dim", "vision_cfg", "text_cfg") if key not in config]
    unknown = [key for key in config if key not in _MODEL_KEYS]
    if missing or unknown:
        raise UserError(
            f"Architecture file '{arch}': missing {missing}, unknown {unknown}; accepted: {_MODEL_KEYS}"
        )
    return config


def infer_config(state: dict[str, Tensor], path: str) -> dict[str, Any]:
    """Return the open_clip configuration that ``state`` has the shapes of (heads are 64 wide, as in all of OpenAI's).

    The inference is that of ``clip.model.build_model`` in OpenAI's published code.
    """
    try:
        vision = _infer_vit(state) if "visual.proj" in state else _infer_resnet(state)
        width = state["ln_final.weight"].shape[0]
        text = {
            "context_length": state["positional_embedding"].shape[0],
            "vocab_size": state["token_embedding.weight"].shape[0],
            "width": width,
            "heads": max(1, width // 64),
            "layers": _count(state, "transformer.resblocks."),
        }
        embed_dim = state["text_projection"].shape[1]
    except (KeyError, IndexError) as error:
        raise UserError(
            f"'{path}' is not a CLIP checkpoint: it lacks {error}; accepted: {FORMATS}"
        ) from error
    return {"embed_dim": embed_dim, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}


def _infer_vit(state: dict[str, Tensor]) -> dict[str, Any]:
    patch = state["visual.conv1.weight"].shape[-1]
    grid = round((state["visual.positional_embedding"].shape[0] - 1) ** 0.5)
    return {
        "layers": _count(state, "visual.transformer.resblocks."),
        "width": state["visual.conv1.weight"].shape[0],
        "patch_size": patch,
        "image_size": patch * grid,
    }


def _infer_resnet(state: dict[str, Tensor]) -> dict[str, Any]:
    grid = round((state["visual.attnpool.positional_embedding"].shape[0] - 1) ** 0.5)
    return {
        "layers": [_count(state, f"visual.layer{stage}.") for stage in (1, 2, 3, 4)],
        "width": state["visual.layer1.0.conv1.weight"].shape[0],
        "patch_size": None,
        "image_size": 32 * grid,
    }


def _count(state: dict[str, Tensor], prefix: str) -> int:
    return len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})


def _from_file(name: str, path: str, arch: str) -> open_clip.CLIP:
    state = read_state_dict(path)
    if arch:
        config = read_arch(arch)
    elif name:
        config = named_config(name)
        _check_agrees(name, config, state, path)
    else:
        config = infer_config(state, path)
    with torch.device("meta"):  # no random values for weights that the file has
        model = _build(config, arch or path)
    _load(model, state, path)
    if not _fill_constants(model, config):
        model = _build(config, arch or path)
        _load(model, state, path)
    return model


def _fill_constants(model: open_clip.CLIP, config: dict[str, Any]) -> bool:
    """Give what no checkpoint need have its value, in place of a shape alone; return whether all has values then."""
    if model.logit_scale.is_meta:
        value = torch.full(
            model.logit_scale.shape, config.get("init_logit_scale", math.log(1 / 0.07))
        )
        model.logit_scale = torch.nn.Parameter(value)
    if model.attn_mask is not None and model.attn_mask.is_meta:
        model.attn_mask = torch.full(model.attn_mask.shape, -math.inf).triu_(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.num_batches_tracked.is_meta:
            module.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


def _check_agrees(name: str, config: dict[str, Any], state: dict[str, Tensor], path: str) -> None:
    held = infer_config(state, path)
    if _signature(held) != _signature(config):
        raise UserError(
            f"{Path(path).name} holds a {_describe(held)}, but MODEL.BACKBONE.NAME is {name} ({path})"
        )


def _describe(config: dict[str, Any]) -> str:
    vision = config["vision_cfg"]
    for known in (*BACKBONES, "ViT-L/14-336"):
        if _signature(named_config(known)) == _signature(config):
            return f"{known} (embed {config['embed_dim']})"
    kind = (
        "ResNet"
        if isinstance(vision["layers"], (list, tuple))
        else f"ViT with patch {vision['patch_size']},"
    )
    return f"CLIP {kind} with layers {vision['layers']}, width {vision['width']} (embed {config['embed_dim']})"


def _signature(config: dict[str, Any]) -> tuple:
    vision, text = config["vision_cfg"], config["text_cfg"]
    shape = [vision.get(key) for key in ("layers", "width", "patch_size", "image_size")]
    return (config["embed_dim"], *map(str, shape), text.get("width", 512), text.get("layers", 12))


def _load(model: open_clip.CLIP, state: dict[str, Tensor], path: str) -> None:
    wanted = model.state_dict()
    optional = {
        key for key in wanted if key.endswith("num_batches_tracked") or key == "logit_scale"
    }
    faults = {
        "missing": [key for key in wanted if key not in state and key not in optional],
        "unexpected": [key for key in state if key not in wanted],
        "wrong shape": [
            f"{key} {tuple(state[key].shape)} for {tuple(value.shape)}"
            for key, value in wanted.items()
            if key in state and state[key].shape != value.shape
        ],
    }
    said = [
        f"{len(keys)} {fault} ({', '.join(keys[:3])})" for fault, keys in faults.items() if keys
    ]
    if said:
        raise UserError(
            f"Backbone checkpoint '{path}' does not fit the architecture: {'; '.join(said)}"
        )
    model.load_state_dict(state, strict=False, assign=True)


def _build(config: dict[str, Any], source: str) -> open_clip.CLIP:
    try:
        return open_clip.CLIP(**copy.deepcopy(config))
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise UserError(f"Cannot build CLIP as '{source}' describes it: {error}") from error


def _download(name: str) -> open_clip.CLIP:
    named_config(name)  # an unknown name is told before anything is fetched
    key = _config_name(name)
    if "openai" not in open_clip.list_pretrained_tags_by_model(key):
        raise UserError(
            f"OpenAI published no weights for MODEL.BACKBONE.NAME '{name}'; give MODEL.BACKBONE.PATH"
        )
    try:
        return open_clip.create_model(
            key, pretrained="openai", precision="fp32", force_quick_gelu=True
        )
    except Exception as error:  # whatever the network or the cache makes the download raise
        raise UserError(
            f"The weights of MODEL.BACKBONE.NAME '{name}' could not be downloaded ({type(error).__name__}); fetch the "
            f"file elsewhere and give MODEL.BACKBONE.PATH, {FORMATS}"
        ) from error


def _config_name(name: str) -> str:
    return name.replace("/", "-").replace("@336px", "-336")


def _read_json(path: str) -> dict[str, Any]:
    try:
        content = json.loads(find_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read architecture file '{path}': {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"Architecture file '{path}' holds no JSON object")
    return content


@contextlib.contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
