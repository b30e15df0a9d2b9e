"""Read CLIP weights from a file into a plain state dict, whatever of the three formats the file is in."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.errors import UserError
from core.files import find_file
from models.clip.tokens import expand_tokens

FORMATS = (
    "a TorchScript archive (as OpenAI publishes), a state dict saved by torch.save, or safetensors"
)
_NOT_WEIGHTS = (
    "input_resolution",
    "context_length",
    "vocab_size",
    "attn_mask",
)  # constants in OpenAI's archives
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


def read_state_dict(path: str) -> dict[str, Tensor]:
    """Return the fp32 weights in ``path`` under CLIP's own names.

    The format is told by content, not by suffix. A wrapping ``state_dict`` entry and ``module.`` prefixes are removed.
    A shipped file is also found by its path in the project (``core.files.find_file``).
    """
    file = find_file(path)
    if not file.is_file():
        raise UserError(f"Backbone checkpoint '{path}' is not a file; accepted: {FORMATS}")
    try:
        content = _read(file)
    except Exception as error:  # whatever a broken file makes a parser raise
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise UserError(
            f"Cannot read backbone checkpoint '{path}' ({reason[0][:160]}); accepted: {FORMATS}"
        ) from error
    return _clean(content, path)


def _read(file: Path) -> Any:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            scripted = any(name.endswith("/constants.pkl") for name in archive.namelist())
        return (
            read_torchscript(file)
            if scripted
            else torch.load(file, map_location="cpu", weights_only=True)
        )
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


def _clean(content: Any, path: str) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    state = dict(content) if isinstance(content, Mapping) else {}
    if state and all(str(key).startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {key: value for key, value in state.items() if key not in _NOT_WEIGHTS}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(
            f"Backbone checkpoint '{path}' holds no state dict of tensors; accepted: {FORMATS}"
        )
    state = {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()
    }
    return expand_tokens(state)


def read_torchscript(file: Path) -> dict[str, Tensor]:
    """Return a TorchScript archive's weights, by ``torch.jit`` where it still exists and reads it, else by hand."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # deprecated, and there is no other published form of these weights
            return dict(torch.jit.load(str(file), map_location="cpu").state_dict())
    except (AttributeError, RuntimeError):
        return read_torchscript_archive(file)


def read_torchscript_archive(file: Path) -> dict[str, Tensor]:
    """Return all tensors of a TorchScript archive from its ``data.pkl`` and storages, without running its code."""
    with zipfile.ZipFile(file) as archive:
        entry = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(entry) as stream:
            root = _ArchiveUnpickler(stream, archive, entry.removesuffix("data.pkl")).load()
    tensors: dict[str, Tensor] = {}
    _collect(root, "", tensors)
    return tensors


class _ScriptObject:
    """Stand-in for any scripted module: its attributes are whatever the pickle sets."""


def _collect(node: _ScriptObject, prefix: str, found: dict[str, Tensor]) -> None:
    for name, value in vars(node).items():
        if isinstance(value, Tensor):
            found[prefix + name] = value
        elif isinstance(value, _ScriptObject):
            _collect(value, f"{prefix}{name}.", found)


class _ArchiveUnpickler(pickle.Unpickler):
    """Unpickler that knows tensors, stands in for scripted classes and refuses everything else."""

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
        return (
            torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
        )


def _rebuild(storage: Tensor, offset: int, size: tuple, stride: tuple, *_: Any) -> Tensor:
    return storage.as_strided(tuple(size), tuple(stride), offset).clone()
