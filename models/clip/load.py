"""Load CLIP by name, by checkpoint file or by architecture file.

The result is always in float32, on the CPU, in eval mode and frozen.
"""

import contextlib
import copy
import math
from collections.abc import Iterator
from typing import Any

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torch import Tensor

from core.errors import UserError, not_accepted
from core.logging import get_logger
from models.clip.configs import (
    check_agrees,
    check_text,
    config_name,
    infer_config,
    is_openai_name,
    named_config,
    published_name,
    read_arch,
    read_arch_file,
)
from models.clip.download import download_openai
from models.clip.weights import Weights, read_weights

log = get_logger()

CLIP_MEAN: tuple[float, float, float] = tuple(OPENAI_DATASET_MEAN)
CLIP_STD: tuple[float, float, float] = tuple(OPENAI_DATASET_STD)
QUICK_GELU = ("auto", "True", "False")


def load_clip(
    name: str,
    *,
    path: str = "",
    arch: str = "",
    pretrained: bool = True,
    quick_gelu: str | bool = "auto",
    generator_seed: int | None = None,
) -> open_clip.CLIP:
    """Return CLIP in float32 on the CPU, in eval mode, with every parameter frozen.

    With ``path`` the weights are those of that file. Its architecture is that of the ``arch`` file,
    else of ``name`` (the file must agree), else (empty name) inferred from the shapes. Without
    ``path`` the weights are OpenAI's for ``name``. ``arch`` alone, or ``pretrained=False``, gives
    random weights.

    Args:
        name: backbone such as ``RN101`` or ``ViT-B/16``, or any of open_clip's CLIPs.
        path: checkpoint file, relative to the working folder or to the project's folder.
        arch: architecture file in open_clip's JSON format, found in the same way.
        pretrained: False for random weights.
        quick_gelu: ``True`` or ``False``: the activation that the weights were trained with is
            QuickGELU or GELU. ``auto``: OpenAI's own files and files in this project's compact
            form have QuickGELU; otherwise the architecture file or open_clip's configuration
            decides. The log says which and why.
        generator_seed: seed of random weights; None: the global generator.

    Raises:
        UserError: a file cannot be read or does not fit, a name is unknown, or ``quick_gelu`` is
            ``auto`` and the activation cannot be known.
    """
    if str(quick_gelu) not in QUICK_GELU:
        raise UserError(not_accepted("MODEL.BACKBONE.QUICK_GELU", quick_gelu, QUICK_GELU))
    if path:
        model = _from_file(name, path, arch, str(quick_gelu))
    elif arch or not pretrained:
        model = _random(name, arch, str(quick_gelu), generator_seed)
    else:
        model = _download(name, str(quick_gelu))
    return model.float().eval().requires_grad_(False)


