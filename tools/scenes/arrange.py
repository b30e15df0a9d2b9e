"""Place the objects of a scene: positions, sizes, angles and directions.

Groups are arranged in units of one object first and then scaled into the picture.
"""

from dataclasses import dataclass, replace

import numpy as np

from tools.scenes.scene import Group, Scene

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
    """The n objects of one group.

    Attributes:
        places: centres (n, 2).
        sizes: (n,).
        angles: degrees (n,).
        directions: (n,); 1 looks to the right, -1 to the left.
    """

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
    return _fit([_turn(part, scene.tilt) for part in parts], scene.closeness, rng)


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
    columns = {4: 2, 8: 4}.get(n, 3)
    return pitch * np.stack([np.arange(n) % columns, np.arange(n) // columns], axis=1)


def _ring(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    angles = 2 * np.pi * np.arange(n) / n - np.pi / 2
    return 0.5 * pitch / np.sin(np.pi / n) * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _pile(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Stack rows, each with one object less than the row below it."""
    length = 2
    while length * (length + 1) // 2 < n:
        length += 1
    rows, left, y = [], n, 0
    while left > 0:
        k = min(max(length, 1), left)
        rows.append(np.stack([np.arange(k) - (k - 1) / 2, np.full(k, -0.86 * y)], axis=1))
        left, length, y = left - k, length - 1, y + 1
    return pitch * np.concatenate(rows)


def _mirror(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Place two columns that look at each other across an aisle."""
    rows = np.arange(n) // 2
    sides = np.where(np.arange(n) % 2, 1.0, -1.0)
    return np.stack([sides * (0.55 + 0.5 * pitch), pitch * rows], axis=1)


def _scatter(n: int, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Draw random places; each is the farthest of 12 candidates from the earlier ones."""
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
    if order == "descending":
        return sizes[::-1]
    return sizes


def _relate(parts: list[Placed], relation: str, rng: np.random.Generator) -> list[Placed]:
    """Move the second group beside, above or around the first; turn both by the relation."""
    first, second = parts
    if relation == "surrounding":
        return [first, _surround(second, *first.box())]
    side = -1.0 if rng.random() < 0.5 else 1.0  # the second group stands left or right
    if relation == "above":
        second = _move_above(second, first)
    else:
        second = _move_beside(second, first, side, DISTANCE[relation])
    turns = {"facing": (side, -side), "away": (-side, side), "aligned": (side, side)}
    if relation not in turns:
        return [first, second]
    turn_first, turn_second = turns[relation]
    return [_look(first, turn_first), _look(second, turn_second)]


def _move_above(part: Placed, other: Placed) -> Placed:
    low, high = other.box()
    part_low, part_high = part.box()
    x = (low + high - part_low - part_high)[0] / 2
    y = low[1] - DISTANCE["above"] - part_high[1]
    return replace(part, places=part.places + np.array([x, y]))


def _move_beside(part: Placed, other: Placed, side: float, distance: float) -> Placed:
    """Move a group to the right (side 1) or left (-1) of another one."""
    # a column instead of the row leaves more room to the other group
    part = replace(part, places=part.places[:, ::-1])
    low, high = other.box()
    part_low, part_high = part.box()
    if side > 0:
        x = high[0] - part_low[0] + distance
    else:
        x = low[0] - part_high[0] - distance
    return replace(part, places=part.places + np.array([x, (high - part_high)[1]]))


def _surround(part: Placed, low: np.ndarray, high: np.ndarray) -> Placed:
    """Spread the second group around the box (low, high) of the first."""
    n = len(part.places)
    start = {2: np.pi, 3: np.pi / 6}.get(n, np.pi / 4)
    angles = 2 * np.pi * np.arange(n) / n + start
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shrink = 0.9 if n >= 4 else 1.0  # four stand at the corners, farther from the middle
    reach = (high - low) / 2 * shrink + 0.55 * part.group.size + DISTANCE["surrounding"]
    # the group was arranged as a row; what remains without the row is the jitter of each object
    row = part.group.size * (1.0 + part.group.gap) * np.stack([np.arange(n), np.zeros(n)], axis=1)
    return replace(part, places=(low + high) / 2 + reach * around + part.places - row)


def _look(part: Placed, turn: float) -> Placed:
    """Let all objects of a group look and lean to the right (1) or the left (-1)."""
    directions = np.full(len(part.places), turn)
    return replace(part, directions=directions, angles=part.angles + LEAN * turn)


def _turn(part: Placed, tilt: float) -> Placed:
    """Turn places and angles clockwise by the tilt in degrees."""
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    places = part.places @ np.array([[c, s], [-s, c]])
    return replace(part, places=places, angles=part.angles + tilt)


def _fit(parts: list[Placed], closeness: float, rng: np.random.Generator) -> list[Placed]:
    """Scale and move everything into the frame, as large as fits at a closeness of 1."""
    lows, highs = zip(*(part.box() for part in parts), strict=True)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    scale = closeness * min(*(np.array(FRAME) / (high - low)), LARGEST)
    room = np.maximum(np.array(FRAME) - scale * (high - low), 0) / 2
    centre = np.array(CENTRE) + 0.5 * room * rng.uniform(-1, 1, 2)
    fitted = []
    for part in parts:
        places = centre + scale * (part.places - (low + high) / 2)
        fitted.append(replace(part, places=places, sizes=scale * part.sizes))
    return fitted
