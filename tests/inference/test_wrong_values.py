"""Values of Python that are no image, no path or no number end in one line."""

import pytest
from PIL import Image

from core.errors import UserError


@pytest.mark.parametrize("given", [3, None, Image.new("RGB", (8, 8))])
def test_a_stream_takes_paths_alone(predictor, given):
    with pytest.raises(UserError, match=r"stream\(\) takes paths of files, not "):
        list(predictor.stream([given]))


@pytest.mark.parametrize("given", [3, None, b"abc"])
def test_what_is_no_image_is_named(predictor, given):
    with pytest.raises(UserError, match=f"an image is {type(given).__name__}; expected a path"):
        predictor(given)


@pytest.mark.parametrize("k", [-1, 1.5, "2"])
def test_a_wrong_number_of_intents_is_named(predictor, pictures, k):
    prediction = predictor(next(pictures.glob("low/*.jpg")))
    with pytest.raises(UserError, match="expected a whole number from 0"):
        prediction.top(k)
