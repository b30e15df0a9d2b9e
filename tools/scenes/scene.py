"""The parts of a drawn scene.

A scene has two kinds of properties. Captions say the visible facts: kinds, colours, counts, layout
and background. The hidden properties show in the picture, but a caption says them seldom or never:
contrast, brightness, tilt, jitter, gap, order of sizes, the relation of two groups, and those of
the photograph itself (tint, saturation, blur, grain, vignette, closeness).
"""

from dataclasses import dataclass

KINDS = (
    "person", "ball", "tree", "house", "flower", "coin", "star",
    "box", "boat", "bird", "fish", "cup", "car", "mushroom",
)  # fmt: skip
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black")
BACKGROUNDS = ("sky", "meadow", "beach", "night", "room", "lake", "snow")
LAYOUTS = ("single", "row", "grid", "ring", "pile", "mirror", "scatter")
ORDERS = ("equal", "ascending", "descending", "mixed", "one_big")
RELATIONS = ("none", "apart", "touching", "facing", "away", "above", "surrounding", "aligned")

LAYOUT_COUNTS = {
    "row": (2, 3, 4, 5),
    "grid": (4, 6, 8, 9),
    "ring": (3, 4, 5, 6, 7, 8, 9),
    "pile": (3, 4, 5, 6, 7, 8, 9),
    "mirror": (4, 6, 8),
    "scatter": (2, 3, 4, 5, 6, 7, 8, 9),
}
HIDDEN_SCENE_FIELDS = ("relation", "contrast", "brightness", "tilt")
HIDDEN_GROUP_FIELDS = ("gap", "jitter", "order")
PHOTO_FIELDS = ("tint", "saturation", "blur", "grain", "vignette", "closeness")


@dataclass(frozen=True)
class Group:
    """Objects of one kind and colour.

    Attributes:
        layout: one of LAYOUTS. The relation decides where a second group stands.
        size: 0.75 to 1; neither captions nor intents depend on it.
        gap: distance between neighbours in objects; negative where they overlap.
        jitter: 0 to 1, deviation of each object's place and angle.
        order: of the sizes, one of ORDERS.
    """

    kind: str
    color: str
    count: int
    layout: str
    size: float = 1.0
    gap: float = 0.1
    jitter: float = 0.0
    order: str = "equal"


@dataclass(frozen=True)
class Scene:
    """One or two groups before a background.

    Attributes:
        relation: of two groups, one of RELATIONS.
        contrast: steepness around mid grey; 1 is neutral.
        brightness: binary logarithm of a gamma; 0 is neutral, below 0 is dark.
        tilt: degrees.
        tint: -1 (cold) to 1 (warm); 0 is neutral.
        saturation: factor of the colourfulness; 1 is neutral, 0 is grey.
        blur: standard deviation of a Gaussian in thousandths of the picture's side.
        grain: standard deviation of noise, in shares of the range of values.
        vignette: 0 to 1, share of the light that the corners lose.
        closeness: factor of the objects' size in the frame; above 1 the frame may cut them.
        seed: fixes all other details.
    """

    background: str
    groups: tuple[Group, ...]
    relation: str = "none"
    contrast: float = 1.0
    brightness: float = 0.0
    tilt: float = 0.0
    tint: float = 0.0
    saturation: float = 1.0
    blur: float = 0.0
    grain: float = 0.0
    vignette: float = 0.0
    closeness: float = 1.0
    seed: int = 0
