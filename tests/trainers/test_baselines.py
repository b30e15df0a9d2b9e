"""Every trainer with its shipped small configuration, through the command line, on drawn scenes."""

import json
from pathlib import Path

import pytest
import torch

import train
import trainers  # noqa: F401  (registers them)
from core.config_merge import setup_cfg
from core.errors import UserError
from engine.base_choice import build_trainer
from tests.conftest import NO_EXTRAS

LEARNING = {
    "DualCoOp": ("prompts",),
    "LinearProbe": ("linear",),
    "FineTune": ("semantic", "linear"),
    "IntCLIP": ("prompts", "semantic", "aggregation"),
}
NAMES = {
    "prompts": "text.prompts.ctx_",
    "linear": "linear.",
    "semantic": "encoder.semantic.",
    "aggregation": "aggregation.",
}
FAST = [
    "OPTIM.MAX_EPOCH", "2", "INPUT.SIZE", "(64, 64)", "DATALOADER.TRAIN_X.BATCH_SIZE", "16",
    *NO_EXTRAS,
]  # fmt: skip


@pytest.fixture(scope="module")
def run(scenes_root):
    """Return a function: trainer, output folder and overrides to a finished run's folder."""

    def go(trainer, out, *opts, flags=()):
        args = ["--root", str(scenes_root), "--seed", "1", "--trainer", trainer]
        args += ["--output-dir", str(out), *flags]
        args += ["--dataset-config-file", "configs/datasets/scenes.yaml"]
        args += ["--config-file", f"configs/trainers/{trainer}/scenes.yaml"]
        train.main([*args, *FAST, *map(str, opts)])
        return Path(out)

    return go


@pytest.fixture(scope="module")
def finished(run, tmp_path_factory):
    """Return a function: trainer to the folder of its one plain run."""
    folders = {}

    def folder(trainer):
        if trainer not in folders:
            folders[trainer] = run(trainer, tmp_path_factory.mktemp(trainer))
        return folders[trainer]

    return folder


@pytest.fixture
def built(scenes_root, tmp_path):
    """Return a function: trainer and overrides to the built trainer."""

    def build(trainer, *opts):
        places = ["DATASET.ROOT", str(scenes_root), "OUTPUT_DIR", str(tmp_path), "SEED", "1"]
        files = ["configs/datasets/scenes.yaml", f"configs/trainers/{trainer}/scenes.yaml"]
        return build_trainer(setup_cfg(files, opts=[*FAST, *places, *map(str, opts)]))

    return build


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("trainer", [*LEARNING, "ZeroshotCLIP"])
def test_outputs_and_the_same_numbers_twice(finished, run, tmp_path, trainer):
    out = finished(trainer)
    for name in ("log.txt", "metrics.json", "per_class.csv", "per_class_val.csv", "tensorboard"):
        assert (out / name).exists(), name
    lines = (out / "log.txt").read_text().splitlines()
    assert {"Finish training", "Finished training", "=> result"} <= set(lines)
    assert lines.index("Finish training") < len(lines) - 1 - lines[::-1].index("=> result")
    assert 0 < metrics(out)["test"]["mAP"] <= 100
    assert metrics(out)["test"]["threshold"] == metrics(out)["val"]["threshold"]
    again = run(trainer, tmp_path)
    assert (again / "metrics.json").read_bytes() == (out / "metrics.json").read_bytes()


@pytest.mark.parametrize("trainer", LEARNING)
def test_checkpoints_hold_the_declared_groups_alone(finished, trainer):
    state = torch.load(finished(trainer) / trainer.lower() / "model.pth.tar-2", weights_only=True)
    assert [group["name"] for group in state["optimizer"]["param_groups"]] == list(
        LEARNING[trainer]
    )
    held = {
        next(g for g, prefix in NAMES.items() if key.startswith(prefix))
        for key in state["state_dict"]
    }
    assert held == set(LEARNING[trainer])
    assert len(state["optimizer"]["state"]) == len(state["state_dict"])


@pytest.mark.parametrize("trainer", LEARNING)
def test_a_step_moves_the_declared_groups_and_nothing_else(built, trainer):
    subject = built(trainer)
    model = subject.model
    for parameter in model.parameters():
        if parameter.requires_grad and not parameter.any():
            # gamma, bn3 and the classifier start at zero; then layers below get no gradient.
            torch.nn.init.normal_(parameter)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    subject.epoch = subject.batch_idx = 0
    subject.set_model_mode("train")
    subject.forward_backward(next(iter(subject.train_loader_x)))
    moved = {
        key for key, value in model.state_dict().items() if not torch.equal(value, before[key])
    }
    assert moved == set(model.trainable_state_dict())
    assert {
        next(g for g, prefix in NAMES.items() if key.startswith(prefix)) for key in moved
    } == set(LEARNING[trainer])


