"""Pointing game (Zhang et al., IJCV 2018): the peak of a map lies on the object of the text.

Drawn scenes of two groups have objects whose boxes are known. Zero-shot CLIP by region, with the
shipped weights, points at the groups by colour and kind. It must hit more often than the centre of
the picture, and than a random place.
"""

import numpy as np
from PIL import Image
from scipy.stats import binomtest

from inference.explanation import run_with_maps
from tests.inference.conftest import by_region
from tools.scenes import draw_scene, get_world, object_boxes
from tools.scenes.scene import COLORS, KINDS

NUM_SCENES = 60
SIDE = 192  # 6 x 6 locations; the pictures of the training have 96 px and 3 x 3
CENTRE = (0.5, 0.5)


def two_group_scenes(num):
    rng, found = np.random.default_rng(11), []
    while len(found) < num:
        scene = get_world("rich").sample(rng)
        if len(scene.groups) == 2:
            found.append(scene)
    return found


def is_hit(boxes, point):
    """Return whether a point (x, y) lies in one of the boxes (n, 4)."""
    x, y = point
    left, top, right, bottom = boxes.T
    return bool(((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).any())


def peaks(predictor, scene):
    """Return for each group of a scene the point (x, y) of the map's highest location."""
    image = Image.fromarray(draw_scene(scene, 96))
    pixels = predictor.trainer.dm.normalizer(predictor.transform(image)[None])
    _, maps = run_with_maps(predictor.trainer, pixels)
    names = predictor.classes.classnames
    found = []
    for group in scene.groups:
        weights = maps.weights[0, names.index(f"{group.color} {group.kind}")].numpy()
        row, column = np.unravel_index(weights.argmax(), weights.shape)
        found.append(((column + 0.5) / weights.shape[1], (row + 0.5) / weights.shape[0]))
    return found


def test_maps_point_at_objects_more_often_than_the_centre_and_than_chance():
    classes = [f"{color} {kind}" for color in COLORS for kind in KINDS]
    predictor = by_region("INPUT.SIZE", f"[{SIDE}, {SIDE}]", classes=classes)
    ours, centre, chance = [], [], []
    rng = np.random.default_rng(0)
    for scene in two_group_scenes(NUM_SCENES):
        for boxes, point in zip(object_boxes(scene), peaks(predictor, scene), strict=True):
            ours.append(is_hit(boxes, point))
            centre.append(is_hit(boxes, CENTRE))
            chance.append(is_hit(boxes, rng.uniform(size=2)))
    for other in (centre, chance):
        # sign test of the pairs that differ (McNemar 1947), one-sided
        better = sum(a and not b for a, b in zip(ours, other, strict=True))
        worse = sum(b and not a for a, b in zip(ours, other, strict=True))
        assert binomtest(better, better + worse, alternative="greater").pvalue < 1e-3
    assert np.mean(ours) > 0.35
