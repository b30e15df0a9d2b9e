"""The objects of the scenes as polygons.

Objects lie in a box of side 1 around the origin, with y downwards, and look to the right. A part is
(polygon, colour role). The silhouette of the ``OUTLINED`` parts is drawn first, larger and dark.
The roles ``main``, ``light`` and ``dark`` follow the object's colour, the others are fixed.
"""

from dataclasses import dataclass

import numpy as np

PALETTE = {
    "red": (222, 44, 44),
    "orange": (247, 140, 30),
    "yellow": (250, 218, 40),
    "green": (46, 160, 67),
    "blue": (40, 98, 214),
    "purple": (128, 52, 176),
    "pink": (248, 130, 188),
    "white": (248, 248, 248),
    "black": (34, 34, 40),
}
FIXED_ROLES = {
    "skin": (240, 200, 165),
    "hair": (86, 56, 38),
    "trunk": (128, 86, 52),
    "leaf": (70, 140, 60),
    "ink": (30, 28, 34),
    "glass": (200, 228, 245),
    "paper": (250, 246, 236),
    "centre": (250, 200, 60),
}
OUTLINED = frozenset({"main", "skin", "hair", "trunk", "leaf", "paper", "outlined_dark"})
OUTLINE_WIDTH = 0.045  # in objects

Points = np.ndarray


@dataclass(frozen=True)
class Shape:
    """The polygons of one kind of object.

    Attributes:
        vertices: (V, 2), of all polygons.
        parts: (first vertex, end, colour role) of each polygon, in drawing order.
    """

    vertices: Points
    parts: tuple[tuple[int, int, str], ...]


def ellipse(x: float, y: float, rx: float, ry: float | None = None, *, num: int = 16) -> Points:
    """Return a polygon (num, 2) on an ellipse; a circle without ``ry``."""
    if ry is None:
        ry = rx
    angles = np.linspace(0, 2 * np.pi, num, endpoint=False)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Return the corners (4, 2) of a rectangle."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def polygon(*points: tuple[float, float]) -> Points:
    """Return the points as an array (V, 2)."""
    return np.array(points, dtype=float)


def _arc(x: float, y: float, r: float, start: float, end: float, num: int = 10) -> Points:
    """Return the points (num, 2) of an arc; angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, num))
    return np.stack([x + r * np.cos(angles), y + r * np.sin(angles)], axis=1)


def _star(x: float, y: float, r: float) -> Points:
    angles = np.radians(-90 + 36 * np.arange(10))
    radii = np.where(np.arange(10) % 2, 0.45 * r, r)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)


def _grown(points: Points, width: float) -> Points:
    """Move every vertex outwards from the middle of the polygon's box."""
    middle = (points.min(0) + points.max(0)) / 2
    offset = points - middle
    distance = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)  # (V, 1)
    return points + width * offset / distance * 1.15


def _petals(x: float, y: float) -> list[tuple[Points, str]]:
    petals = []
    for angle in np.radians(72 * np.arange(5) - 90):
        centre = (x + 0.17 * np.cos(angle), y + 0.17 * np.sin(angle))
        petals.append((ellipse(*centre, 0.14, num=12), "main"))
    return petals