@pytest.mark.parametrize("trainer", [*LEARNING, "ZeroshotCLIP"])
def test_eval_only_reproduces_the_result(finished, run, tmp_path, trainer):
    best = [] if trainer == "ZeroshotCLIP" else ["TEST.FINAL_MODEL", "best_val"]
    run(trainer, tmp_path, *best, flags=["--eval-only", "--model-dir", str(finished(trainer))])
    assert metrics(tmp_path) == metrics(finished(trainer))


def test_zeroshot_writes_no_checkpoint_and_says_what_it_evaluated(finished):
    assert not list(finished("ZeroshotCLIP").rglob("*.pth.tar*"))
    assert metrics(finished("ZeroshotCLIP"))["model"] == "CLIP without training"


@pytest.mark.parametrize(
    ("trainer", "opts"),
    [
        (
            "ZeroshotCLIP",
            (
                "TRAINER.ZEROSHOTCLIP.FEATURES",
                "region",
                "TRAINER.ZEROSHOTCLIP.CLASS_TEXT",
                "sentence",
            ),
        ),
        (
            "ZeroshotCLIP",
            (
                "TRAINER.ZEROSHOTCLIP.TEMPLATES",
                "('{}', 'art of {}')",
                "TRAINER.ZEROSHOTCLIP.PREC",
                "bf16",
            ),
        ),
        ("DualCoOp", ("TRAINER.DUALCOOP.CSC", "False", "TRAINER.DUALCOOP.CLASS_TEXT", "path")),
        ("DualCoOp", ("TRAINER.DUALCOOP.LOSS", "BinaryPairLoss", "DATASET.LABEL_POLICY", "soft")),
        (
            "LinearProbe",
            ("TRAINER.LINEARPROBE.FEATURES", "concat", "TRAINER.LINEARPROBE.PREC", "bf16"),
        ),
        (
            "LinearProbe",
            (
                "TRAINER.LINEARPROBE.FEATURES",
                "mean",
                "TRAINER.LINEARPROBE.LOSS",
                "AsymmetricSigmoidLoss",
            ),
        ),
        (
            "FineTune",
            (
                "TRAINER.FINETUNE.LAYERS",
                "('layer1', 'layer2', 'layer3', 'layer4')",
                "OPTIM.NAME",
                "sgd",
            ),
        ),
        ("FineTune", ("TRAINER.FINETUNE.LOSS", "BinarySigmoidLoss", "TRAINER.FINETUNE.NORM", "l2")),
    ],
)
def test_every_switch_runs(run, finished, tmp_path, trainer, opts):
    run(trainer, tmp_path, "OPTIM.MAX_EPOCH", "1", *opts)
    assert metrics(tmp_path)["test"] != metrics(finished(trainer))["test"]


@pytest.mark.parametrize(
    ("trainer", "opts", "message"),
    [
        (
            "IntCLIP",
            ("TRAINER.INTCLIP.LOSS", "BinarySigmoidLoss"),
            r"TRAINER\.INTCLIP\.LOSS.*BinaryPairLoss",
        ),
        (
            "DualCoOp",
            ("TRAINER.DUALCOOP.LOSS", "AsymmetricSigmoidLoss"),
            r"DUALCOOP\.LOSS is .*accepted: AsymmetricPairLoss, BinaryPairLoss",
        ),
        (
            "LinearProbe",
            ("TRAINER.LINEARPROBE.LOSS", "BinaryPairLoss"),
            r"LINEARPROBE\.LOSS is .*accepted: AsymmetricSigmoidLoss",
        ),
        (
            "FineTune",
            ("TRAINER.FINETUNE.LOSS", "AsymmetricLoss"),
            r"FINETUNE\.LOSS.*AsymmetricSigmoidLoss",
        ),
        ("FineTune", ("TRAINER.FINETUNE.LAYERS", "('layer3',)"), "learnable layers are 'layer3'"),
        (
            "ZeroshotCLIP",
            ("TRAINER.ZEROSHOTCLIP.TEMPLATES", "('a photo',)"),
            r"TEMPLATES is \('a photo',\).*\{\}",
        ),
        ("ZeroshotCLIP", ("TRAINER.ZEROSHOTCLIP.TEMPLATES", "()"), "TEMPLATES is"),
        ("ZeroshotCLIP", ("TEST.NO_TEST", "True"), r"TEST\.NO_TEST"),
        ("LinearProbe", ("MODEL.BACKBONE.PATH", ""), r"MODEL\.BACKBONE\.NAME is empty"),
    ],
)
def test_a_wrong_combination_is_one_line(built, trainer, opts, message):
    with pytest.raises(UserError, match=message) as caught:
        built(trainer, *opts)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_classifier_is_refused(finished, run, tmp_path):
    flags = ["--eval-only", "--model-dir", str(finished("LinearProbe"))]
    with pytest.raises(UserError, match=r"linear\.weight is"):
        run("LinearProbe", tmp_path, "TRAINER.LINEARPROBE.FEATURES", "concat", flags=flags)
