"""Draw scenes; the same scene always gives the same pixels."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from tools.scenes.arrange import Placed, arrange
from tools.scenes.photo import develop
from tools.scenes.scene import Scene
from tools.scenes.shapes import ROLE_COLORS, SHAPES

SUPERSAMPLING = 2
TILT_STEP = 3.0  # degrees; backgrounds are cached at multiples of this angle

Rgb = tuple[int, int, int]
# Colours of the background at heights from 0 (top) to 1 (bottom) of the untilted picture.
STOPS: dict[str, tuple[tuple[float, Rgb], ...]] = {
    "sky": ((0.0, (120, 182, 236)), (1.0, (222, 238, 250))),
    "meadow": (
        (0.0, (168, 212, 244)), (0.40, (224, 240, 250)), (0.41, (150, 202, 108)),
        (1.0, (112, 172, 78)),
    ),
    "beach": (
        (0.0, (150, 208, 244)), (0.30, (216, 238, 250)), (0.31, (70, 160, 204)),
        (0.44, (118, 202, 218)), (0.455, (250, 240, 214)), (1.0, (234, 208, 150)),
    ),
    "night": (
        (0.0, (20, 24, 62)), (0.72, (66, 70, 124)), (0.73, (40, 48, 62)), (1.0, (28, 34, 46)),
    ),
    "room": (
        (0.0, (240, 222, 200)), (0.64, (226, 204, 178)), (0.65, (250, 246, 240)),
        (0.68, (176, 126, 86)), (1.0, (146, 98, 64)),
    ),
    "lake": (
        (0.0, (196, 222, 238)), (0.26, (232, 240, 240)), (0.27, (92, 136, 112)),
        (0.35, (104, 152, 122)), (0.36, (132, 196, 214)), (1.0, (58, 128, 172)),
    ),
    "snow": (
        (0.0, (178, 196, 214)), (0.38, (214, 224, 234)), (0.40, (246, 249, 252)),
        (1.0, (226, 234, 244)),
    ),
}  # fmt: skip


def draw_scene(scene: Scene, size: int = 96) -> np.ndarray:
    """Return the picture of a scene, uint8 ``(size, size, 3)``."""
    side = size * SUPERSAMPLING
    image = _backdrop(scene.background, round(scene.tilt / TILT_STEP), side).copy()
    draw = ImageDraw.Draw(image)
    for part in _decorate(draw, scene, side):
        _draw_group(draw, part, side)
    return develop(image.reduce(SUPERSAMPLING), scene)


def object_boxes(scene: Scene) -> list[np.ndarray]:
    """Return where the objects of each group are in the picture, as boxes ``(n, 4)``.

    A box has left, top, right and bottom in shares of the picture's side, and is cut at the border
    of the picture. Objects in front may hide an object in part.
    """
    scratch = ImageDraw.Draw(Image.new("RGB", (1, 1)))  # only its random numbers count
    found = []
    for part in _decorate(scratch, scene, 1):
        corners = []
        for vertices in _outlines(part, 1):
            corners.append([*vertices.min(axis=0), *vertices.max(axis=0)])
        found.append(np.clip(corners, 0.0, 1.0))
    return found


def _decorate(draw: ImageDraw.ImageDraw, scene: Scene, side: int) -> list[Placed]:
    """Draw the details of the background; return the objects, whose places are drawn after them."""
    rng = np.random.default_rng(scene.seed)
    _DECORATIONS[scene.background](draw, side, _upright(scene.tilt, side), rng)
    return arrange(scene, rng)


@lru_cache(maxsize=256)
def _backdrop(background: str, step: int, side: int) -> Image.Image:
    """Return the gradient of a background at a tilt of ``step`` steps; callers must copy it."""
    places, colors = zip(*STOPS[background], strict=True)
    axis = np.linspace(0, 1, 1024)
    channels = [np.interp(axis, places, channel) for channel in zip(*colors, strict=True)]
    ramp = np.stack(channels, axis=1)  # (1024, 3)
    angle = np.radians(step * TILT_STEP)
    y, x = np.mgrid[0:side, 0:side] / (side - 1) - 0.5
    height = y * np.cos(angle) - x * np.sin(angle) + 0.5  # (side, side), along the tilted axis
    picture = ramp[np.clip(height * 1023, 0, 1023).astype(int)]  # (side, side, 3)
    return Image.fromarray(picture.round().astype(np.uint8))


def _upright(tilt: float, side: int) -> np.ndarray:
    """Return the affine map (3, 2) from untilted unit coordinates to pixels."""
    angle = np.radians(round(tilt / TILT_STEP) * TILT_STEP)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return side * np.concatenate([turn, [0.5 - np.array([0.5, 0.5]) @ turn]])


def _polygon(draw: ImageDraw.ImageDraw, points: np.ndarray, upright: np.ndarray, fill: Rgb) -> None:
    draw.polygon((points @ upright[:2] + upright[2]).ravel().tolist(), fill=fill)


_ANGLES = np.linspace(0, 2 * np.pi, 14, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def _blob(
    draw: ImageDraw.ImageDraw,
    upright: np.ndarray,
    centre: tuple[float, float],
    radii: tuple[float, float],
    fill: Rgb,
) -> None:
    _polygon(draw, np.array(centre) + np.array(radii) * _CIRCLE, upright, fill)


def _add_clouds(
    draw: ImageDraw.ImageDraw, side: int, upright: np.ndarray, rng: np.random.Generator
) -> None:
    heights = rng.uniform((0.06, 0.1, 0.72), (0.2, 0.3, 0.92))
    for x, y in zip((0.18, 0.78, 0.4), heights, strict=True):
        x += float(rng.uniform(-0.12, 0.12))
        _blob(draw, upright, (x, y), (0.15, 0.045), (240, 247, 253))
        _blob(draw, upright, (x + 0.03, y - 0.035), (0.08, 0.055), (240, 247, 253))


def _add_sun_and_tufts(
    draw: ImageDraw.ImageDraw, side: int, upright: np.ndarray, rng: np.random.Generator
) -> None:
    _blob(draw, upright, (float(rng.uniform(0.1, 0.9)), 0.13), (0.07, 0.07), (255, 240, 170))
    _blob(draw, upright, (float(rng.uniform(0.1, 0.9)), 0.44), (0.42, 0.07), (138, 192, 98))
    for x, y in rng.uniform((0.0, 0.52), (1.0, 1.0), (6, 2)):
        tuft = np.array([(x, y), (x + 0.012, y - 0.05), (x + 0.024, y)])
        _polygon(draw, tuft, upright, (90, 150, 62))


def _add_sun_and_waves(
    draw: ImageDraw.ImageDraw, side: int, upright: np.ndarray, rng: np.random.Generator
) -> None:
    _blob(draw, upright, (float(rng.uniform(0.1, 0.9)), 0.13), (0.07, 0.07), (255, 244, 190))
    for x in rng.uniform(0.05, 0.95, 3):
        _blob(draw, upright, (float(x), 0.37), (0.09, 0.008), (214, 240, 244))
    for x, y in rng.uniform((0.0, 0.55), (1.0, 1.0), (5, 2)):
        _blob(draw, upright, (float(x), float(y)), (0.015, 0.008), (206, 176, 120))


def _add_moon(
    draw: ImageDraw.ImageDraw, side: int, upright: np.ndarray, rng: np.random.Generator
) -> None:
    x = float(rng.uniform(0.12, 0.88))
    _blob(draw, upright, (x, 0.13), (0.075, 0.075), (240, 234, 204))
    _blob(draw, upright, (x + 0.035, 0.115), (0.06, 0.06), (32, 36, 78))
    stars = rng.uniform((0.0, 0.0), (1.0, 0.62), (12, 2)) @ upright[:2] + upright[2]
    for px, py in stars.tolist():
        draw.rectangle((px, py, px + 1, py + 1), fill=(222, 222, 236))


def _add_window(
    draw: ImageDraw.ImageDraw, side: int, upright: np.ndarray, rng: np.random.Generator
) -> None:
    x = float(rng.uniform(0.05, 0.6))
    for inset, fill in ((0.0, (250, 248, 242)), (0.025, (176, 214, 238))):
        x0, x1, y0, y1 = x + inset, x + 0.34 - inset, 0.08 + inset, 0.44 - inset
        _polygon(draw, np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), upright, fill)
    for bar in (
        ((0.16, 0.08), (0.18, 0.08), (0.18, 0.44), (0.16, 0.44)),
        ((0, 0.25), (0.34, 0.25), (0.34, 0.27), (0, 0.27)),
    ):
        _polygon(draw, np.array(bar) + np.array([x, 0]), upright, (250, 248, 242))


def _add_ripples(
    draw: ImageDraw.ImageDraw, side: int, upright: np.ndarray, rng: np.random.Generator
) -> None:
    _blob(draw, upright, (float(rng.uniform(0.1, 0.9)), 0.29), (0.3, 0.07), (86, 128, 108))
    for x, y in rng.uniform((0.0, 0.42), (1.0, 1.0), (8, 2)):
        _blob(draw, upright, (float(x), float(y)), (0.08, 0.006), (172, 216, 230))


def _add_flakes(
    draw: ImageDraw.ImageDraw, side: int, upright: np.ndarray, rng: np.random.Generator
) -> None:
    _blob(draw, upright, (float(rng.uniform(0.1, 0.9)), 0.42), (0.4, 0.07), (238, 243, 249))
    flakes = rng.uniform(0.0, 1.0, (16, 2)) @ upright[:2] + upright[2]
    for px, py in flakes.tolist():
        draw.ellipse((px, py, px + 4, py + 4), fill=(255, 255, 255))


_DECORATIONS = {
    "sky": _add_clouds,
    "meadow": _add_sun_and_tufts,
    "beach": _add_sun_and_waves,
    "night": _add_moon,
    "room": _add_window,
    "lake": _add_ripples,
    "snow": _add_flakes,
}


def _draw_group(draw: ImageDraw.ImageDraw, part: Placed, side: int) -> None:
    """Draw the objects from back to front."""
    shape, colors = SHAPES[part.group.kind], ROLE_COLORS[part.group.color]
    for vertices in _outlines(part, side):
        flat = vertices.ravel().tolist()  # x, y, x, y, ...
        for start, end, role in shape.parts:
            draw.polygon(flat[2 * start : 2 * end], fill=colors[role])


def _outlines(part: Placed, side: int) -> Iterator[np.ndarray]:
    """Yield the vertices ``(V, 2)`` of each object in pixels, from back to front."""
    shape = SHAPES[part.group.kind]
    angles = np.radians(part.angles)
    cosines = (np.cos(angles) * part.sizes * side).tolist()
    sines = (np.sin(angles) * part.sizes * side).tolist()
    places = (part.places * side).tolist()
    for i in np.argsort(part.places[:, 1], kind="stable").tolist():
        c, s, d = cosines[i], sines[i], float(part.directions[i])
        yield shape.vertices @ np.array([[c * d, s * d], [-s, c]]) + places[i]
