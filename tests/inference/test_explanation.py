"""explain(): numbers that agree with the prediction, on the upright picture, or a clear error."""

import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from inference.explanation import Explanation
from tests.inference.conftest import CLASSES, by_region, untrained
from tools.scenes import Group, Scene, draw_scene

BALL = Scene("room", (Group("ball", "red", 1, "single", size=0.8),), closeness=0.6, seed=4)


@pytest.fixture(scope="module")
def picture():
    return Image.fromarray(draw_scene(BALL, 160)).crop((0, 20, 160, 120))


def logistic(value):
    return 1 / (1 + math.exp(-value))


def test_the_maps_give_the_probability_of_the_prediction(intclip_predictor, picture):
    explanation = intclip_predictor.explain(picture, top=4)
    assert isinstance(explanation, Explanation) and len(explanation.intents) == 4
    weight = intclip_predictor.cfg.TRAINER.INTCLIP.POOL_WEIGHT
    for maps in explanation.intents:
        negative, positive = maps.pooled()
        found = logistic(weight * (positive - negative))
        assert found == pytest.approx(maps.intent.probability, abs=2e-6)
        assert maps.weights.sum() + maps.whole.weight == pytest.approx(1, abs=1e-6)
        assert list(maps.positive) == ["sight", "semantic", "fused"] and maps.decisive == "fused"
    alone = intclip_predictor(picture)
    assert [m.intent.key for m in explanation.intents] == [i.key for i in alone.top(4)]
    np.testing.assert_allclose(explanation.prediction.probabilities, alone.probabilities, atol=1e-5)


def test_zero_shot_maps_give_the_probabilities(region_predictor, picture):
    explanation = region_predictor.explain(picture, top=len(CLASSES))
    cosines = [maps.pooled()[1] / explanation.scale for maps in explanation.intents]
    scale = region_predictor.cfg.TRAINER.ZEROSHOTCLIP.LOGIT_SCALE
    for cosine, maps in zip(cosines, explanation.intents, strict=True):
        found = logistic(scale * (cosine - np.mean(cosines)))
        assert found == pytest.approx(maps.intent.probability, abs=1e-5)
        assert maps.intent.passes == (maps.intent.probability > 0.5)


@pytest.mark.parametrize(
    ("trainer", "options", "names"),
    [
        ("DualCoOp", [], ["sight"]),
        ("IntCLIP", ["TRAINER.INTCLIP.AGGREGATION", "semantic"], ["semantic"]),
        ("IntCLIP", ["TRAINER.INTCLIP.AGGREGATION", "sight"], ["sight"]),
        (
            "IntCLIP",
            ["TRAINER.INTCLIP.AGGREGATION", "mean"],
            ["sight", "semantic", "fused"],
        ),
    ],
)
def test_a_trainer_shows_the_branches_that_it_has(trainer, options, names, picture):
    text = [f"TRAINER.{trainer.upper()}.CLASS_TEXT", "name"]
    maps = untrained(trainer, *text, *options).explain(picture, top=1).intents[0]
    assert list(maps.positive) == names and maps.whole is None


@pytest.mark.parametrize("trainer", ["LinearProbe", "FineTune"])
def test_a_trainer_without_locations_says_which_have_maps(trainer, picture):
    with pytest.raises(UserError) as caught:
        untrained(trainer).explain(picture)
    message = str(caught.value)
    assert message.startswith(f"{trainer} has no maps to explain: a linear classifier")
    assert "DualCoOp" in message and "\n" not in message


def test_global_zero_shot_says_how_to_get_maps(picture):
    predictor = by_region("TRAINER.ZEROSHOTCLIP.FEATURES", "global")
    with pytest.raises(UserError, match=r"TRAINER\.ZEROSHOTCLIP\.FEATURES region"):
        predictor.explain(picture)
    with pytest.raises(UserError, match="ZeroshotCLIP has no prompts that learn"):
        predictor.prompt_words("house")


def test_a_rotation_in_exif_is_applied_to_picture_and_maps(region_predictor, picture, tmp_path):
    turned = picture.transpose(Image.Transpose.ROTATE_90)  # viewers turn it back: orientation 6
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    picture.save(tmp_path / "upright.png")
    explained = region_predictor.explain(tmp_path / "turned.png")
    upright = region_predictor.explain(tmp_path / "upright.png")
    assert explained.picture.size == picture.size == (160, 100)
    assert np.array_equal(np.asarray(explained.picture), np.asarray(picture))
    assert explained.part == upright.part
    for a, b in zip(explained.intents, upright.intents, strict=True):
        assert np.array_equal(a.weights, b.weights)


