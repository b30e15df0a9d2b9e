"""The example runs alone, and agrees with predict.py but for the rounding of the resize."""

import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import train
from core.config_merge import setup_cfg
from core.files import PROJECT
from datasets.transforms import build_test_transform
from inference.export import packages
from inference.export.description import describe_preparation
from inference.export.run import export
from inference.images import to_image
from inference.predictor import IntentPredictor
from tests.conftest import FAST
from tests.imports import imported
from tools.scenes import draw_scene, get_world

EXAMPLE = PROJECT / "examples" / "onnx_predict.py"
TOLERANCE = 0.02  # of a probability, from the one unit of 255 by which pixels may differ
# Largest difference of a pixel, of 255; bicubic overshoots, and is cut off at other places.
LARGEST = {"bilinear": 1, "bicubic": 8, "nearest": 0}
LINE = re.compile(r"  (\d\.\d{4}) ([* ]) (.+)")
TURNED = 6  # value of the EXIF tag Orientation: to be shown turned by 90 degrees
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return photos of several forms, one of them upright by its EXIF data alone."""
    folder = tmp_path_factory.mktemp("photos")
    sizes = {"wide.png": (200, 90), "high.jpg": (48, 64), "large.jpg": (150, 170)}
    for number, (name, size) in enumerate(sizes.items()):
        scene = get_world("rich").sample(np.random.default_rng([7, number]))
        Image.fromarray(draw_scene(scene, 128)).resize(size).save(folder / name, quality=95)
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED
    Image.open(folder / "wide.png").save(folder / "turned.jpg", exif=exif, quality=95)
    Image.open(folder / "wide.png").convert("L").save(folder / "grey.png")
    return sorted(folder.iterdir())


def test_the_example_needs_three_packages():
    foreign = set(imported(EXAMPLE)) - sys.stdlib_module_names
    assert foreign == {"numpy", "onnxruntime", "PIL"}


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_a_picture_of_more_than_8_bits_is_refused(mode, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the packages of requirements-export.txt")
    Image.new(mode, (8, 8)).save(tmp_path / "deep.tif")
    spec = importlib.util.spec_from_file_location("onnx_predict", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    with pytest.raises(SystemExit, match=r"deep\.tif: save it with 8 bits"):
        example.read_photo(str(tmp_path / "deep.tif"), {})


def test_the_example_is_short():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line]) <= 30


@pytest.mark.parametrize("interpolation", LARGEST)
@pytest.mark.parametrize("transforms", ["()", "('center_crop',)"], ids=["squash", "cover"])
def test_photos_are_prepared_as_in_prediction(interpolation, transforms, photos):
    pytest.importorskip("onnxruntime", reason="needs the packages of requirements-export.txt")
    spec = importlib.util.spec_from_file_location("onnx_predict", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    names = ["INPUT.SIZE", "INPUT.INTERPOLATION", "INPUT.TRANSFORMS"]
    values = ["(64, 96)", interpolation, transforms]
    cfg = setup_cfg([], opts=[word for pair in zip(names, values, strict=True) for word in pair])
    transform, how = build_test_transform(cfg), describe_preparation(cfg)
    for photo in photos:
        pixels = example.read_photo(str(photo), how) * 255  # (3, H, W)
        expected = transform(to_image(photo)).numpy().astype(np.float32)
        difference = np.abs(pixels - expected)
        assert difference.max() < LARGEST[interpolation] + 0.01, photo
        assert difference.mean() < 0.3, photo
        assert expected.std() > 10  # no flat picture, in which every resize agrees


def run_example(folder, photos):
    """Return the example's five best intents of each photo: name -> (probability, mark)."""
    command = [sys.executable, "-I", folder / "onnx_predict.py", folder / "model.onnx", *photos]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stderr
    found = []
    for line in result.stdout.splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            found.append({})
        else:
            found[-1][match[3]] = (float(match[1]), match[2] == "*")
    return found


@pytest.mark.slow
@pytest.mark.skipif(
    any(packages.find_spec(name) is None for name in packages.ONNX_PACKAGES),
    reason="needs the packages of requirements-export.txt",
)
def test_the_example_agrees_with_predict(scenes_root, photos, tmp_path):
    train.main([
        "--root", str(scenes_root), "--seed", "1", "--trainer", "ZeroshotCLIP",
        "--dataset-config-file", "configs/datasets/scenes.yaml",
        "--config-file", "configs/trainers/ZeroshotCLIP/scenes.yaml",
        "--output-dir", str(tmp_path / "run"), *FAST,
    ])  # fmt: skip
    found = run_example(export(tmp_path / "run", "onnx", tmp_path / "model"), photos)
    predictor = IntentPredictor.from_run(tmp_path / "run", device="cpu")
    predictions = predictor(photos)
    assert len(found) == len(photos)
    for example, prediction in zip(found, predictions, strict=True):
        own = {intent.name: intent for intent in prediction.top(20)}
        lowest = min(score for score, _ in example.values())
        assert len(example) == 5
        assert prediction.top(6)[5].probability < lowest + TOLERANCE
        for name, (score, mark) in example.items():
            near = abs(score - predictor.rule.threshold) < TOLERANCE
            assert abs(own[name].probability - score) < TOLERANCE
            assert near or mark == own[name].passes
    best = np.stack([prediction.probabilities for prediction in predictions])
    assert best.std(axis=0).max() > 3 * TOLERANCE  # photos that are mixed up would be seen
