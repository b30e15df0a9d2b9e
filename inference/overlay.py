"""Put a grid of values back on the picture that it was computed from: geometry and colours.

Letters: h x w locations, H x W pixels of the picture.
"""

from collections.abc import Callable

import numpy as np

from datasets.images import Part

GREY = (0.299, 0.587, 0.114)  # share of each channel in the luminance (ITU-R BT.601)
OPACITY = 0.65  # of the colours over the grey picture
CONTRAST = 0.7  # of that picture, so that its light changes the colours less
OUTSIDE = 0.5  # how much lighter the picture is where there is no location


def grid_part(
    seen: Part, grid: tuple[int, int], cell: tuple[float, float], image_size: tuple[int, int]
) -> Part:
    """Return the part of the picture that all locations together stand for.

    Args:
        seen: part of the picture that the network sees.
        grid: number of locations, (h, w).
        cell: height and width of a location in pixels of the network's input.
        image_size: height and width of that input.
    """
    height = seen.height * grid[0] * cell[0] / image_size[0]
    width = seen.width * grid[1] * cell[1] / image_size[1]
    return Part(seen.top, seen.left, height, width)


def scaled(part: Part, factor_y: float, factor_x: float) -> Part:
    """Return a part in the pixels of a resized picture."""
    return Part(
        part.top * factor_y, part.left * factor_x, part.height * factor_y, part.width * factor_x
    )


def location_box(part: Part, grid: tuple[int, int], row: int, column: int) -> Part:
    """Return the part of the picture that one location stands for."""
    height, width = part.height / grid[0], part.width / grid[1]
    return Part(part.top + row * height, part.left + column * width, height, width)


def place(values: np.ndarray, part: Part, size: tuple[int, int]) -> np.ndarray:
    """Return the value of the location of every pixel, ``(H, W)``; NaN where there is none.

    Nothing is interpolated: the network has one value per location.

    Args:
        values: ``(h, w)``.
        part: see :func:`grid_part`, in pixels of the result.
        size: (H, W).
    """
    rows = _index(part.top, part.height, values.shape[0], size[0])  # (H,)
    columns = _index(part.left, part.width, values.shape[1], size[1])  # (W,)
    placed = np.full(size, np.nan, dtype=np.result_type(values, np.float32))
    inside = np.ix_(rows >= 0, columns >= 0)
    placed[inside] = values[np.ix_(rows[rows >= 0], columns[columns >= 0])]
    return placed


def _index(start: float, length: float, num: int, size: int) -> np.ndarray:
    """Return the number of the location at the centre of each pixel, ``(size,)``; -1: none."""
    index = np.floor((np.arange(size) + 0.5 - start) * num / length).astype(int)
    index[(index < 0) | (index >= num)] = -1
    return index


def peak(values: np.ndarray) -> tuple[int, int]:
    """Return row and column of the largest value; of equals the first."""
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    return int(row), int(column)


def tinted(colours: np.ndarray, grey: np.ndarray | float) -> np.ndarray:
    """Return colours ``(..., 3)`` from 0 to 1 as they look over grey pixels."""
    flat = 0.5 + CONTRAST * (grey - 0.5)
    return OPACITY * colours + (1 - OPACITY) * flat


def blend(
    picture: np.ndarray, placed: np.ndarray, colour: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return the grey picture under colours, uint8 ``(H, W, 3)``; outside it is lighter and bare.

    Args:
        picture: uint8 ``(H, W, 3)``.
        placed: values ``(H, W)`` by :func:`place`.
        colour: function from values ``(K,)`` to colours ``(K, 3)`` or ``(K, 4)`` from 0 to 1.
    """
    grey = (picture / 255.0) @ np.array(GREY)  # (H, W)
    mixed = np.repeat(grey[..., None], 3, axis=2)  # (H, W, 3)
    inside = ~np.isnan(placed)
    colours = colour(placed[inside])[:, :3]  # (K, 3)
    mixed[inside] = tinted(colours, mixed[inside])
    mixed[~inside] = OUTSIDE + (1 - OUTSIDE) * mixed[~inside]
    return (mixed.clip(0, 1) * 255).round().astype(np.uint8)