@pytest.mark.parametrize("form", ["path", "opened", "bytes"])
def test_a_large_jpeg_keeps_its_own_size_and_the_pixels_of_its_prediction(
    region_predictor, picture, tmp_path, form
):
    path = tmp_path / "large.jpg"
    picture.resize((1600, 1000)).save(path, quality=95)
    given = {
        "path": lambda: path,
        "opened": lambda: Image.open(path),
        "bytes": lambda: Image.open(io.BytesIO(path.read_bytes())),
    }[form]()
    explanation = region_predictor.explain(given)
    assert explanation.picture.size == (1600, 1000)
    np.testing.assert_allclose(
        explanation.prediction.probabilities,
        region_predictor(path).probabilities,
        atol=1e-5,
    )


def test_a_centre_crop_puts_the_map_in_the_middle(picture):
    size = ["INPUT.SIZE", "[96, 64]", "INPUT.TRANSFORMS", '["center_crop"]']
    explanation = by_region(*size).explain(picture)  # 160 x 100 px
    # the shorter side becomes 96, so 64 columns are 64 / 0.96 px in the middle of 160
    assert explanation.grid == (3, 2)
    assert explanation.part.height == pytest.approx(100)
    assert explanation.part.width == pytest.approx(64 / 0.96, abs=1)
    middle = explanation.part.left + explanation.part.width / 2
    assert middle == pytest.approx(80, abs=1)
    left, top, right, bottom = explanation.box(0, 1)
    assert (left, bottom) == pytest.approx((middle, 100 / 3), abs=1)
    assert right - left == pytest.approx(32 / 0.96, abs=1) and top == 0


def test_an_input_that_is_no_multiple_of_the_stride_leaves_a_border(picture):
    explanation = by_region("INPUT.SIZE", "[126, 96]").explain(picture)
    assert explanation.grid == (3, 3)
    assert explanation.part.height == pytest.approx(100 * 96 / 126)
    assert explanation.part.width == pytest.approx(160)


def test_the_dictionary_is_plain_json_with_rounded_numbers(intclip_predictor, picture):
    explanation = intclip_predictor.explain(picture, top=2)
    content = json.loads(json.dumps(explanation.as_dict()))
    assert content["size"] == [160, 100] and content["grid"] == [3, 3]
    first = content["intents"][0]
    assert np.array(first["weights"]).shape == (3, 3)
    assert first["global"]["weight"] == pytest.approx(explanation.intents[0].whole.weight, abs=1e-5)


def test_words_are_given_for_key_name_and_intent(intclip_predictor, picture):
    intent = intclip_predictor(picture).top(1)[0]
    by_intent = intclip_predictor.prompt_words(intent, k=2)
    assert by_intent == intclip_predictor.prompt_words(intent.key, k=2)
    assert [len(words) for words in by_intent.positive] == [2, 2]
    assert len(by_intent.negative) == 3
    for words in by_intent.positive:
        assert 0 < words[0].distance <= words[1].distance
    with pytest.raises(UserError, match="Did you mean 'house'"):
        intclip_predictor.prompt_words("hous")
    with pytest.raises(UserError, match="expected at least 1"):
        intclip_predictor.prompt_words("house", k=0)


def test_prompts_that_start_from_words_are_read_back():
    section = "TRAINER.DUALCOOP"
    options = [f"{section}.POSITIVE_PROMPT_INIT", "a photo of", f"{section}.CLASS_TEXT", "name"]
    words = untrained("DualCoOp", *options).prompt_words("boat", k=1)
    assert [near[0].text for near in words.positive] == ["a", "photo", "of"]
    assert max(near[0].distance for near in words.positive) < 1e-6


def test_no_intents_is_a_mistake(region_predictor, picture):
    with pytest.raises(UserError, match="number of intents is 0"):
        region_predictor.explain(picture, top=0)


def test_an_explanation_keeps_its_picture_when_the_callers_changes(region_predictor):
    picture = Image.new("RGB", (64, 64), "red")
    shown = region_predictor.explain(picture).picture
    picture.paste("blue", (0, 0, 64, 64))
    assert shown.getpixel((0, 0)) == (255, 0, 0)
