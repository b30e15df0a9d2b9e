"""The photograph of a drawn scene: lens, colours, tones and film.

A scene whose photographic properties are neutral passes unchanged but for contrast and brightness.
"""

import numpy as np
from PIL import Image, ImageFilter

from tools.scenes.scene import Scene

WARMTH = (0.2, 0.02, -0.26)  # change of red, green and blue at a tint of 1
GREY = (0.299, 0.587, 0.114)  # share of each channel in the luminance (ITU-R BT.601)
GRAIN_STREAM = 7  # keeps the noise apart from the random numbers of the drawing


def develop(image: Image.Image, scene: Scene) -> np.ndarray:
    """Return the photograph of an RGB image with equal sides, uint8 ``(size, size, 3)``."""
    if scene.blur > 0:
        image = image.filter(ImageFilter.GaussianBlur(scene.blur * image.width / 1000))
    if scene.tint != 0 or scene.saturation != 1:
        image = _colour(image, scene)
    image = image.point(tone_curve(scene.contrast, scene.brightness) * 3)
    if scene.vignette == 0 and scene.grain == 0:
        return np.asarray(image)
    pixels = np.asarray(image) / 255 * _light(image.width, scene.vignette)
    if scene.grain > 0:
        rng = np.random.default_rng((scene.seed, GRAIN_STREAM))
        pixels = pixels + scene.grain * rng.standard_normal((*pixels.shape[:2], 1))
    return _to_bytes(pixels)


def tone_curve(contrast: float, brightness: float) -> list[int]:
    """Return 256 output values: a gamma of 2 ** -brightness, then the contrast around mid grey.

    A contrast below 1 scales linearly. Above 1 the curve saturates softly, so that pale objects
    keep an outline.
    """
    z = 2 * (np.arange(256) / 255) ** (2.0**-brightness) - 1  # (256,) from -1 to 1
    slope = 3.0 * (contrast - 1.0)
    if slope > 1e-3:
        z = np.tanh(slope * z) / np.tanh(slope)
    else:
        z = contrast * z
    return (127.5 + 127.5 * z).round().astype(np.uint8).tolist()


def _colour(image: Image.Image, scene: Scene) -> Image.Image:
    """Return the image with the scene's saturation and tint."""
    pixels = np.asarray(image) / 255  # (size, size, 3)
    grey = (pixels @ np.array(GREY))[..., None]
    pixels = grey + scene.saturation * (pixels - grey)
    pixels = pixels * (1 + scene.tint * np.array(WARMTH))
    return Image.fromarray(_to_bytes(pixels))


def _light(side: int, vignette: float) -> np.ndarray:
    """Return the share of the light that reaches each pixel, ``(side, side, 1)``."""
    axis = np.linspace(-1, 1, side)
    squared = (axis[:, None] ** 2 + axis**2) / 2  # distance from the centre; 1 in the corners
    return (1 - vignette * squared)[..., None]


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    return (pixels.clip(0, 1) * 255).round().astype(np.uint8)
