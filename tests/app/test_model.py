"""What the pages ask of a predictor: refusals in words of the visitor, marks, batches."""

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from inference.app.model import AppModel
from inference.app.settings import Settings
from inference.app.uploads import Upload
from inference.predictor import IntentPredictor
from inference.results import Prediction
from tests.app.conftest import LIMITS, ZERO_SHOT


def named(path, name="visitor.jpg"):
    return Upload(str(path), name)


@pytest.fixture(scope="session")
def some(pictures):
    return sorted(pictures.iterdir())[:4]


def test_a_prediction_is_that_of_the_predictor_with_the_visitors_name(model, predictor, some):
    found = model.predict(named(some[0]))
    expected = predictor(str(some[0]))
    assert found.image == "visitor.jpg"
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(found.passes, expected.passes)


@pytest.mark.parametrize("name", ["truncated.jpg", "truncated.png", "strip.tif", "text.jpg"])
def test_a_file_that_cannot_be_read_is_named_without_a_path(model, odd, name):
    for call in (model.predict, lambda upload: model.explain(upload, None, 1)):
        with pytest.raises(UserError, match=r"cannot read .*visitor\.jpg") as caught:
            call(named(odd / name))
        assert str(odd) not in str(caught.value)


def test_the_limits_hold_for_predictions_and_maps(model, tmp_path):
    Image.new("L", (2000, 1001)).save(tmp_path / "wide.png")
    for call in (model.predict, lambda upload: model.explain(upload, None, 1)):
        with pytest.raises(UserError, match=r"visitor\.jpg has 2000 x 1001 pixels"):
            call(named(tmp_path / "wide.png"))


def test_marks_follow_a_threshold_or_the_rule(model, some):
    prediction = model.predict(named(some[0]))
    for threshold in (0.0, 0.3, 1.0):
        marked = model.marked(prediction, threshold)
        np.testing.assert_array_equal(marked.passes, prediction.probabilities > threshold)
    np.testing.assert_array_equal(model.marked(prediction, None).passes, prediction.passes)
    assert (model.threshold, model.level, model.no_maps) == (0.5, "super", "")
    assert model.rule_text == "score > 0.5 for all classes"


def test_without_a_rule_and_without_maps(some):
    plain = IntentPredictor.from_classes("joy, calm", config_file=ZERO_SHOT)
    model = AppModel(plain, LIMITS)
    prediction = model.predict(named(some[0]))
    assert (model.has_rule, model.rule_text, model.rule_threshold) == (False, "", None)
    assert model.threshold == 0.5 and model.level == ""
    assert model.marked(prediction, None).passes is None
    assert list(model.marked(prediction, 0.0).passes) == [True, True]
    assert model.no_maps and len(model.no_maps.splitlines()) == 1
    with pytest.raises(UserError) as caught:
        model.explain(named(some[0]), prediction, 1)
    assert str(caught.value) == model.no_maps


def test_a_batch_keeps_order_and_names_what_it_refuses(model, predictor, some, odd, tmp_path):
    Image.new("L", (2000, 1001)).save(tmp_path / "huge.png")
    files = [some[0], odd / "bomb.png", some[1], odd / "truncated.jpg", tmp_path / "huge.png",
             some[2], odd / "text.jpg"]  # fmt: skip
    found = list(model.predict_all([Upload(str(path), path.name) for path in files]))
    assert [result.image for result in found] == [path.name for path in files]
    for path, result in zip(files, found, strict=True):
        if path in some:
            assert isinstance(result, Prediction)
            np.testing.assert_allclose(
                result.probabilities, predictor(str(path)).probabilities, atol=1e-5
            )
        else:
            assert path.name in result.reason and str(path.parent) not in result.reason


def test_too_many_files_are_refused_together(model, some):
    with pytest.raises(UserError, match="9 files were sent"):
        list(model.predict_all([named(some[0])] * 9))


@pytest.mark.parametrize(
    ("settings", "is_local"),
    [
        (Settings(), True),
        (Settings(host="localhost"), True),
        (Settings(host="0.0.0.0"), False),
        (Settings(share=True), False),
    ],
)
def test_only_this_machine_is_local(settings, is_local):
    assert settings.is_local == is_local