_PARTS: dict[str, list[tuple[Points, str]]] = {
    "person": [
        (rectangle(-0.13, 0.18, -0.02, 0.5), "outlined_dark"),
        (rectangle(0.03, 0.18, 0.14, 0.5), "outlined_dark"),
        (polygon((-0.17, -0.16), (0.17, -0.16), (0.32, 0.10), (0.24, 0.14), (0.16, 0.02),
                 (0.18, 0.24), (-0.18, 0.24), (-0.16, 0.02), (-0.24, 0.14), (-0.32, 0.10)), "main"),
        (ellipse(0, -0.33, 0.17), "skin"),
        (_arc(-0.01, -0.35, 0.175, 150, 320), "hair"),
        (ellipse(0.08, -0.32, 0.025, num=6), "ink"),
    ],
    "ball": [
        (ellipse(0, 0, 0.46, num=24), "main"),
        (np.concatenate([_arc(0, 0, 0.46, -28, 20), _arc(0, 0, 0.46, 160, 208)]), "dark"),
        (ellipse(0.14, -0.26, 0.11, 0.08, num=10), "light"),
    ],
    "tree": [
        (polygon((-0.08, 0.1), (0.08, 0.1), (0.11, 0.5), (-0.11, 0.5)), "trunk"),
        (ellipse(-0.2, 0.0, 0.22), "main"),
        (ellipse(0.2, -0.02, 0.22), "main"),
        (ellipse(0.02, -0.22, 0.27), "main"),
        (ellipse(0.1, -0.28, 0.12, 0.09, num=10), "light"),
        (ellipse(-0.2, 0.02, 0.08, num=8), "dark"),
    ],
    "house": [
        (rectangle(0.18, -0.42, 0.29, -0.12), "trunk"),
        (rectangle(-0.36, -0.06, 0.36, 0.48), "main"),
        (polygon((-0.48, -0.04), (0.0, -0.48), (0.48, -0.04)), "outlined_dark"),
        (rectangle(-0.26, 0.14, -0.05, 0.48), "ink"),
        (rectangle(0.06, 0.08, 0.27, 0.28), "glass"),
    ],
    "flower": [
        (polygon((-0.035, -0.05), (0.035, -0.05), (0.035, 0.5), (-0.035, 0.5)), "leaf"),
        (polygon((0.02, 0.4), (0.14, 0.2), (0.32, 0.16), (0.22, 0.34)), "leaf"),
        *_petals(0, -0.18),
        (ellipse(0.0, -0.18, 0.1, num=10), "centre"),
    ],
    "coin": [
        (ellipse(0, 0, 0.42, 0.46, num=24), "main"),
        (ellipse(0, 0, 0.33, 0.37, num=20), "dark"),
        (ellipse(0, 0, 0.28, 0.32, num=20), "main"),
        (polygon((-0.09, -0.12), (0.06, -0.22), (0.06, 0.2), (-0.04, 0.2), (-0.04, -0.08)), "dark"),
        (polygon((0.16, -0.2), (0.22, -0.12), (0.23, 0.05), (0.19, 0.05)), "light"),
    ],
    "star": [
        (_star(0, 0.02, 0.5), "main"),
        (polygon((0.0, -0.3), (0.07, -0.08), (0.27, -0.07), (0.1, 0.03), (0.0, 0.02)), "light"),
    ],
    "box": [
        (polygon((-0.44, -0.18), (-0.2, -0.42), (0.46, -0.42), (0.46, 0.2), (0.22, 0.44),
                 (-0.44, 0.44)), "main"),
        (polygon((0.22, -0.18), (0.46, -0.42), (0.46, 0.2), (0.22, 0.44)), "dark"),
        (polygon((-0.44, -0.18), (-0.2, -0.42), (0.46, -0.42), (0.22, -0.18)), "light"),
        (rectangle(-0.18, -0.18, -0.04, 0.44), "paper_flat"),
    ],
    "boat": [
        (rectangle(-0.03, -0.46, 0.03, 0.2), "trunk"),
        (polygon((0.05, -0.44), (0.4, 0.08), (0.05, 0.08)), "paper"),
        (polygon((-0.05, -0.3), (-0.05, 0.08), (-0.28, 0.08)), "paper"),
        (polygon((-0.44, 0.16), (0.5, 0.16), (0.34, 0.44), (-0.32, 0.44)), "main"),
        (polygon((-0.4, 0.22), (0.46, 0.22), (0.44, 0.28), (-0.38, 0.28)), "light"),
    ],
    "bird": [
        (polygon((-0.22, 0.02), (-0.5, -0.14), (-0.46, 0.14)), "main"),
        (ellipse(-0.02, 0.08, 0.3, 0.22), "main"),
        (ellipse(0.24, -0.16, 0.17), "main"),
        (polygon((0.38, -0.2), (0.52, -0.12), (0.38, -0.06)), "centre"),
        (polygon((-0.2, 0.02), (0.1, 0.0), (-0.08, 0.2), (-0.26, 0.16)), "dark"),
        (ellipse(0.28, -0.2, 0.04, num=8), "paper_flat"),
        (ellipse(0.29, -0.2, 0.024, num=6), "ink"),
        (rectangle(-0.06, 0.28, -0.02, 0.46), "ink"),
        (rectangle(0.06, 0.28, 0.10, 0.46), "ink"),
    ],
    "fish": [
        (polygon((-0.2, 0.0), (-0.5, -0.24), (-0.42, 0.0), (-0.5, 0.24)), "main"),
        (polygon((-0.1, -0.2), (0.08, -0.36), (0.2, -0.16)), "main"),
        (ellipse(0.08, 0.0, 0.38, 0.25, num=20), "main"),
        (polygon((-0.02, -0.02), (-0.14, 0.12), (0.04, 0.14)), "dark"),
        (ellipse(0.1, 0.15, 0.2, 0.05, num=10), "light"),
        (ellipse(0.28, -0.07, 0.055, num=8), "paper_flat"),
        (ellipse(0.29, -0.07, 0.032, num=6), "ink"),
    ],
    "cup": [
        (np.concatenate([_arc(0.24, 0.02, 0.23, -80, 80),
                         _arc(0.24, 0.02, 0.12, 80, -80)]), "main"),
        (polygon((-0.42, -0.36), (0.3, -0.36), (0.22, 0.42), (-0.34, 0.42)), "main"),
        (ellipse(-0.06, -0.36, 0.36, 0.09), "outlined_dark"),
        (polygon((-0.32, -0.18), (-0.22, -0.18), (-0.2, 0.3), (-0.27, 0.3)), "light"),
    ],
    "car": [
        (polygon((-0.28, -0.26), (0.14, -0.26), (0.28, 0.0), (-0.4, 0.0)), "main"),
        (polygon((-0.5, 0.0), (0.36, -0.02), (0.5, 0.06), (0.5, 0.24), (-0.5, 0.24)), "main"),
        (polygon((-0.23, -0.19), (-0.06, -0.19), (-0.06, -0.01), (-0.3, -0.01)), "glass"),
        (polygon((0.0, -0.19), (0.1, -0.19), (0.2, -0.01), (0.0, -0.01)), "glass"),
        (ellipse(-0.26, 0.24, 0.14, num=12), "ink"),
        (ellipse(0.27, 0.24, 0.14, num=12), "ink"),
        (ellipse(-0.26, 0.24, 0.06, num=8), "paper_flat"),
        (ellipse(0.27, 0.24, 0.06, num=8), "paper_flat"),
        (ellipse(0.45, 0.1, 0.05, num=6), "centre"),
    ],
    "mushroom": [
        (polygon((-0.13, 0.0), (0.13, 0.0), (0.17, 0.46), (-0.17, 0.46)), "paper"),
        (np.concatenate([_arc(0, 0.08, 0.46, 180, 360, 14),
                         polygon((0.38, 0.14), (-0.38, 0.14))]), "main"),
        (ellipse(-0.2, -0.08, 0.08, num=8), "light"),
        (ellipse(0.06, -0.22, 0.1, num=10), "light"),
        (ellipse(0.26, 0.0, 0.06, num=8), "light"),
    ],
}  # fmt: skip


