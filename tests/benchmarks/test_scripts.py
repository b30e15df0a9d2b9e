"""The benchmark scripts at toy size: they run, count what they measured, and print JSON lines and a table."""

import importlib
import json

import pytest
import torch

from benchmarks import _command, _common, evaluation, text_encoding, training_step
from benchmarks._models import class_texts
from core.errors import UserError

TINY = [
    "--arch",
    "configs/backbones/scenes_rn.json",
    "--size",
    "64",
    "--classes",
    "3",
    "--repeats",
    "1",
    "--threads",
    "1",
]


def lines(capsys):
    return [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")
    ]


def test_training_step_in_both_forms(capsys, tmp_path):
    training_step.main(
        [*TINY, "--baseline", "--batch", "2", "--output", str(tmp_path / "lines.jsonl")]
    )
    printed = capsys.readouterr().out
    results = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert [result["settings"]["form"] for result in results] == ["ours", "straightforward"]
    for result in results:
        assert (
            result["median"] > 0 and result["peak_memory_mb"] >= 0 and len(result["repeats"]) == 1
        )
        assert result["images_per_s"] == pytest.approx(2000 / result["median"], rel=1e-2)
        assert {"name", "unit", "cpu", "cores", "python", "torch", "commit"} <= result.keys()
    assert "| ours |" in printed and "x |" in printed
    assert [
        json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()
    ] == results


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        (training_step, ["--batch", "4", "--cached", "SPEED.MICRO_BATCH", "3"]),
        (evaluation, ["--images", "5", "--batch", "2"]),
        (text_encoding, ["--shared-contexts", "--text-chunk", "2"]),
        (text_encoding, ["--no-gradient"]),
    ],
)
def test_what_is_measured_runs(script, flags, monkeypatch):
    seen = []
    monkeypatch.setattr(_common, "run", lambda name, args, cases: seen.append((args, cases)))
    script.main([*TINY, *flags])
    for args, cases in seen:
        assert len(cases) == 1
        for form in ("ours", "straightforward"):
            repeat = script.prepare({"device": args.device, "threads": 1, "form": form, **cases[0]})
            repeat()
            repeat()


def test_operations_grow_with_the_batch_by_the_image_part():
    settings = {
        "backbone": "demo", "arch": "configs/backbones/scenes_rn.json", "size": 64, "classes": 3, "threads": 1,
        "class_text": "name", "precision": "fp32", "shared_contexts": False, "text_chunk": 0, "gradients": "text",
        "speed": [], "cached": False, "device": "cpu",
    }  # fmt: skip
    one, two, four = (training_step.operations({**settings, "batch": batch}) for batch in (1, 2, 4))
    assert four - two == 2 * (two - one) > 0


def test_table_gives_the_ratio_of_a_pair():
    common = {"images_per_s": 1.0, "cpu_ms": 1.0}
    results = [
        {"settings": {"form": "ours", "batch": 8}, "median": 10.0, "peak_memory_mb": 50, **common},
        {
            "settings": {"form": "straightforward", "batch": 8},
            "median": 30.0,
            "peak_memory_mb": 200,
            **common,
        },
        {"settings": {"form": "ours", "batch": 9}, "median": 10.0, "peak_memory_mb": 50, **common},
    ]
    rows = _common.table(results).splitlines()
    assert "| 8 | ours | 10.0 | 1.0 | 1.00 | 50 | 3.00x | 0.25 |" in rows
    assert "| 9 | ours | 10.0 | 1.0 | 1.00 | 50 |  |  |" in rows


def test_texts_are_as_many_as_asked_for_and_distinct():
    texts = class_texts(60, "name")
    assert len(set(texts)) == 60 and texts[28] == f"{texts[0]} 1"


def test_profile_names_the_operations(capsys):
    training_step.main([*TINY, "--batch", "2", "--profile"])
    printed = capsys.readouterr().out
    assert "aten::addmm" in printed and "convolution" in printed


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
def test_mistakes_are_said_and_end_with_status_2(script, flags, expected, capfd):
    main = importlib.import_module(f"benchmarks.{script}").main
    with pytest.raises(SystemExit) as ended:
        _command.start(lambda: main(flags))
    printed = capfd.readouterr()
    assert ended.value.code == 2 and expected in printed.err
    assert "Traceback" not in printed.err and not printed.out


def test_cuda_is_asked_for_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device is cuda, but torch finds no CUDA device"):
        training_step.main([*TINY, "--device", "cuda"])


def test_keys_follow_flags_that_take_several_values(monkeypatch):
    seen = []
    monkeypatch.setattr(_common, "run", lambda name, args, cases: seen.extend(cases))
    training_step.main(["--batch", "2", "4", "SPEED.TF32", "on", "SPEED.MICRO_BATCH", "1"])
    assert [case["batch"] for case in seen] == [2, 4]
    assert all(case["speed"] == ["SPEED.TF32", "on", "SPEED.MICRO_BATCH", "1"] for case in seen)
