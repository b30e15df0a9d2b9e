"""Read paths, PIL images and arrays as upright PIL images, and paths as batches."""

import io
import logging
import os
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from PIL.Image import Transpose
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.errors import UserError, printable
from datasets.images import is_reducible, load_rgb, open_image

ORIENTATION = 0x0112  # EXIF tag
TURNS = {  # value of the tag -> what makes the picture upright
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
FORMS = "a path, a PIL image, or an array (H, W, 3) or (H, W), uint8 or floats from 0 to 1"

Transform = Callable[[Image.Image], Tensor]  # PIL image to uint8 (3, H, W)


def open_upright(path: str | os.PathLike) -> Image.Image:
    """Open an image file; a rotation in its EXIF data is applied.

    A JPEG without rotation is not decoded yet, so that it can be read at a smaller size.

    Raises:
        UserError: the file is missing, is no regular file or no image; the message names it.
    """
    path = os.fspath(path)
    _check_regular(path)
    return upright(open_image(path))


def upright(image: Image.Image) -> Image.Image:
    """Return an image as it is meant to be seen, by the orientation in its EXIF data.

    Raises:
        UserError: the image does not decode.
    """
    # Pillow reads the EXIF data of a PNG while it decodes, and turns a TIFF by itself.
    decoded = image if is_reducible(image) else load_rgb(image)
    turn = _turn(image)
    return decoded if turn is None else load_rgb(decoded).transpose(turn)


def _turn(image: Image.Image) -> Transpose | None:
    try:
        return TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # EXIF data of any kind of damage; the picture itself is fine
        return None


def to_image(given: Any) -> Image.Image:
    """Return an upright PIL image of a path, a PIL image or an array.

    Raises:
        UserError: the file cannot be read, or the value has another form.
    """
    if isinstance(given, str | os.PathLike):
        return open_upright(given)
    if isinstance(given, Image.Image):
        # the caller's picture keeps its size, whatever scale it is decoded at
        return upright(_reopened(given) if is_reducible(given) else given)
    return Image.fromarray(_pixels(given)).convert("RGB")


def decoded(image: Image.Image) -> Image.Image:
    """Return the picture in RGB at its own size; an undecoded JPEG file stays undecoded.

    Raises:
        UserError: the image does not decode.
    """
    # a decode at a reduced scale, which may follow, needs the file as it is
    loaded = load_rgb(_reopened(image) if is_reducible(image) else image)
    return image.copy() if loaded is image else loaded  # the caller may change the picture


def _reopened(image: Image.Image) -> Image.Image:
    """Return an undecoded JPEG file opened once more, from its bytes."""
    image.fp.seek(0)
    copy = Image.open(io.BytesIO(image.fp.read()))
    copy.filename = getattr(image, "filename", "")
    return copy


def _pixels(given: Any) -> np.ndarray:
    """Return uint8 pixels ``(H, W, 3)`` or ``(H, W)`` of an array or tensor."""
    array = _array(given)
    if array.ndim == 0:
        raise UserError(f"an image is {type(given).__name__}; expected {FORMS}")
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))
    if not is_image or 0 in array.shape or array.dtype.kind not in "fu":
        raise UserError(
            f"an image is {type(given).__name__} {array.dtype} {array.shape}; expected {FORMS}"
        )
    if array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):
            raise UserError("an image of floats has values outside of 0 to 1")
        array = (array * 255).round()
    elif array.dtype != np.uint8:
        raise UserError(f"an image is an array of {array.dtype}; expected {FORMS}")
    array = array.astype(np.uint8)
    return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array


def _array(given: Any) -> np.ndarray:
    if isinstance(given, Tensor):
        given = given.detach().cpu()
        return (given.float() if given.is_floating_point() else given).numpy()
    try:
        return np.asarray(given)
    except (ValueError, TypeError):  # rows of different lengths, an object that refuses
        raise UserError(f"an image is {type(given).__name__}; expected {FORMS}") from None


def _check_regular(path: str) -> None:
    """Raise for a missing file, and for a pipe or a device, whose reading may never end."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # such as a name with a zero: open_image names it
        is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        if is_missing and not os.path.islink(path):
            raise UserError(printable(f"cannot read image {path}: there is no such file")) from None
        return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        if stat.S_ISDIR(mode) and not os.access(path, os.R_OK | os.X_OK):
            kind = "a folder that cannot be listed: Permission denied"
        raise UserError(printable(f"cannot read image {path}: it is {kind}"))


def silence_pillow(_worker: int = 0) -> None:
    """Show no warning of Pillow in this process: a file that cannot be read is named anyway."""
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


# Batches of files ---------------------------------------------------------------------------------


class FileBatch(NamedTuple):
    """Some files in order; B of them are readable.

    Attributes:
        paths: all of them.
        pixels: uint8 ``(B, 3, H, W)``, None where B is 0.
        reasons: path -> one line, for those that cannot be read, by place in ``paths``.
    """

    paths: list[str]
    pixels: Tensor | None
    reasons: dict[int, str]


def read_batches(
    batches: Iterable[Sequence[str]], transform: Transform, *, num_workers: int = 0
) -> Iterator[FileBatch]:
    """Read files batch by batch, in order; at most a few batches are in memory.

    Args:
        batches: paths of each batch.
        transform: of :func:`datasets.transforms.build_test_transform`.
        num_workers: processes that read ahead; 0: read in this one.
    """
    return iter(
        DataLoader(
            _Files(transform),
            batch_sampler=batches,  # the keys of the data set are paths
            num_workers=num_workers,
            collate_fn=_stack,
            worker_init_fn=silence_pillow,
            generator=torch.Generator(),  # else the loader draws from the global one
        )
    )


class _Files(Dataset):
    """Pixels by path, or the reason why there are none."""

    def __init__(self, transform: Transform) -> None:
        self.transform = transform

    def __getitem__(self, path: str) -> tuple[str, Tensor | str]:
        try:
            return path, self.transform(open_upright(path))
        except UserError as error:
            return path, str(error)
        except (MemoryError, RuntimeError) as error:  # torch reports too little memory so
            reason = (str(error).splitlines() or ["too little memory"])[0]
            return path, printable(f"cannot read image {path}: {reason}")


def _stack(items: list[tuple[str, Tensor | str]]) -> FileBatch:
    pixels = [value for _, value in items if isinstance(value, Tensor)]
    reasons = {}
    for place, (_, value) in enumerate(items):
        if isinstance(value, str):
            reasons[place] = value
    stacked = torch.stack(pixels) if pixels else None  # (B, 3, H, W)
    return FileBatch([path for path, _ in items], stacked, reasons)
