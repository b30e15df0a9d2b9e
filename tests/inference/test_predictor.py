"""IntentPredictor: every form of an image, lists, streams, threads, rules, classes of one's own."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import UserError
from inference.predictor import IntentPredictor
from inference.results import Intent, Prediction, Unreadable

CLIP = "configs/trainers/ZeroshotCLIP/scenes.yaml"
PIXELS = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return the path of a picture with the pixels of ``PIXELS``."""
    path = tmp_path_factory.mktemp("forms") / "picture.png"
    Image.fromarray(PIXELS).save(path)
    return path


@pytest.fixture(scope="module")
def some(pictures):
    """Return the paths of 20 pictures."""
    return sorted(map(str, pictures.glob("low/*.jpg")))[:20]


@pytest.fixture(scope="module")
def plain():
    """Return plain CLIP over three classes."""
    return IntentPredictor.from_classes("joy, calm, fear of heights", config_file=CLIP)


def check_same(found, expected):
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


# Forms of an image ------------------------------------------------------------------------------


def test_paths_pictures_and_arrays_of_the_same_pixels_have_one_prediction(predictor, file):
    expected = predictor(str(file))
    scaled = (PIXELS / 255).astype(np.float32)
    forms = [
        file,
        Image.open(file),
        Image.fromarray(PIXELS),
        PIXELS,
        PIXELS / 255,
        scaled,
        scaled.astype(np.float16),
        np.asfortranarray(PIXELS),
        torch.from_numpy(PIXELS),
        torch.from_numpy(scaled).requires_grad_(),
    ]
    for form in forms:
        check_same(predictor(form), expected)
    assert predictor(file).image == str(file)
    assert predictor(PIXELS).image == "image 0"


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_picture_of_the_caller_stays_as_it_is(region_predictor, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).resize((1600, 1200)).save(tmp_path / "large.jpg", exif=exif)
    picture = Image.open(tmp_path / "large.jpg")
    expected = region_predictor(tmp_path / "large.jpg")
    upright = (1600, 1200) if orientation == 1 else (1200, 1600)
    for _ in range(2):
        check_same(region_predictor(picture), expected)
        assert region_predictor.explain(picture).picture.size == upright
        assert picture.size == (1600, 1200)
    with Image.open(tmp_path / "large.jpg") as untouched:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(untouched))


def test_grey_is_one_plane_in_each_form(predictor):
    grey = PIXELS[..., 0]
    expected = predictor(np.stack([grey] * 3, axis=2))
    for form in (grey, grey[..., None], grey / 255, Image.fromarray(grey), torch.from_numpy(grey)):
        check_same(predictor(form), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_a_picture_of_another_mode_is_converted(predictor, mode):
    picture = Image.fromarray(PIXELS).convert(mode)
    check_same(predictor(picture), predictor(picture.convert("RGB")))


def test_grey_of_16_bits_keeps_its_brightness(predictor):
    deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) << 8)
    assert deep.mode == "I;16"
    check_same(predictor(deep), predictor(PIXELS[..., 0]))


