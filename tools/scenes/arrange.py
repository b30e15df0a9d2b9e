"""Where the objects of a scene stand: places, sizes, angles and directions, in objects and then in the picture."""

from dataclasses import dataclass, replace

import numpy as np

from tools.scenes.world import Group, Scene

FRAME = (0.94, 0.84)  # share of the picture's width and height that the objects may fill
CENTRE = (0.5, 0.54)
LARGEST = 0.5  # an object's largest size in the picture
DISTANCE = {
    "apart": 2.0,
    "touching": -0.12,
    "facing": 0.6,
    "away": 0.6,
    "above": 0.3,
    "aligned": 0.6,
    "surrounding": 0.1,
}
LEAN = 17.0  # degrees by which groups lean towards or away from each other
ANGLE_JITTER = 38.0  # degrees at jitter 1
PLACE_JITTER = 0.42  # objects at jitter 1


@dataclass(frozen=True)
class Placed:
    """The n objects of one group: places (n, 2), sizes (n,), angles in degrees (n,), direction (n,) of -1 or 1."""

    group: Group
    places: np.ndarray
    sizes: np.ndarray
    angles: np.ndarray
    directions: np.ndarray

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the corners (2,), (2,) of the group."""
        half = 0.5 * self.sizes[:, None]
        return (self.places - half).min(0), (self.places + half).max(0)


def arrange(scene: Scene, rng: np.random.Generator) -> list[Placed]:
    """Place all objects in a picture of side 1; the scene's tilt turns places and angles."""
    parts = [_arrange_group(group, rng) for group in scene.groups]
    if len(parts) == 2:
        parts = _relate(parts, scene.relation, rng)
    return _fit([_turn(part, scene.tilt) for part in parts], rng)


def _arrange_group(group: Group, rng: np.random.Generator) -> Placed:
    """Place a group around its own origin, one object being one unit large."""
    n = group.count
    places = _LAYOUTS[group.layout](n, 1.0 + group.gap, rng)  # (n, 2)
    sizes = _order_sizes(group.order, n, rng) * group.size
    noise = rng.uniform(-1, 1, (n, 3)) * group.jitter
    noise[:, 2] += np.sign(noise[:, 2]) * 0.35 * group.jitter  # a clear lean either way
    places = places * group.size + PLACE_JITTER * noise[:, :2]
    directions = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    if group.layout == "mirror":
        directions = np.where(places[:, 0] < 0, 1.0, -1.0)
    return Placed(group, places, sizes, ANGLE_JITTER / 1.35 * noise[:, 2], directions)


