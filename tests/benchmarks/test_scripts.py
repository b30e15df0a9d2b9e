"""The benchmark scripts at toy size: they run, count correctly, print JSON lines and a table."""

import importlib
import json
import subprocess
import sys

import pytest
import torch

from benchmarks import (
    _command,
    _common,
    evaluation,
    prediction,
    recipes,
    startup,
    text_encoding,
    training_step,
)
from benchmarks._models import build_model, class_texts, random_images, random_labels
from core.errors import UserError
from losses import build_loss

ARCH = "configs/backbones/scenes_rn.json"
TINY = ["--arch", ARCH, "--size", "64", "--classes", "3", "--repeats", "1", "--threads", "1"]
SETTINGS = {
    "backbone": "demo",
    "arch": ARCH,
    "size": 64,
    "classes": 3,
    "threads": 1,
    "class_text": "name",
    "precision": "fp32",
    "shared_contexts": False,
    "text_chunk": 0,
    "gradients": "text",
    "speed": [],
    "cached": False,
    "device": "cpu",
}


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_prediction_beside_evaluation(capsys):
    flags = ["--images", "10", "--size", "64", "--repeats", "1", "--threads", "1"]
    prediction.main([*flags, "--trainer", "LinearProbe"])
    printed = capsys.readouterr().out
    results = json_lines(printed)
    assert [result["settings"]["form"] for result in results] == ["evaluation", "prediction"]
    for result in results:
        assert result["median"] > 0
        assert result["images_per_s"] == pytest.approx(10_000 / result["median"], rel=1e-2)
    share = results[1]["cpu_ms"] / results[0]["cpu_ms"]
    assert printed.splitlines()[-1].endswith(f"| {share:.3f} |")


@pytest.mark.slow
def test_table_of_recipes(capsys):
    own = ["MODEL.BACKBONE.ARCH", ARCH, "INPUT.SIZE", "(64, 64)"]
    flags = ["--trainer", "LinearProbe", "--batch", "4", "--repeats", "1", "--threads", "1"]
    recipes.main([*flags, *own])
    printed = capsys.readouterr().out
    (result,) = json_lines(printed)
    cells = [cell.strip() for cell in printed.splitlines()[-1].strip("|").split("|")]
    assert cells[:3] == ["LinearProbe", "RN101", "4"]
    assert float(cells[3]) == pytest.approx(result["median"] / 1000, rel=1e-2)
    # 30 epochs of 12,740 images
    assert cells[6] == "30"
    assert float(cells[7]) == pytest.approx(382_200 / result["images_per_s"] / 3600, rel=1e-2)


@pytest.mark.parametrize("trainer", recipes.TRAINERS)
@pytest.mark.parametrize("cached", [True, False])
def test_a_step_of_every_recipe_changes_what_is_learnt(trainer, cached):
    settings = {
        "trainer": trainer,
        "backbone": "RN101",
        "batch": 2,
        "cached": cached,
        "device": "cpu",
        "threads": 1,
        "opts": ["MODEL.BACKBONE.ARCH", ARCH, "INPUT.SIZE", "(64, 64)"],
    }
    step = recipes.prepare(settings)
    first, second = (float(step()["loss"]) for _ in range(2))
    assert first != second


@pytest.mark.slow
def test_training_step_in_both_forms(capsys, tmp_path):
    output = tmp_path / "lines.jsonl"
    training_step.main([*TINY, "--baseline", "--batch", "2", "--output", str(output)])
    printed = capsys.readouterr().out
    results = json_lines(printed)
    assert [result["settings"]["form"] for result in results] == ["ours", "straightforward"]
    for result in results:
        assert result["median"] > 0
        assert result["peak_memory_mb"] >= 0
        assert len(result["repeats"]) == 1
        assert result["images_per_s"] == pytest.approx(2000 / result["median"], rel=1e-2)
        assert {"name", "unit", "cpu", "cores", "python", "torch", "commit"} <= result.keys()
    assert "| ours |" in printed
    assert "x |" in printed
    assert json_lines(output.read_text()) == results


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        (training_step, ["--batch", "4", "--cached", "SPEED.MICRO_BATCH", "3"]),
        (evaluation, ["--images", "5", "--batch", "2"]),
        (evaluation, ["--images", "5", "--batch", "2", "--cached"]),
        (text_encoding, ["--shared-contexts", "--text-chunk", "2"]),
        (text_encoding, ["--no-gradient"]),
    ],
)
def test_both_forms_of_a_case_run_twice(script, flags, monkeypatch):
    seen = []
    monkeypatch.setattr(_common, "run", lambda name, args, cases: seen.extend(cases))
    script.main([*TINY, *flags])
    (case,) = seen
    for form in ("ours", "straightforward"):
        repeat = script.prepare({"device": "cpu", "threads": 1, "form": form, **case})
        repeat()
        repeat()


