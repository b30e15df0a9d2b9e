"""Boxes of drawn objects hold all of their pixels, and no box is much too large."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.scenes import draw_scene, get_world, object_boxes
from tools.scenes.scene import Group, Scene

SIDE = 128
NEUTRAL = {"tint": 0.0, "saturation": 1.0, "blur": 0.0, "grain": 0.0, "vignette": 0.0}


def changed_pixels(scene, number):
    """Return where a picture changes with the colour of one group, bool (SIDE, SIDE)."""
    group = scene.groups[number]
    pictures = []
    for color in ("red", "blue"):
        groups = list(scene.groups)
        groups[number] = replace(group, color=color)
        recoloured = replace(scene, groups=tuple(groups), contrast=1.0, brightness=0.0, **NEUTRAL)
        pictures.append(draw_scene(recoloured, SIDE).astype(int))
    return np.abs(pictures[0] - pictures[1]).max(axis=2) > 8


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["rich", "plain"]))
def test_pixels_of_a_group_lie_in_its_boxes(seed, world):
    scene = get_world(world).sample(np.random.default_rng(seed))
    found = object_boxes(scene)
    assert [len(boxes) for boxes in found] == [group.count for group in scene.groups]
    for number, boxes in enumerate(found):
        assert (boxes >= 0).all() and (boxes <= 1).all()
        assert (boxes[:, 0] <= boxes[:, 2]).all() and (boxes[:, 1] <= boxes[:, 3]).all()
        inside = np.zeros((SIDE, SIDE), dtype=bool)
        for left, top, right, bottom in boxes * SIDE:
            rows = slice(max(int(top) - 2, 0), int(bottom) + 3)
            inside[rows, max(int(left) - 2, 0) : int(right) + 3] = True
        assert not (changed_pixels(scene, number) & ~inside).any()


@pytest.mark.parametrize("kind", ["ball", "star", "coin"])
def test_the_box_of_one_object_is_tight(kind):
    scene = Scene("sky", (Group(kind, "red", 1, "single"),), tilt=12.0, seed=3)
    (box,) = object_boxes(scene)[0] * SIDE
    rows, columns = np.nonzero(changed_pixels(scene, 0))
    drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    # the outline of an object has no colour of its own
    assert np.abs(np.array(drawn) - box).max() < 0.05 * SIDE