def _row(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    return np.stack([pitch * np.arange(n), np.zeros(n)], axis=1)


def _single(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    return np.zeros((n, 2))


def _grid(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    columns = {4: 2, 6: 3, 8: 4}.get(n, 3)
    return pitch * np.stack([np.arange(n) % columns, np.arange(n) // columns], axis=1)


def _ring(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    angles = 2 * np.pi * np.arange(n) / n - np.pi / 2
    return 0.5 * pitch / np.sin(np.pi / n) * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _pile(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Stack rows of falling length, the longest below."""
    length = next(k for k in range(2, 10) if k * (k + 1) // 2 >= n)
    rows, left, y = [], n, 0
    while left > 0:
        k = min(max(length, 1), left)
        rows.append(np.stack([np.arange(k) - (k - 1) / 2, np.full(k, -0.86 * y)], axis=1))
        left, length, y = left - k, length - 1, y + 1
    return pitch * np.concatenate(rows)


def _mirror(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Two columns that look at each other across an aisle."""
    rows = np.arange(n) // 2
    sides = np.where(np.arange(n) % 2, 1.0, -1.0)
    return np.stack([sides * (0.55 + 0.5 * pitch), pitch * rows], axis=1)


def _scatter(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Random places, each the best of some by the distance to the earlier ones."""
    side = pitch * (np.sqrt(n) + 0.35)
    places = rng.uniform(0, side, (n, 12, 2))
    chosen = [places[0, 0]]
    for candidates in places[1:]:
        distance = np.linalg.norm(candidates[:, None] - np.array(chosen), axis=2).min(1)  # (12,)
        chosen.append(candidates[distance.argmax()])
    return np.array(chosen)


_LAYOUTS = {
    "single": _single,
    "row": _row,
    "grid": _grid,
    "ring": _ring,
    "pile": _pile,
    "mirror": _mirror,
    "scatter": _scatter,
}


def _order_sizes(order: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return relative sizes (n,)."""
    if order == "equal" or n == 1:
        return np.ones(n)
    if order == "one_big":
        sizes = np.full(n, 0.72)
        sizes[int(rng.integers(n))] = 1.5
        return sizes
    sizes = np.linspace(0.62, 1.32, n)
    if order == "mixed":
        return rng.permutation(sizes)
    return sizes if order == "ascending" else sizes[::-1]


def _relate(parts: list[Placed], relation: str, rng: np.random.Generator) -> list[Placed]:
    """Move the second group beside, above or around the first; turn both by the relation."""
    first, second = parts
    low, high = first.box()
    if relation == "surrounding":
        return [first, _surround(second, low, high)]
    side = -1.0 if rng.random() < 0.5 else 1.0
    second = _stack(second) if relation != "above" else second
    low2, high2 = second.box()
    if relation == "above":
        shift = np.array(
            [(low + high - low2 - high2)[0] / 2, low[1] - DISTANCE["above"] - high2[1]]
        )
    else:
        x = (
            high[0] - low2[0] + DISTANCE[relation]
            if side > 0
            else low[0] - high2[0] - DISTANCE[relation]
        )
        shift = np.array([x, (high - high2)[1]])
    second = replace(second, places=second.places + shift)
    turns = {"facing": (side, -side), "away": (-side, side), "aligned": (side, side)}.get(relation)
    if turns is None:
        return [first, second]
    return [_look(part, turn) for part, turn in zip((first, second), turns, strict=True)]


def _stack(part: Placed) -> Placed:
    """Turn the second group's row into a column, which leaves more room to the first."""
    return replace(part, places=part.places[:, ::-1])


def _surround(part: Placed, low: np.ndarray, high: np.ndarray) -> Placed:
    """Spread the second group around the box of the first."""
    n = len(part.places)
    angles = 2 * np.pi * np.arange(n) / n + (
        np.pi if n == 2 else np.pi / 6 if n == 3 else np.pi / 4
    )
    reach = (
        (high - low) / 2 * (1.0 if n < 4 else 0.9)
        + 0.55 * part.group.size
        + DISTANCE["surrounding"]
    )
    row = part.group.size * (1.0 + part.group.gap) * np.stack([np.arange(n), np.zeros(n)], axis=1)
    places = (
        (low + high) / 2
        + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        + part.places
        - row
    )
    return replace(part, places=places)


def _look(part: Placed, turn: float) -> Placed:
    return replace(
        part, directions=np.full(len(part.places), turn), angles=part.angles + LEAN * turn
    )


def _turn(part: Placed, tilt: float) -> Placed:
    """Turn places and angles clockwise by the tilt in degrees."""
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    return replace(
        part, places=part.places @ np.array([[c, s], [-s, c]]), angles=part.angles + tilt
    )


def _fit(parts: list[Placed], rng: np.random.Generator) -> list[Placed]:
    """Scale and move everything into the frame, as large as fits."""
    boxes = [part.box() for part in parts]
    low, high = np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)
    scale = min(*(np.array(FRAME) / (high - low)), LARGEST)
    room = (np.array(FRAME) - scale * (high - low)) / 2
    centre = np.array(CENTRE) + 0.5 * room * rng.uniform(-1, 1, 2)
    return [
        replace(
            part, places=centre + scale * (part.places - (low + high) / 2), sizes=scale * part.sizes
        )
        for part in parts
    ]