@pytest.mark.parametrize("form", ["ours", "straightforward"])
def test_a_training_step_gives_the_loss_of_the_batch(form):
    settings = {**SETTINGS, "form": form, "batch": 4, "speed": ["SPEED.MICRO_BATCH", "3"]}
    torch.manual_seed(0)
    step = training_step.prepare(settings)
    torch.manual_seed(0)
    model = build_model(settings).train()
    expected = build_loss("AsymmetricPairLoss")(
        model(random_images(settings, 4)), random_labels(settings, 4)
    )
    torch.testing.assert_close(step(), expected.detach(), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("form", ["ours", "straightforward"])
@pytest.mark.parametrize("cached", [True, False])
def test_evaluation_scores_every_image_of_the_split(form, cached):
    own = {"form": form, "cached": cached, "num_images": 5, "batch": 2}
    result = evaluation.prepare({**SETTINGS, **own})()
    labels = random_labels(SETTINGS, 5)
    assert result.scores.shape == (5, 3)
    assert torch.equal(torch.as_tensor(result.labels), labels)
    assert {"mAP", "macro_f1"} <= result.metrics.keys()


def test_operations_grow_with_the_batch_by_the_image_part():
    one = training_step.operations({**SETTINGS, "batch": 1})
    two = training_step.operations({**SETTINGS, "batch": 2})
    four = training_step.operations({**SETTINGS, "batch": 4})
    assert four - two == 2 * (two - one) > 0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["ours", "straightforward"])
def test_a_start_reaches_the_first_step(form, capfd):
    settings = {"backbone": "demo", "arch": ARCH, "size": 64, "form": form, "device": "cpu"}
    startup.prepare(settings)()
    (printed,) = json_lines(capfd.readouterr().err)
    assert printed["form"] == form
    phases = printed["phases"]
    assert list(phases) == ["imports", "model", "first batch"]
    assert 0 < phases["imports"] < phases["model"] < phases["first batch"]


def test_the_command_line_of_a_start_imports_nothing_that_is_measured():
    code = (
        "import sys\n"
        "from benchmarks import startup\n"
        "startup.probe = lambda case: None\n"
        "startup.main(['--probe', '{\"form\": \"ours\"}'])\n"
        "print({'torch', 'open_clip', 'trainers', 'engine', 'models'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=_common.ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_table_gives_the_ratio_of_a_pair():
    def result(form, batch, median, memory):
        return {
            "settings": {"form": form, "batch": batch},
            "median": median,
            "peak_memory_mb": memory,
            "images_per_s": 1.0,
            "cpu_ms": 1.0,
        }

    rows = _common.table(
        [
            result("ours", 8, 10.0, 50),
            result("straightforward", 8, 30.0, 200),
            result("ours", 9, 10.0, 50),
        ]
    ).splitlines()
    assert rows[0].startswith("| batch | form | median ms |")
    assert "| 8 | ours | 10.0 | 1.0 | 1.00 | 50 | 3.00x | 0.25 |" in rows
    assert "| 9 | ours | 10.0 | 1.0 | 1.00 | 50 |  |  |" in rows


def test_texts_are_as_many_as_asked_for_and_distinct():
    texts = class_texts(60, "name")
    assert len(set(texts)) == 60
    assert texts[28] == f"{texts[0]} 1"


def test_profile_names_the_operations(capsys):
    training_step.main([*TINY, "--batch", "2", "--profile"])
    printed = capsys.readouterr().out
    assert "aten::addmm" in printed
    assert "convolution" in printed


def test_schedule_gives_hours_at_the_measured_speed():
    settings = {"form": "ours", "size": 64, "batch": 2, "precision": "fp32", "device": "cpu"}
    text = training_step.schedule([{"settings": settings, "images_per_s": 60 * 12_740 / 7200}])
    assert text.splitlines()[-1] == "| ours | 64 | 2 | fp32 | 2.00 |  |"


@pytest.mark.parametrize(
    ("script", "flags", "expected"),
    [
        (
            "training_step",
            ["--batch", "0"],
            "argument --batch: expected a whole number, at least 1, not '0'",
        ),
        ("training_step", ["--size", "7"], "argument --size: expected a whole number, at least 32"),
        ("training_step", ["--repeats", "0"], "argument --repeats"),
        ("training_step", ["--batch", "2", "SPEED.TF23", "on"], "error: unknown key 'SPEED.TF23'"),
        ("training_step", ["--size", "96", "SPEED.TF32", "of"], "accepted: torch, on, off"),
        ("text_encoding", ["--text-chunk", "-5"], "argument --text-chunk"),
        ("evaluation", ["--images", "0"], "argument --images"),
        ("evaluation", ["--backbone", "RN11", "--images", "1"], "Did you mean 'RN101'?"),
        ("epoch", ["--images", "0"], "argument --images"),
        ("epoch", ["--workers", "-1"], "argument --workers"),
        ("data_loading", ["--original", "0", "0"], "argument --original"),
        ("startup", ["SPEED.TF32", "on"], "unrecognized arguments"),
        ("data_loading", ["--device", "cuda"], "unrecognized arguments: --device"),
    ],
)
def test_a_mistake_is_one_line_and_ends_with_status_2(script, flags, expected, capfd):
    main = importlib.import_module(f"benchmarks.{script}").main
    with pytest.raises(SystemExit) as ended:
        _command.start(lambda: main(flags))
    printed = capfd.readouterr()
    assert ended.value.code == 2
    assert expected in printed.err
    assert "Traceback" not in printed.err
    assert not printed.out


def test_cuda_is_asked_for_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device is cuda, but torch finds no CUDA device"):
        training_step.main([*TINY, "--device", "cuda"])


def test_keys_follow_flags_that_take_several_values(monkeypatch):
    seen = []
    monkeypatch.setattr(_common, "run", lambda name, args, cases: seen.extend(cases))
    training_step.main(["--batch", "2", "4", "SPEED.TF32", "on", "SPEED.MICRO_BATCH", "1"])
    assert [case["batch"] for case in seen] == [2, 4]
    for case in seen:
        assert case["speed"] == ["SPEED.TF32", "on", "SPEED.MICRO_BATCH", "1"]
