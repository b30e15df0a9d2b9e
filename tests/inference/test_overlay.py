"""The geometry of maps: every pixel of the picture gets the value of its location, or none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.config_merge import setup_cfg
from datasets.images import Part
from datasets.transforms import build_test_transform
from inference.overlay import blend, grid_part, location_box, peak, place

sides = st.integers(33, 420)
inputs = st.integers(32, 200)


def transform_of(height, width, crop):
    names = '["center_crop"]' if crop else "[]"
    options = ["INPUT.SIZE", f"[{height}, {width}]", "INPUT.TRANSFORMS", names]
    return build_test_transform(setup_cfg([], opts=options))


@settings(max_examples=60, deadline=None)
@given(sides, sides, inputs, inputs, st.booleans())
def test_the_visible_part_is_where_the_pixels_come_from(height, width, out_h, out_w, crop):
    """A picture whose colours are its coordinates says where each pixel of the input was."""
    y, x = np.mgrid[0:height, 0:width]
    coordinates = np.stack([y * 255 / (height - 1), x * 255 / (width - 1), 0 * x], axis=2)
    picture = Image.fromarray(coordinates.round().astype(np.uint8))
    transform = transform_of(out_h, out_w, crop)
    pixels = transform(picture).numpy().astype(float)  # (3, out_h, out_w)
    part = transform.visible_part(height, width)
    for axis, (start, length, source, size) in enumerate(
        [(part.top, part.height, height, out_h), (part.left, part.width, width, out_w)]
    ):
        line = pixels[axis].mean(axis=1 - axis)  # (size,)
        found = line * (source - 1) / 255 + 0.5
        expected = start + (np.arange(size) + 0.5) * length / size
        inner = slice(size // 4, size - size // 4)  # a resize mirrors pixels at the border
        tolerance = 1.0 + 1.5 * source / 255
        assert np.abs(found - expected)[inner].max() < tolerance
    assert part.top >= -1e-9 and part.top + part.height <= height + 1e-9
    assert part.left >= -1e-9 and part.left + part.width <= width + 1e-9
    if not crop:
        assert tuple(part) == pytest.approx((0, 0, height, width))


def test_a_centre_crop_loses_the_ends_of_the_long_side():
    part = transform_of(100, 100, True).visible_part(200, 400)
    assert tuple(part) == pytest.approx((0, 100, 200, 200))


parts = st.builds(Part, st.floats(-5, 30), st.floats(-5, 30), st.floats(4, 90), st.floats(4, 90))


@settings(max_examples=80, deadline=None)
@given(parts, st.integers(1, 6), st.integers(1, 6), st.integers(1, 60), st.integers(1, 60))
def test_a_pixel_has_the_value_of_the_location_that_holds_its_centre(part, rows, columns, h, w):
    values = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    placed = place(values, part, (h, w))
    for y in range(h):
        for x in range(w):
            holders = []
            for number in range(rows * columns):
                box = location_box(part, (rows, columns), *divmod(number, columns))
                inside = box.top <= y + 0.5 < box.top + box.height
                if inside and box.left <= x + 0.5 < box.left + box.width:
                    holders.append(number)
            if np.isnan(placed[y, x]):
                # a centre on an edge may fall to either side by rounding
                assert not holders or _near_edge(part, rows, columns, y + 0.5, x + 0.5)
            else:
                assert placed[y, x] in holders or _near_edge(part, rows, columns, y + 0.5, x + 0.5)


def _near_edge(part, rows, columns, y, x):
    steps_y = (y - part.top) * rows / part.height
    steps_x = (x - part.left) * columns / part.width
    return min(abs(steps_y - round(steps_y)), abs(steps_x - round(steps_x))) < 1e-9


@given(inputs, inputs, st.integers(1, 9), st.integers(1, 9))
def test_cells_that_do_not_fill_the_input_leave_pixels_without_a_value(height, width, h, w):
    cell = (height / (h + 0.5), width / w)
    part = grid_part(Part(0, 0, 2 * height, 3 * width), (h, w), cell, (height, width))
    assert part.height == pytest.approx(2 * height * h / (h + 0.5))
    assert part.width == pytest.approx(3 * width)
    placed = place(np.ones((h, w)), part, (2 * height, 3 * width))
    covered = np.floor(part.height + 0.5 - 1e-9)
    assert abs(int((~np.isnan(placed[:, 0])).sum()) - covered) <= 1


def test_the_peak_is_the_first_of_the_largest():
    assert peak(np.array([[1.0, 3.0], [3.0, 2.0]])) == (0, 1)


def test_outside_of_the_locations_the_picture_is_lighter_and_grey():
    picture = np.zeros((2, 2, 3), dtype=np.uint8)
    picture[..., 0] = 200
    placed = np.array([[0.0, np.nan], [1.0, np.nan]])
    mixed = blend(picture, placed, lambda v: np.stack([0 * v, v, 1 - v], axis=1))
    assert mixed.dtype == np.uint8
    assert (mixed[:, 1, 0] == mixed[:, 1, 1]).all() and (mixed[:, 1, 1] == mixed[:, 1, 2]).all()
    assert mixed[0, 1, 0] > 127
    assert mixed[0, 0, 2] > mixed[0, 0, 1] and mixed[1, 0, 1] > mixed[1, 0, 2]
