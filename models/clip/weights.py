"""Read CLIP weights in any of three file formats into a plain state dict."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.errors import UserError
from core.files import find_file
from models.clip.tokens import expand_tokens, is_compact

FORMATS = (
    "a TorchScript archive (as OpenAI publishes), a state dict saved by torch.save, or safetensors"
)
_MARKS = ("input_resolution", "context_length", "vocab_size")  # constants in OpenAI's archives
_STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Weights(NamedTuple):
    """Weights of a file, and the fact that tells how they were trained.

    Attributes:
        state: float32 weights under CLIP's own names.
        origin: why the weights are known to have QuickGELU and heads of 64 channels; else empty.
    """

    state: dict[str, Tensor]
    origin: str = ""


def read_weights(path: str) -> Weights:
    """Return the weights in the file ``path``, relative to the working or the project's folder.

    The format is told by content, not by suffix. A wrapping ``state_dict`` entry and ``module.``
    prefixes are removed.

    Raises:
        UserError: there is no such file, or it holds no state dict of tensors.
    """
    file = find_file(path)
    if not file.is_file():
        raise UserError(f"Backbone checkpoint '{path}' is not a file; accepted: {FORMATS}")
    try:
        content = _read(file)
    except Exception as error:  # a broken file makes the parsers raise errors of any kind
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise UserError(
            f"Cannot read backbone checkpoint '{path}' ({reason[0][:160]}); accepted: {FORMATS}"
        ) from error
    return _clean(content, path)


def _read(file: Path) -> Any:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            scripted = any(name.endswith("/constants.pkl") for name in archive.namelist())
        if scripted:
            return read_torchscript(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    if _is_safetensors(file):
        return load_file(str(file))
    return torch.load(file, map_location="cpu", weights_only=True)  # the format of before torch 1.6


def _is_safetensors(file: Path) -> bool:
    """Return whether ``file`` starts with a little-endian header length and a JSON object."""
    with file.open("rb") as stream:
        start = stream.read(9)
    return (
        len(start) == 9
        and start[8:] == b"{"
        and int.from_bytes(start[:8], "little") < file.stat().st_size
    )


def _clean(content: Any, path: str) -> Weights:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    state = dict(content) if isinstance(content, Mapping) else {}
    if state and all(str(key).startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    origin = _origin(state)
    for key in (*_MARKS, "attn_mask"):
        state.pop(key, None)
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(
            f"Backbone checkpoint '{path}' holds no state dict of tensors; accepted: {FORMATS}"
        )
    for key, value in state.items():
        if value.is_floating_point():
            state[key] = value.float()
    return Weights(expand_tokens(state), origin)


def _origin(state: Mapping[str, Any]) -> str:
    """Return how a file is known as one with QuickGELU and heads of 64 channels; else empty.

    OpenAI's archives have three constants beside the weights, and weights in half precision.
    """
    if is_compact(state):
        return "the compact form of this project's own checkpoints"
    weight = state.get("text_projection")
    half = isinstance(weight, Tensor) and weight.dtype == torch.float16
    if half and all(mark in state for mark in _MARKS):
        return "the marks of OpenAI's own files"
    return ""


def read_torchscript(file: Path) -> dict[str, Tensor]:
    """Return the weights of a TorchScript archive, by ``torch.jit`` where that works."""
    try:
        with warnings.catch_warnings():
            # torch.jit is deprecated, but OpenAI published the weights in no other form.
            warnings.simplefilter("ignore")
            return dict(torch.jit.load(str(file), map_location="cpu").state_dict())
    except (AttributeError, RuntimeError):
        return read_torchscript_archive(file)


def read_torchscript_archive(file: Path) -> dict[str, Tensor]:
    """Return all tensors of a TorchScript archive without running its code.

    They are read from its ``data.pkl`` and storages.
    """
    with zipfile.ZipFile(file) as archive:
        entry = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(entry) as stream:
            root = _ArchiveUnpickler(stream, archive, entry.removesuffix("data.pkl")).load()
    tensors: dict[str, Tensor] = {}
    _collect(root, "", tensors)
    return tensors


class _ScriptObject:
    """Stand-in for any scripted module: the pickle sets its attributes."""


def _collect(node: _ScriptObject, prefix: str, found: dict[str, Tensor]) -> None:
    for name, value in vars(node).items():
        if isinstance(value, Tensor):
            found[prefix + name] = value
        elif isinstance(value, _ScriptObject):
            _collect(value, f"{prefix}{name}.", found)


class _ArchiveUnpickler(pickle.Unpickler):
    """Unpickler for tensors and scripted classes; it refuses everything else."""

    def __init__(self, stream: Any, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(stream)
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _ScriptObject
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch.jit._pickle":
            return lambda data, *_: data
        raise pickle.UnpicklingError(f"unexpected {module}.{name}")

    def persistent_load(self, pid: tuple) -> Tensor:
        _, dtype, key, *_ = pid
        data = self._archive.read(f"{self._root}data/{key}")
        if not data:
            return torch.empty(0, dtype=dtype)
        return torch.frombuffer(bytearray(data), dtype=dtype)


def _rebuild(storage: Tensor, offset: int, size: tuple, stride: tuple, *_: Any) -> Tensor:
    return storage.as_strided(tuple(size), tuple(stride), offset).clone()
