"""The ONNX file gives the probabilities of the network; a file that does not is not kept."""

import json

import numpy as np
import pytest
import torch

from core.errors import UserError
from evaluation import GlobalThreshold
from evaluation.rules import PerClassThresholds, TopK
from inference.export import onnx_check, onnx_file, packages
from inference.export.description import describe_model
from inference.export.onnx_check import check_onnx, comparison_pictures, run_onnx
from inference.export.onnx_file import OPSET, write_onnx
from inference.export.run import export
from inference.predictor import IntentPredictor
from tests.inference.export.conftest import SECRET
from tests.inference.export.networks import NAMES, build

needs_onnx = pytest.mark.skipif(
    any(packages.find_spec(name) is None for name in packages.ONNX_PACKAGES),
    reason="needs the packages of requirements-export.txt",
)
INTCLIP = "TRAINER.INTCLIP."
CASES = {
    "sight_assisted": ("IntCLIP", "resnet", [f"{INTCLIP}ATTENTION_FROM", "cross"]),
    "mean": ("IntCLIP", "resnet", [f"{INTCLIP}AGGREGATION", "mean"]),
    "sight": ("IntCLIP", "resnet", [f"{INTCLIP}AGGREGATION", "sight"]),
    "semantic": ("IntCLIP", "resnet", [f"{INTCLIP}AGGREGATION", "semantic"]),
    "global_region": ("IntCLIP", "resnet", [f"{INTCLIP}REGIONS", "global+locations"]),
    "single_label": (
        "IntCLIP",
        "resnet",
        [f"{INTCLIP}LOSS", "SoftmaxPairLoss", f"{INTCLIP}POOL_WEIGHT", "0.2"],
    ),
    "vit": ("IntCLIP", "vit", [f"{INTCLIP}DENSE_FORM", "residual"]),
    "dualcoop": ("DualCoOp", "resnet", []),
    "dualcoop_vit": ("DualCoOp", "vit", ["TRAINER.DUALCOOP.REGIONS", "global+locations"]),
    "finetune": ("FineTune", "resnet", []),
    "finetune_vit": ("FineTune", "vit", []),
    "probe": ("LinearProbe", "resnet", ["TRAINER.LINEARPROBE.FEATURES", "concat"]),
    "probe_vit": ("LinearProbe", "vit", []),
    "zeroshot": ("ZeroshotCLIP", "resnet", []),
    "zeroshot_region": (
        "ZeroshotCLIP",
        "vit",
        ["TRAINER.ZEROSHOTCLIP.FEATURES", "region", "TRAINER.ZEROSHOTCLIP.SCORES", "softmax"],
    ),
}


@needs_onnx
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_file_gives_the_probabilities_of_the_network(case, tmp_path):
    trainer = build(tmp_path, *CASES[case])
    path = tmp_path / "model.onnx"
    write_onnx(path, trainer, {})
    assert check_onnx(path, trainer) < 1e-5
    pictures = comparison_pictures((64, 96)).flip(0, 3)[:5]  # a batch size that is not checked
    expected = trainer.model_inference(trainer.dm.normalizer(pictures)).numpy()
    difference = np.abs(run_onnx(path, pictures) - expected).max()
    assert difference < 1e-5 and difference < expected.std(axis=0).max() / 20
    names = [item.name for item in packages.load("onnx").load(str(path)).graph.initializer]
    assert names and not [name for name in names if ".text." in name]


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """Return the trainer and the ONNX file of a linear probe."""
    folder = tmp_path_factory.mktemp("probe")
    trainer = build(folder, "LinearProbe", "resnet", size=(64, 64))
    description = describe_model(trainer, GlobalThreshold(0.3), opset=OPSET)
    write_onnx(folder / "model.onnx", trainer, description)
    return trainer, folder / "model.onnx"


@needs_onnx
@pytest.mark.slow
def test_a_file_of_other_weights_is_found(probe):
    trainer, path = probe
    bias = trainer.model.linear.bias.detach()
    bias[2] += 0.01
    try:
        with pytest.raises(UserError, match=r"not kept: a probability differs .* batch of 1") as e:
            check_onnx(path, trainer)
    finally:
        bias[2] -= 0.01
    assert "\n" not in str(e.value)


@needs_onnx
@pytest.mark.slow
def test_probabilities_that_are_no_numbers_are_found(probe, monkeypatch):
    trainer, path = probe
    monkeypatch.setattr(onnx_check, "run_onnx", lambda path, part: np.full((len(part), 5), np.nan))
    with pytest.raises(UserError, match="differs from the network's by nan"):
        check_onnx(path, trainer)


