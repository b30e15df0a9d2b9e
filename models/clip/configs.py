"""Architectures of CLIP: by name, by an open_clip JSON file, or inferred from shapes.

An architecture is a dictionary of open_clip's form: ``embed_dim``, ``vision_cfg``, ``text_cfg`` and
``quick_gelu`` (False where it is not given).
"""

from pathlib import Path
from typing import Any

import open_clip
from torch import Tensor

from core.errors import UserError, did_you_mean, not_accepted
from core.files import find_file, read_json
from models.clip.tokens import VOCAB_SIZE
from models.clip.weights import FORMATS

BACKBONES = ("RN50", "RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-B/32", "ViT-B/16", "ViT-L/14")
PUBLISHED = (*BACKBONES, "ViT-L/14-336")  # by OpenAI
_NEEDED = ("embed_dim", "vision_cfg", "text_cfg")
_MODEL_KEYS = (*_NEEDED, "quick_gelu", "init_logit_scale", "init_logit_bias")


def config_name(name: str) -> str:
    """Return open_clip's name of backbone ``name``: ``ViT-B-32`` for ``ViT-B/32``."""
    return name.replace("/", "-").replace("@336px", "-336")


def is_openai_name(name: str) -> bool:
    """Return whether ``name`` is a backbone that OpenAI published."""
    return config_name(name) in {config_name(known) for known in PUBLISHED}


def named_config(name: str) -> dict[str, Any]:
    """Return the architecture of backbone ``name``, given as ``ViT-B/32`` or ``ViT-B-32``.

    Raises:
        UserError: the name is unknown, or its text encoder is not CLIP's or does not read CLIP's
            tokens.
    """
    config = open_clip.get_model_config(config_name(name))
    if config is None:
        raise UserError(
            f"MODEL.BACKBONE.NAME is '{name}'; accepted: {', '.join(BACKBONES)}, and any model of "
            "open_clip with CLIP's own text encoder (python train.py --list backbones)."
            f"{did_you_mean(name, _accepted_names())}"
        )
    check_text(config, f"MODEL.BACKBONE.NAME '{name}'")
    if is_openai_name(name):
        config["quick_gelu"] = True
    for key in set(config) - set(_MODEL_KEYS):
        del config[key]
    return config


def _accepted_names() -> list[str]:
    """Return the names of all backbones with CLIP's own text encoder, OpenAI's as they wrote them.

    ``ViT-L-14`` is left out, because it is ``ViT-L/14``.
    """
    names = list(PUBLISHED)
    for name in open_clip.list_models():
        if not is_openai_name(name) and not _text_fault(open_clip.get_model_config(name)):
            names.append(name)
    return names


def check_text(config: dict[str, Any], source: str) -> None:
    """Raise :class:`UserError` unless the text encoder is CLIP's own and reads CLIP's tokens.

    Args:
        config: architecture.
        source: its name in the error.
    """
    fault = _text_fault(config)
    if fault:
        raise UserError(f"{source} has {fault}")


def _text_fault(config: dict[str, Any]) -> str:
    """Return what is wrong with the text encoder of an architecture, empty if nothing is."""
    text = config["text_cfg"]
    if config.get("custom_text") or "hf_model_name" in text:
        return (
            "another text encoder than CLIP's, as SigLIP, EVA, CoCa and multilingual models have; "
            "accepted: CLIP's own, whose tokens are the only ones that are fed here"
        )
    tokenizer = text.get("hf_tokenizer_name", "")
    size = text.get("vocab_size", VOCAB_SIZE)
    if tokenizer or size != VOCAB_SIZE:
        named = f" (tokenizer {tokenizer})" if tokenizer else ""
        return (
            f"a vocabulary of {size} tokens{named}; accepted: CLIP's own {VOCAB_SIZE} tokens, the "
            "only ones that are fed here"
        )
    return ""


def read_arch(arch: str) -> dict[str, Any]:
    """Return the architecture in file ``arch``: a model config, or its ``model_cfg`` entry.

    Raises:
        UserError: the file cannot be read, a key is missing or unknown, or the text encoder is not
            CLIP's or does not read CLIP's tokens.
    """
    content = read_arch_file(arch)
    config = dict(content.get("model_cfg", content))
    config.pop("preprocess_cfg", None)
    source = f"architecture file '{arch}'"
    for key in _NEEDED:
        if key not in config:
            raise UserError(f"{source} lacks the key {key}; needed: {', '.join(_NEEDED)}")
    for key in ("vision_cfg", "text_cfg"):
        if not isinstance(config[key], dict):
            raise UserError(f"{source}: {key} is {config[key]!r}; expected a JSON object")
    check_text(config, source)
    for key in config:
        if key not in _MODEL_KEYS:
            raise UserError(not_accepted(f"a key of {source}", key, _MODEL_KEYS))
    return config


def read_arch_file(arch: str) -> dict[str, Any]:
    """Return the JSON object in file ``arch``, which may be relative to the project's folder."""
    try:
        return read_json(find_file(arch))
    except UserError as error:
        raise UserError(f"architecture file '{arch}' (MODEL.BACKBONE.ARCH): {error}") from error


def infer_config(state: dict[str, Tensor], path: str) -> dict[str, Any]:
    """Return the architecture that ``state`` has the shapes of, with heads of 64 channels.

    Shapes do not tell the activation; ``quick_gelu`` is left out. The inference is that of
    ``clip.model.build_model`` in OpenAI's published code.

    Raises:
        UserError: ``state`` is not that of a CLIP.
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
    return {"embed_dim": embed_dim, "vision_cfg": vision, "text_cfg": text}


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


def check_agrees(name: str, config: dict[str, Any], held: dict[str, Any], path: str) -> None:
    """Raise :class:`UserError` if the checkpoint ``path`` does not have the shapes of ``name``.

    Args:
        name: backbone name.
        config: its architecture.
        held: architecture inferred from the checkpoint.
        path: the checkpoint.
    """
    if signature(held) != signature(config):
        raise UserError(
            f"{Path(path).name} holds a {_describe(held)}, but MODEL.BACKBONE.NAME is {name} "
            f"({path}); the empty name '' takes the architecture of the file"
        )


def published_name(config: dict[str, Any]) -> str:
    """Return the name of OpenAI's backbone with the shapes of ``config``, or an empty string."""
    for known in PUBLISHED:
        if signature(named_config(known)) == signature(config):
            return known
    return ""


def signature(config: dict[str, Any]) -> tuple:
    """Return what shapes tell of an architecture, comparable with ``==``."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    shape = [vision.get(key) for key in ("layers", "width", "patch_size", "image_size")]
    return (config["embed_dim"], *map(str, shape), text.get("width", 512), text.get("layers", 12))


def _describe(config: dict[str, Any]) -> str:
    known, embed = published_name(config), f"(embed {config['embed_dim']})"
    if known:
        return f"{known} {embed}"
    vision = config["vision_cfg"]
    kind = "ResNet"
    if not isinstance(vision["layers"], (list, tuple)):
        kind = f"ViT with patch {vision['patch_size']},"
    return f"CLIP {kind} with layers {vision['layers']}, width {vision['width']} {embed}"