WRONG = {
    "None": None,
    "number": 3,
    "bytes": b"picture.jpg",
    "a batch": np.zeros((2, 8, 8, 3), np.uint8),
    "channels first": np.zeros((3, 8, 8), np.uint8),
    "four channels": np.zeros((8, 8, 4), np.uint8),
    "no pixels": np.zeros((0, 8, 3), np.uint8),
    "int64": np.zeros((8, 8, 3), np.int64),
    "uint16": np.zeros((8, 8, 3), np.uint16),
    "bool": np.zeros((8, 8), bool),
    "above 1": np.full((8, 8), 1.5),
    "below 0": np.full((8, 8), -0.5),
    "not a number": np.full((8, 8), np.nan),
    "text": np.array([["a"]]),
    "rows of different lengths": [[[1, 2], [3]]],
    "a dict": {"img": 1},
    "a generator": (path for path in ["a.jpg"]),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_form_is_one_line(predictor, kind):
    with pytest.raises(UserError) as caught:
        predictor(WRONG[kind])
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("an image ")


def test_a_file_that_cannot_be_read_is_one_line(predictor, tmp_path):
    for path in (tmp_path / "gone.jpg", tmp_path, "nothing\n.jpg", "zero\0.jpg", ""):
        with pytest.raises(UserError, match="cannot read image ") as caught:
            predictor(path)
        assert str(caught.value).isprintable()


# Lists and streams ------------------------------------------------------------------------------


def test_a_list_gives_a_list_in_order(predictor, some, file):
    found = predictor([*some, PIXELS, file])
    assert [one.image for one in found] == [*some, "image 20", str(file)]
    assert predictor((PIXELS,))[0].image == "image 0"
    assert predictor([]) == []
    for path, one in zip(some, found, strict=False):
        np.testing.assert_allclose(one.probabilities, predictor(path).probabilities, atol=1e-5)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # fewer cores than workers
def test_a_stream_names_what_it_cannot_read_and_goes_on(predictor, some, workers):
    paths = [some[0], "gone.jpg", *some[1:], "gone.jpg"]
    found = list(predictor.stream(map(Path, paths), workers=workers))
    assert [one.image for one in found] == paths
    assert [isinstance(one, Unreadable) for one in found] == [path == "gone.jpg" for path in paths]
    assert found[1].reason == "cannot read image gone.jpg: there is no such file"
    expected = predictor(some)
    for one, other in zip([o for o in found if isinstance(o, Prediction)], expected, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


def test_a_stream_without_any_picture(predictor):
    assert list(predictor.stream([])) == []
    assert all(isinstance(one, Unreadable) for one in predictor.stream(["a"] * 20))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize(("workers", "most_batches"), [(0, 1), (2, 5)])
def test_a_stream_takes_few_paths_ahead(predictor, some, workers, most_batches):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield some[taken % 20]

    stream = predictor.stream(endless(), workers=workers)
    for number in range(1, 40):
        assert next(stream).image == some[number % 20]
        assert taken <= number + most_batches * predictor.batch_size
    stream.close()


def test_eight_threads_give_what_one_gives(predictor, some):
    expected = [predictor(path) for path in some]
    streamed = list(predictor.stream(some))
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: [predictor(path) for path in some], range(4)):
            for one, other in zip(found, expected, strict=True):
                check_same(one, other)
        for found in pool.map(lambda _: list(predictor.stream(some)), range(8)):
            for one, other in zip(found, streamed, strict=True):
                check_same(one, other)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_below_1_is_refused(run, size):
    with pytest.raises(UserError, match=f"the batch size is {size}; expected at least 1"):
        IntentPredictor.from_run(run, batch_size=size)


# What a prediction says ---------------------------------------------------------------------------


def test_a_prediction_has_typed_values(predictor, file):
    found = predictor(file)
    num = len(predictor.classes.classnames)
    assert found.probabilities.dtype == np.float32 and found.probabilities.shape == (num,)
    assert found.passes.dtype == bool and found.passes.shape == (num,)
    first = found.top(1)[0]
    assert isinstance(first, Intent)
    assert [type(value) for value in first] == [str, str, float, bool]
    json.dumps(found.as_dict())


def test_the_best_intents_come_first_and_of_equals_the_first(plain):
    scores = np.array([0.25, 0.5, 0.5], np.float32)
    found = Prediction("a.jpg", scores, None, plain.classes)
    assert [intent.key for intent in found.top()] == ["calm", "fear of heights", "joy"]
    assert [intent.key for intent in found.top(1)] == ["calm"]
    assert found.top(0) == [] and len(found.top(99)) == 3
    assert found.as_dict(1) == {
        "image": "a.jpg",
        "top": [{"class": "calm", "name": "calm", "probability": 0.5}],
    }


def test_intents_are_those_that_pass_the_rule(predictor, file):
    found = predictor(file)
    passing = {predictor.classes.classnames[c] for c in np.flatnonzero(found.passes)}
    assert {intent.key for intent in found.intents} == passing
    assert found.as_dict()["intents"] == [intent.key for intent in found.intents]
    probabilities = [intent.probability for intent in found.intents]
    assert probabilities == sorted(probabilities, reverse=True)


def test_without_a_rule_there_are_no_intents(plain, file):
    found = plain(file)
    assert plain.rule is None and found.passes is None
    assert found.top(1)[0].passes is None
    with pytest.raises(UserError, match="there is no decision rule; see top"):
        _ = found.intents


@pytest.mark.parametrize("level", ["super", "mid"])
def test_groups_are_those_of_the_hierarchy_the_best_first(predictor, file, level):
    found = predictor(file)
    groups = found.groups(level)
    names = predictor.classes.classnames
    members = {}
    for group, classes in predictor.classes.hierarchy.levels[level].items():
        members[group] = {names[c] for c in classes}
    assert {group: {i.key for i in intents} for group, intents in groups.items()} == members
    firsts = [intents[0].probability for intents in groups.values()]
    assert firsts == sorted(firsts, reverse=True)


def test_groups_that_the_classes_do_not_have_are_refused(predictor, plain, file):
    with pytest.raises(UserError, match=r"the level of the groups is 'supper'.* 'super'\?"):
        predictor(file).groups("supper")
    with pytest.raises(UserError, match="there are no super groups: the classes have no hierarchy"):
        plain(file).groups()


# Rules and devices ------------------------------------------------------------------------------


def test_the_rule_is_that_of_the_run_or_a_given_one(run, copied, file):
    stored = json.loads((run / "rule.json").read_text())["parameters"]["threshold"]
    of_run = IntentPredictor.from_run(run)(file)
    np.testing.assert_array_equal(of_run.passes, of_run.probabilities > stored)
    (copied / "rule.json").unlink()
    assert IntentPredictor.from_run(copied).rule is None
    given = IntentPredictor.from_run(copied, rule=str(run / "rule.json"))(file)
    np.testing.assert_array_equal(given.passes, of_run.passes)
    for rule, threshold in (("0.25", 0.25), (0.75, 0.75), (0.0, 0), ("fixed", 0.5)):
        found = IntentPredictor.from_run(copied, rule=rule)(file)
        np.testing.assert_array_equal(found.passes, found.probabilities > threshold)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("fixd", r"the rule is 'fixd'; accepted: fixed\. Did you mean 'fixed'\? A threshold and"),
        ("global", "the rule 'global' is fitted on a val split.* TEST.RULE global, which writes"),
        ("", "the rule is ''"),
        ("1", "the threshold 1; expected at least 0 and below 1"),
        (-0.5, "the threshold -0.5; expected at least 0"),
        ("nan", "the threshold nan"),
        ("gone/rule.json", "cannot read gone/rule.json: No such file"),
    ],
)
def test_a_rule_that_does_not_fit_is_one_line(rule, expected):
    with pytest.raises(UserError, match=expected) as caught:
        IntentPredictor.from_classes("joy, calm", config_file=CLIP, rule=rule)
    assert "\n" not in str(caught.value)