@needs_onnx
@pytest.mark.slow
def test_the_metadata_are_the_description(probe):
    trainer, path = probe
    model = packages.load("onnx").load(str(path))
    stored = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert stored == describe_model(trainer, GlobalThreshold(0.3), opset=OPSET)
    assert model.opset_import[0].version == stored["opset"]
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param and [side.dim_value for side in shape[1:]] == [3, 64, 64]


@needs_onnx
@pytest.mark.slow
def test_the_file_names_no_source_file_of_the_machine(probe):
    content = probe[1].read_bytes()
    assert b".py" not in content and b"stack_trace" not in content


@needs_onnx
@pytest.mark.slow
def test_a_folder_whose_file_differs_is_not_written(finished, tmp_path, monkeypatch):
    def write(path, trainer, description):
        network = trainer.model.linear
        with torch.no_grad():
            network.bias += 1
            write_onnx(path, trainer, description)
            network.bias -= 1

    monkeypatch.setattr("inference.export.run.write_onnx", write)
    with pytest.raises(UserError, match="the ONNX file is not kept"):
        export(finished("LinearProbe"), "onnx", tmp_path / "model")
    assert not list(tmp_path.iterdir())


@needs_onnx
@pytest.mark.slow
def test_a_run_becomes_a_folder_with_one_model(finished, photos, tmp_path):
    run = finished("IntCLIP")
    folder = export(run, "onnx", tmp_path / "model")
    files = sorted(file.name for file in folder.iterdir())
    assert files == ["README.md", "model.json", "model.onnx", "onnx_predict.py"]
    for file in folder.iterdir():
        assert SECRET.encode() not in file.read_bytes(), file
    predictor = IntentPredictor.from_run(run, device="cpu")
    info = json.loads((folder / "model.json").read_text())
    assert info["thresholds"] == predictor.rule.thresholds(20).tolist()
    assert info["classes"] == predictor.classes.classnames
    pictures = torch.stack([predictor.transform(predictor_image(photo)) for photo in photos])
    scores = run_onnx(folder / info["file"], pictures)
    np.testing.assert_allclose(scores, predictor.probabilities(pictures), atol=1e-5)


def predictor_image(photo):
    from inference.images import to_image

    return to_image(photo)


# Without the packages of the export ---------------------------------------------------------------


def test_a_missing_package_is_one_line_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if "onnx" in name else True)
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError) as error:
        export(tmp_path / "run", "onnx", tmp_path / "model")
    assert str(error.value) == (
        "the ONNX export needs onnx, onnxruntime, onnxscript; "
        "install: pip install -r requirements-export.txt"
    )
    assert not (tmp_path / "model").exists()


def test_a_network_that_torch_cannot_export_is_one_line(tmp_path, monkeypatch):
    def fail(trainer):
        raise RuntimeError("no operator for this\nsecond line")

    monkeypatch.setattr(onnx_file, "export_network", fail)
    with pytest.raises(UserError, match="no operator for this") as error:
        write_onnx(tmp_path / "model.onnx", None, {})
    assert "\n" not in str(error.value) and f"torch {torch.__version__[:4]}" in str(error.value)


@pytest.fixture
def zeroshot(tmp_path):
    return build(tmp_path, "ZeroshotCLIP", "vit")


def test_rules_with_thresholds_give_one_per_class(zeroshot):
    each = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    described = describe_model(zeroshot, PerClassThresholds(each), opset=OPSET)
    assert described["thresholds"] == each.tolist()
    assert described["rule"]["parameters"] == {"class_thresholds": each.tolist()}
    assert describe_model(zeroshot, GlobalThreshold(0.2), opset=OPSET)["thresholds"] == [0.2] * 5


def test_a_rule_without_thresholds_and_no_rule_are_told_apart(zeroshot):
    described = describe_model(zeroshot, TopK(2), opset=OPSET)
    assert described["thresholds"] is None and described["rule"]["parameters"] == {"k": 2}
    assert describe_model(zeroshot, None, opset=OPSET)["rule"] is None


def test_the_description_has_classes_sizes_and_preparation(tmp_path):
    options = ["INPUT.INTERPOLATION", "bicubic", "INPUT.TRANSFORMS", "('center_crop',)"]
    described = describe_model(build(tmp_path, "LinearProbe", "resnet", options), None, opset=OPSET)
    assert described["classes"] == described["names"] == NAMES
    assert described["input"]["shape"] == ["batch", 3, 64, 96]
    assert described["output"]["shape"] == ["batch", 5]
    preparation = described["preparation"]
    assert (preparation["height"], preparation["width"]) == (64, 96)
    assert (preparation["resize"], preparation["interpolation"]) == ("cover", "bicubic")
