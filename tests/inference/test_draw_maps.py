"""The drawn page: its panels at their places, its titles, its colours on one scale per row."""

import numpy as np
import pytest
from PIL import Image

from datasets.images import Part
from inference import draw_maps
from inference.draw_maps import draw_explanation, draw_page, row_title, score_range
from inference.explanation import Explanation, IntentMaps, Whole
from inference.overlay import tinted
from inference.results import Intent

GREY = 128


class Named:
    """Stands for a prediction, of which a page shows the path."""

    def __init__(self, image):
        self.image = image


def explanation(size=(300, 200), part=None, name="house", passes=True, whole=None, rows=1):
    generator = np.random.default_rng(0)
    sight = generator.uniform(-1, 1, (2, 3)).astype(np.float32)
    fused = generator.uniform(2, 5, (2, 3)).astype(np.float32)
    weights = np.exp(fused) / np.exp(fused).sum()
    maps = IntentMaps(
        Intent("House", name, 0.8765, passes),
        {"sight": sight, "semantic": sight + 1, "fused": fused},
        -fused,
        weights,
        whole,
    )
    picture = Image.new("RGB", size, (GREY,) * 3)
    part = part or Part(0, 0, size[1], size[0])
    return Explanation(Named("folder/photo.jpg"), [maps] * rows, picture, part, 20.0)


@pytest.mark.parametrize("width", [900, 1600, 2400])
@pytest.mark.parametrize("size", [(300, 200), (40, 40), (60, 900), (3000, 90), (1, 1)])
def test_the_page_keeps_within_its_width_and_draws_every_form_of_picture(size, width):
    page = draw_page(explanation(size, rows=2), width)
    assert page.width <= width and page.height < 3 * width
    assert np.asarray(page).std() > 1


def test_titles_have_name_probability_rule_and_the_share_of_the_global_token():
    maps = explanation().intents[0]
    assert row_title(1, maps) == "1. house  ·  87.6 %  ·  passes the rule"
    maps = explanation(passes=False, whole=Whole(3.0, 2.0, 0.125)).intents[0]
    assert row_title(2, maps) == (
        "2. house  ·  87.6 %  ·  does not pass the rule  ·  "
        "the global token has 12.5 % of the weight"
    )
    assert row_title(3, explanation(passes=None).intents[0]) == "3. house  ·  87.6 %"


def test_all_maps_of_a_row_share_one_scale():
    maps = explanation().intents[0]
    low, high = score_range(maps.positive)
    everything = np.concatenate([values.ravel() for values in maps.positive.values()])
    assert (low, high) == (everything.min(), everything.max())
    flat = {"sight": np.ones((2, 2))}
    assert score_range(flat)[1] > score_range(flat)[0]


def test_a_panel_has_the_colour_of_the_value_of_each_location():
    """Over middle grey a colour looks as it does in the bar."""
    shown = explanation()
    page = np.asarray(draw_page(shown, 1600)).astype(int)
    maps = shown.intents[0]
    low, high = score_range(maps.positive)
    for values in maps.positive.values():
        for value in values.ravel():
            colour = np.array(draw_maps.SCORES((value - low) / (high - low)))[:3]
            wanted = tinted(colour, GREY / 255) * 255
            count = int((np.abs(page - wanted).max(axis=2) <= 1).sum())
            assert count > 1000, value  # pixels of a location


def test_a_part_outside_of_the_locations_is_named_and_bare():
    cropped = explanation(part=Part(0, 50, 200, 200))
    page = np.asarray(draw_page(cropped, 1600)).astype(int)
    light = round(255 * (0.5 + 0.5 * GREY / 255))
    assert int((np.abs(page - light).max(axis=2) <= 1).sum()) > 4 * 50 * 200
    phrases = draw_maps.footer(cropped)
    assert phrases[-1].startswith("light grey") and len(draw_maps.footer(explanation())) == 3


def test_a_long_name_is_cut_and_any_sign_is_drawn(tmp_path):
    name = "$ money & <love> \n\x07 愛 " * 30
    path = tmp_path / "new folder" / "a.png"
    draw_explanation(explanation(name=name), path, width=900)
    with Image.open(path) as image:
        assert image.width <= 900
    font = draw_maps._font(13)
    cut = draw_maps.shortened("word " * 100, 200, font)
    assert cut.endswith("…") and 150 < font.getlength(cut) <= 200
    assert draw_maps.shortened("word", 200, font) == "word"


def test_a_narrow_page_keeps_the_numbers_of_a_long_title(monkeypatch):
    drawn = []
    text = draw_maps._Page.text

    def remember(page, x, top, given, **form):
        drawn.append(given)
        text(page, x, top, given, **form)

    monkeypatch.setattr(draw_maps._Page, "text", remember)
    draw_page(explanation(name="a long sentence " * 30), 900)
    (title,) = [line for line in drawn if line.startswith("1. ")]
    assert title.endswith("…  ·  87.6 %  ·  passes the rule") and len(title) < 120


def test_phrases_are_wrapped_and_none_is_lost():
    font = draw_maps._font(13)
    phrases = ["one phrase", "another phrase", "a third"]
    for width in (10, 250, 2000):
        lines = draw_maps.wrapped(phrases, width, font)
        assert "   ·   ".join(lines) == "   ·   ".join(phrases)
    assert len(draw_maps.wrapped(phrases, 2000, font)) == 1
