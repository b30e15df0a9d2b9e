"""predict.py --explain: a picture per image, the numbers, the prompts; bad files stay listed."""

import json
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import predict
from inference.explain_folder import ExplanationFolder, picture_name
from tests.inference.conftest import CLASSES, ZERO_SHOT
from tools.scenes import draw_scene, get_world

FLAGS = ["--classes", ", ".join(CLASSES), "--config-file", ZERO_SHOT, "--device", "cpu"]
REGION = ["--set", "TRAINER.ZEROSHOTCLIP.FEATURES", "region"]
REGION += ["--set", "TRAINER.ZEROSHOTCLIP.CLASS_TEXT", "name"]
SAFE = set(string.ascii_letters + string.digits + "-_.")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return a folder of three pictures, two with one name, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name in ("a/one.jpg", "b/one.jpg", "b/two: new?.png"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(draw_scene(get_world("rich").sample(rng), 64)).save(path)
    (folder / "b" / "broken.jpg").write_text("no picture")
    return folder


def test_every_readable_image_gets_a_picture_and_a_line(photos, tmp_path, capsys):
    out = tmp_path / "maps"
    status = predict.main(
        [str(photos), *FLAGS, *REGION, "--explain", str(out), "--format", "jsonl"]
    )
    printed = capsys.readouterr()
    assert status == 1 and "1 image that could not be read" in printed.err
    assert "broken.jpg" in printed.err
    predicted = [json.loads(line) for line in printed.out.splitlines()]
    explained = [json.loads(line) for line in (out / "explanations.jsonl").open()]
    assert [line["image"] for line in explained] == [line["image"] for line in predicted]
    assert len(explained) == 3
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert pictures == sorted(line["picture"] for line in explained) and len(set(pictures)) == 3
    for line, prediction in zip(explained, predicted, strict=True):
        assert len(line["intents"]) == 3 and "prompts" not in line["intents"][0]
        for shown, said in zip(line["intents"], prediction["top"], strict=False):
            assert (shown["class"], shown["probability"]) == (said["class"], said["probability"])
        with Image.open(out / line["picture"]) as image:
            assert image.format == "PNG" and image.width <= 1600
    assert not (out / "prompts.txt").exists()


def test_a_trainer_without_maps_ends_before_the_first_image(photos, tmp_path, capsys):
    out = tmp_path / "maps"
    assert predict.main([str(photos), *FLAGS, "--explain", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ZeroshotCLIP has no maps to explain: ")
    assert len(printed.err.splitlines()) == 1 and not printed.out and not out.exists()


@pytest.mark.parametrize(("flag", "value"), [("--explain-top", "0"), ("--explain-width", "300")])
def test_numbers_that_are_too_small_are_named(photos, flag, value, capsys):
    assert predict.main([str(photos), *FLAGS, flag, value]) == 2
    assert f"{flag} is {value}" in capsys.readouterr().err


def test_prompts_are_written_for_all_classes_and_into_the_lines(
    intclip_predictor, photos, tmp_path
):
    prediction = intclip_predictor(str(photos / "a" / "one.jpg"))
    with ExplanationFolder(tmp_path, intclip_predictor, top=2, width=900) as folder:
        path = folder.add(prediction)
    assert path.parent == tmp_path and path.is_file()
    (line,) = (json.loads(line) for line in (tmp_path / "explanations.jsonl").open())
    prompts = line["intents"][0]["prompts"]
    assert len(prompts["positive"]) == 2 and len(prompts["negative"]) == 3
    text = (tmp_path / "prompts.txt").read_text()
    assert all(f"{name} ({name})" in text for name in CLASSES)
    words = intclip_predictor.prompt_words(line["intents"][0]["class"], k=3)
    nearest = words.positive[0][0]
    assert prompts["positive"][0][0] == [nearest.text, nearest.distance]
    assert f"positive  1: {nearest.text} {nearest.distance:.3f}" in text


def test_an_image_that_vanishes_is_one_more_failure(region_predictor, photos, tmp_path):
    prediction = region_predictor(str(photos / "a" / "one.jpg"))
    gone = type(prediction)(
        str(tmp_path / "gone.jpg"), prediction.probabilities, None, prediction.classes
    )

    class Silent:
        def write(self, prediction):
            pass

        def close(self):
            pass

    with ExplanationFolder(tmp_path / "maps", region_predictor) as folder:
        failures = predict.write_all([gone], Silent(), has_bar=False, explain=folder.add)
    assert len(failures) == 1 and "gone.jpg" in failures[0]


@given(st.text(), st.text())
def test_names_of_pictures_are_safe_and_differ_where_paths_differ(first, second):
    names = []
    for text in (first, second):
        path = "photos/" + text.encode("utf-8", "ignore").decode()
        names.append(picture_name(path))
        assert set(names[-1]) <= SAFE and len(names[-1]) <= 80
        assert names[-1].endswith(".png") and not names[-1].startswith(".")
    clean = [text.encode("utf-8", "ignore") for text in (first, second)]
    assert (names[0] == names[1]) == (clean[0] == clean[1])


def test_a_name_that_is_no_text_is_safe_too():
    assert picture_name("a/photo\udcff.jpg").startswith("photo_-")