def image_statistics(arch: str = "") -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std of image normalisation, three numbers each.

    They are OpenAI CLIP's unless the file ``arch`` has its own in ``preprocess_cfg``.
    """
    preprocess = read_arch_file(arch).get("preprocess_cfg", {}) if arch else {}
    return tuple(preprocess.get("mean", CLIP_MEAN)), tuple(preprocess.get("std", CLIP_STD))


def _from_file(name: str, path: str, arch: str, quick_gelu: str) -> open_clip.CLIP:
    weights = read_weights(path)
    if arch:
        config = read_arch(arch)
    elif name:
        config = named_config(name)
        check_agrees(name, config, infer_config(weights.state, path), path)
    else:
        config = infer_config(weights.state, path)
        check_text(config, f"Backbone checkpoint '{path}'")
        _check_heads(config, weights, path)
    config["quick_gelu"] = _activation(config, weights, name, path, arch, quick_gelu)
    with torch.device("meta"):  # no random values for weights that the file has
        model = _build(config, arch or path)
    _load(model, weights.state, path)
    if not _fill_constants(model, config):
        model = _build(config, arch or path)
        _load(model, weights.state, path)
    return model


def _check_heads(config: dict[str, Any], weights: Weights, path: str) -> None:
    """Raise :class:`UserError` where heads need not be 64 channels wide: shapes do not tell."""
    if weights.origin or published_name(config):
        return
    width = config["vision_cfg"]["width"]
    raise UserError(
        f"Backbone checkpoint '{path}' (image encoder of width {width}) has the shapes of none of "
        "OpenAI's models, and shapes do not tell the width of the attention heads; set "
        "MODEL.BACKBONE.NAME to its open_clip architecture, or MODEL.BACKBONE.ARCH to a file that "
        "describes it"
    )


def _activation(
    config: dict[str, Any], weights: Weights, name: str, path: str, arch: str, quick_gelu: str
) -> bool:
    """Return whether the weights were trained with QuickGELU, and log why."""
    if quick_gelu != "auto":
        return quick_gelu == "True"
    if weights.origin:
        taken, reason = True, weights.origin
    elif arch:
        taken, reason = bool(config.get("quick_gelu", False)), f"the architecture file {arch}"
    elif name and not is_openai_name(name):
        taken, reason = bool(config.get("quick_gelu", False)), f"open_clip's configuration {name}"
    else:
        raise UserError(
            f"MODEL.BACKBONE.QUICK_GELU is 'auto', but '{path}' is not known as OpenAI's own file, "
            "so its activation is unknown; accepted: True (QuickGELU, as in OpenAI's weights), "
            "False (GELU, as in most of LAION's and DataComp's)"
        )
    log.info("Activation of CLIP: %s, by %s", "QuickGELU" if taken else "GELU", reason)
    return taken


def _random(name: str, arch: str, quick_gelu: str, seed: int | None) -> open_clip.CLIP:
    config = read_arch(arch) if arch else named_config(name)
    if quick_gelu != "auto":
        config["quick_gelu"] = quick_gelu == "True"
    log.warning(
        "RANDOM WEIGHTS: the CLIP backbone (%s) is not pre-trained; use this for tests and "
        "demonstrations only, or set MODEL.BACKBONE.PATH",
        arch or name,
    )
    with _seeded(seed):
        return _build(config, arch or name)


def _download(name: str, quick_gelu: str) -> open_clip.CLIP:
    named_config(name)  # an unknown name ends here, before a download
    key = config_name(name)
    if "openai" not in open_clip.list_pretrained_tags_by_model(key):
        raise UserError(
            f"OpenAI published no weights for MODEL.BACKBONE.NAME '{name}'; "
            "give MODEL.BACKBONE.PATH"
        )
    if quick_gelu == "False":
        raise UserError(
            "MODEL.BACKBONE.QUICK_GELU is 'False', but OpenAI's weights were trained with "
            "QuickGELU; accepted without MODEL.BACKBONE.PATH: auto, True"
        )
    return download_openai(name, key)


def _build(config: dict[str, Any], source: str) -> open_clip.CLIP:
    try:
        return open_clip.CLIP(**copy.deepcopy(config))
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise UserError(f"Cannot build CLIP as '{source}' describes it: {error}") from error


def _load(model: open_clip.CLIP, state: dict[str, Tensor], path: str) -> None:
    """Load ``state``; names of tensors that do not fit end in one line."""
    wanted = model.state_dict()
    faults: dict[str, list[str]] = {"missing": [], "unexpected": [], "wrong shape": []}
    for key, value in wanted.items():
        if key not in state:
            if key != "logit_scale" and not key.endswith("num_batches_tracked"):
                faults["missing"].append(key)
        elif state[key].shape != value.shape:
            shapes = f"{tuple(state[key].shape)} for {tuple(value.shape)}"
            faults["wrong shape"].append(f"{key} {shapes}")
    faults["unexpected"] = [key for key in state if key not in wanted]
    said = []
    for fault, keys in faults.items():
        if keys:
            said.append(f"{len(keys)} {fault} ({', '.join(keys[:3])})")
    if said:
        raise UserError(
            f"Backbone checkpoint '{path}' does not fit the architecture: {'; '.join(said)}"
        )
    model.load_state_dict(state, strict=False, assign=True)


def _fill_constants(model: open_clip.CLIP, config: dict[str, Any]) -> bool:
    """Give values to constants that a checkpoint may lack.

    Return whether every tensor of ``model`` has a value then.
    """
    if model.logit_scale.is_meta:
        value = config.get("init_logit_scale", math.log(1 / 0.07))
        model.logit_scale = torch.nn.Parameter(torch.full(model.logit_scale.shape, value))
    if model.attn_mask is not None and model.attn_mask.is_meta:
        model.attn_mask = torch.full(model.attn_mask.shape, -math.inf).triu_(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.num_batches_tracked.is_meta:
            module.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


@contextlib.contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