def test_a_rule_of_other_classes_is_one_line(run, tmp_path):
    content = json.loads((run / "rule.json").read_text())
    content["name"], content["parameters"] = "per_class", {"values": [0.5] * 20}
    (tmp_path / "rule.json").write_text(json.dumps(content))
    with pytest.raises(UserError) as caught:
        IntentPredictor.from_classes(
            "joy, calm", config_file=CLIP, rule=str(tmp_path / "rule.json")
        )
    assert "\n" not in str(caught.value) and "rule.json" in str(caught.value)


def test_devices_have_names(run, monkeypatch):
    assert IntentPredictor.from_run(run, device="cpu").device == torch.device("cpu")
    with pytest.raises(UserError, match="the device is 'tpu'; accepted: auto, cpu, cuda"):
        IntentPredictor.from_run(run, device="tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="'cuda', but torch finds no CUDA device here"):
        IntentPredictor.from_run(run, device="cuda")


# Classes of one's own ---------------------------------------------------------------------------


def test_classes_are_a_text_with_commas_or_a_list(plain, file):
    assert plain.classes.classnames == ["joy", "calm", "fear of heights"]
    names = [" joy", "calm ", "fear of heights"]
    check_same(IntentPredictor.from_classes(names, config_file=CLIP)(file), plain(file))


def test_a_semicolon_separates_texts_with_commas():
    text = "a tree, old and tall; a house"
    predictor = IntentPredictor.from_classes(text, config_file=CLIP)
    assert predictor.classes.classnames == ["a tree, old and tall", "a house"]


def test_a_hierarchy_gives_classes_words_and_groups(file, tmp_path):
    shipped = IntentPredictor.from_classes(hierarchy="scenes", config_file=CLIP)
    assert len(shipped.classes.classnames) == 20 and "super" in shipped.classes.hierarchy.levels
    own = tmp_path / "own.yaml"
    own.write_text(
        "classes: {Joy: {name: great joy, sentence: a photo of joy}, Fear: {name: fear}}\n"
        "tree: {good: [Joy], bad: [Fear]}\n"
    )
    predictor = IntentPredictor.from_classes(hierarchy=str(own), config_file=CLIP)
    assert [intent.name for intent in predictor(file).top()] != []
    assert predictor.classes.classnames == ["Joy", "Fear"]
    assert predictor.classes.hierarchy.names == ["great joy", "fear"]
    assert set(predictor(file).groups()) == {"good", "bad"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "give either classes, such as 'joy, calm', or a hierarchy file"),
        ({"classes": "joy", "hierarchy": "scenes"}, "give either classes"),
        ({"classes": " , "}, "no class is given; expected names such as 'joy, calm'"),
        ({"classes": "joy, calm,joy"}, "the class 'joy' is given twice"),
        ({"classes": "joy, calm, Joy"}, "class 'Joy' is given twice: CLIP reads 'joy' as the same"),
        ({"hierarchy": "scene"}, "the hierarchy is 'scene'; accepted: .*Did you mean 'scenes'?"),
        (
            {"hierarchy": "gone.yaml"},
            "the hierarchy gone.yaml does not exist; expected a YAML file",
        ),
        ({"classes": "joy"}, "the only class is 'joy'; plain CLIP compares at least two"),
        ({"classes": ["a " * 90, "b"]}, "has more than the 77 tokens that fit; shorten it"),
    ],
)
def test_mistakes_in_the_classes_are_one_line(arguments, expected):
    with pytest.raises(UserError, match=expected) as caught:
        IntentPredictor.from_classes(config_file=CLIP, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[a, b]", "classes: 3", "classes: [", "tree: {}", "\x80"])
def test_a_file_that_is_no_hierarchy_is_one_line(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as caught:
        IntentPredictor.from_classes(hierarchy=str(path), config_file=CLIP)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_path_of_any_path_type_is_named(predictor, file):
    class Place:
        def __fspath__(self):
            return str(file)

    assert predictor(Place()).image == str(file)
    assert predictor([PurePosixPath(file)])[0].image == str(file)