def _build(parts: list[tuple[Points, str]]) -> Shape:
    """Put the outlines first and all vertices into one array, which is transformed at once."""
    polygons = []
    for points, role in parts:
        if role in OUTLINED:
            polygons.append((_grown(points, OUTLINE_WIDTH), "outline"))
    polygons += parts
    spans, start = [], 0
    for points, role in polygons:
        spans.append((start, start + len(points), role))
        start += len(points)
    return Shape(np.concatenate([points for points, _ in polygons]), tuple(spans))


SHAPES = {kind: _build(parts) for kind, parts in _PARTS.items()}


def _blend(color: tuple[int, ...], other: int, share: float) -> tuple[int, ...]:
    return tuple(int(round(v + (other - v) * share)) for v in color)


def role_colors(color: str) -> dict[str, tuple[int, ...]]:
    """Return the RGB value of every role for an object of the given colour."""
    main = PALETTE[color]
    if color == "black":
        shades = {"light": (105, 105, 114), "dark": (66, 66, 74), "outline": (128, 128, 136)}
    elif color == "white":
        shades = {"light": (255, 255, 255), "dark": (200, 200, 208), "outline": (92, 92, 104)}
    else:
        shades = {
            "light": _blend(main, 255, 0.55),
            "dark": _blend(main, 0, 0.3),
            "outline": _blend(main, 0, 0.68),
        }
    shades["outlined_dark"] = shades["dark"]
    return {"main": main, **shades, **FIXED_ROLES, "paper_flat": FIXED_ROLES["paper"]}


ROLE_COLORS = {color: role_colors(color) for color in PALETTE}
