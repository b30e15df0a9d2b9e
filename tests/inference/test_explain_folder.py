"""predict.py --explain: a picture per image, the numbers, the prompts; bad files stay listed."""

import io
import json
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import predict
from core.files import PROJECT
from inference import shared
from inference.explain_folder import ExplanationFolder, picture_name
from inference.output import JsonLinesWriter
from inference.shared import shared_stream
from tests.inference.conftest import CLASSES, ZERO_SHOT
from tests.launch import torchrun
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
    assert f" {' '.join(REGION[:3])}, which changes its predictions" in printed.err
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
        folder.write(folder.draw(prediction))
    (line,) = (json.loads(line) for line in (tmp_path / "explanations.jsonl").open())
    assert (tmp_path / line["picture"]).is_file()
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

    class Vanishing:
        def stream(self, paths, workers):
            return [gone for _ in paths]

    writer = JsonLinesWriter(io.StringIO(), top=1, classes=gone.classes)
    with ExplanationFolder(tmp_path / "maps", region_predictor) as folder:
        results = shared_stream(Vanishing(), ["gone.jpg"], explain=folder.draw)
        failures = predict.write_all(results, writer, has_bar=False, folder=folder)
    assert len(failures) == 1 and "gone.jpg" in failures[0]
    assert writer.stream.getvalue().count("\n") == 1
    assert (tmp_path / "maps" / "explanations.jsonl").read_text() == ""


def test_each_process_explains_its_own_images(region_predictor, photos, monkeypatch):
    own = [str(photos / "b" / "one.jpg"), "gone.jpg"]
    rounds = iter([[["never.jpg"], own], [[], []]])
    gathered = []
    monkeypatch.setattr(shared, "world_size", lambda: 2)
    monkeypatch.setattr(shared, "rank", lambda: 1)
    monkeypatch.setattr(shared, "from_main", lambda function: next(rounds))
    monkeypatch.setattr(shared, "gather_objects", gathered.append)
    explained = []

    def explain(prediction):
        explained.append(prediction.image)
        return {"image": prediction.image}

    assert list(shared_stream(region_predictor, [], workers=0, explain=explain)) == []
    assert explained == own[:1]
    ((first, second),) = gathered
    assert first[0].image == own[0] and first[1] == {"image": own[0]}
    assert second[0].image == "gone.jpg" and second[1] is None


@pytest.mark.parametrize(("explain", "most"), [(None, 160), (dict, 64)])
def test_a_round_is_short_where_pictures_are_drawn(monkeypatch, explain, most):
    class Ten:
        batch_size = 10

        def stream(self, paths, workers):
            return []

    taken = []

    def from_main(function):
        taken.append(function())
        return [[], []]

    monkeypatch.setattr(shared, "world_size", lambda: 2)
    monkeypatch.setattr(shared, "from_main", from_main)
    assert list(shared_stream(Ten(), map(str, range(1000)), explain=explain)) == []
    assert [len(part) for part in taken[0]] == [most, most]


@pytest.mark.slow
def test_two_processes_explain_what_one_explains(photos, tmp_path, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    images = [str(path) for path in sorted(photos.rglob("*.*")) if path.name != "broken.jpg"]
    command = [*images * 2, *FLAGS, *REGION, "--batch-size", "2", "--format", "jsonl"]
    assert predict.main([*command, "--explain", str(one)]) == 0
    predicted = capsys.readouterr().out
    done = torchrun(str(PROJECT / "predict.py"), *command, "--explain", str(two), cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    names = [json.loads(line)["image"] for line in predicted.splitlines()]
    assert [json.loads(line)["image"] for line in done.stdout.splitlines()] == names
    lines = [json.loads(line) for line in (two / "explanations.jsonl").open()]
    assert [line["image"] for line in lines] == names
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}


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
