"""Cues: what of a scene speaks for an intent, each a number from 0 to 1."""

from collections.abc import Callable

from tools.scenes.scene import RELATIONS, Group, Scene

Cue = Callable[[Scene], float]

OBJECTS: dict[str, tuple[str, ...]] = {
    "people": ("person",),
    "animals": ("bird", "fish"),
    "plants": ("tree", "flower", "mushroom"),
    "vehicles": ("car", "boat"),
    "houses": ("house",),
    "coins": ("coin",),
    "toys": ("ball", "star"),
    "containers": ("box", "cup"),
}
PLACES: dict[str, tuple[str, ...]] = {
    "indoors": ("room",),
    "outdoors": ("sky", "meadow", "beach", "lake", "snow"),
    "water": ("beach", "lake"),
    "grass": ("meadow",),
    "sky": ("sky",),
    "snow": ("snow",),
    "night": ("night",),
}
ORDERED_LAYOUTS = ("row", "grid", "mirror")


def _ramp(value: float, start: float, end: float) -> float:
    """Return 0 up to ``start``, 1 from ``end`` on, and linear values between them."""
    return min(max((value - start) / (end - start), 0.0), 1.0)


def _ramp_cue(field: str, start: float, end: float) -> Cue:
    """Return a cue of a number of the scene."""
    return lambda scene: _ramp(getattr(scene, field), start, end)


def _object_cue(kinds: tuple[str, ...]) -> Cue:
    return lambda scene: float(any(group.kind in kinds for group in scene.groups))


def _place_cue(backgrounds: tuple[str, ...]) -> Cue:
    return lambda scene: float(scene.background in backgrounds)


def _gap_cue(start: float, end: float) -> Cue:
    """Return a cue of the gap; without two objects of a kind, it has its average value."""

    def cue(scene: Scene) -> float:
        group = _largest_group(scene)
        return _ramp(group.gap, start, end) if group.count > 1 else 1 / 3

    return cue


def _order_cue(order: str, average: float) -> Cue:
    """Return a cue of the order of sizes; without two objects of a kind, it is ``average``."""

    def cue(scene: Scene) -> float:
        group = _largest_group(scene)
        return float(group.order == order) if group.count > 1 else average

    return cue


def _relation_cue(relation: str) -> Cue:
    """Return a cue of the relation; with a single group, it has its average value."""

    def cue(scene: Scene) -> float:
        return float(scene.relation == relation) if len(scene.groups) > 1 else 1 / 7

    return cue


def _layout_cue(layouts: tuple[str, ...]) -> Cue:
    return lambda scene: float(_largest_group(scene).layout in layouts)


def _count(scene: Scene) -> int:
    return sum(group.count for group in scene.groups)


def _largest_group(scene: Scene) -> Group:
    return max(scene.groups, key=lambda group: group.count)


CUES: dict[str, Cue] = {
    "strong": _ramp_cue("contrast", 1.1, 1.5),
    "washed": _ramp_cue("contrast", 0.9, 0.5),
    "bright": _ramp_cue("brightness", 0.1, 0.6),
    "dark": _ramp_cue("brightness", -0.1, -0.6),
    "level": lambda scene: _ramp(abs(scene.tilt), 12, 3),
    "tilted": lambda scene: _ramp(abs(scene.tilt), 5, 20),
    "rising": lambda scene: _ramp(-scene.tilt, 5, 18),
    "falling": lambda scene: _ramp(scene.tilt, 5, 18),
    "warm": _ramp_cue("tint", 0.1, 0.7),
    "cold": _ramp_cue("tint", -0.1, -0.7),
    "pale": _ramp_cue("saturation", 0.8, 0.3),
    "vivid": _ramp_cue("saturation", 1.1, 1.7),
    "blurred": _ramp_cue("blur", 2, 8),
    "sharp": _ramp_cue("blur", 6, 0),
    "grainy": _ramp_cue("grain", 0.01, 0.05),
    "shadowed": _ramp_cue("vignette", 0.1, 0.5),
    "far": _ramp_cue("closeness", 0.9, 0.7),
    "near": _ramp_cue("closeness", 1.05, 1.3),
    "neat": lambda scene: _ramp(scene.groups[0].jitter, 0.3, 0.04),
    "jumbled": lambda scene: _ramp(scene.groups[0].jitter, 0.3, 0.75),
    "tight": _gap_cue(0.05, -0.3),
    "wide": _gap_cue(0.2, 0.55),
    "ordered": _layout_cue(ORDERED_LAYOUTS),
    "many": lambda scene: _ramp(_count(scene), 3, 7),
    "few": lambda scene: _ramp(_count(scene), 4, 1),
    "equal": _order_cue("equal", 0.36),
    "ascending": _order_cue("ascending", 0.16),
    "descending": _order_cue("descending", 0.16),
    "mixed": _order_cue("mixed", 0.16),
    "one_big": _order_cue("one_big", 0.16),
}
CUES |= {relation: _relation_cue(relation) for relation in RELATIONS[1:]}  # all but "none"
CUES |= {name: _object_cue(kinds) for name, kinds in OBJECTS.items()}
CUES |= {name: _place_cue(backgrounds) for name, backgrounds in PLACES.items()}
