"""The tool that prints the command of a finished run and what differs now."""

import json
import shutil

import pytest

from core.cli import parse_args
from core.config_merge import setup_from_args
from engine.base_choice import build_trainer
from evaluation import write_metrics
from tests.conftest import FAST
from tools import reproduce


def arguments(root, out, trainer="IntCLIP", *opts):
    return [
        "--root", str(root), "--seed", "1", "--trainer", trainer,
        "--dataset-config-file", "configs/datasets/scenes.yaml",
        "--config-file", f"configs/trainers/{trainer}/scenes.yaml", "--output-dir", str(out),
        *FAST, "TEST.COSTS", "True", *opts,
    ]  # fmt: skip


def run(argv):
    """Train, evaluate, and return the card."""
    trainer = build_trainer(setup_from_args(parse_args(argv)))
    trainer.argv = argv
    trainer.train()
    val = trainer.evaluate_split("val")
    results = {"val": val, "test": trainer.evaluate_split("test", val.rule)}
    return trainer.run_card(results)


@pytest.fixture(scope="module")
def finished(scenes_root, tmp_path_factory):
    """Return the output folder and the card of a run on data of its own."""
    folder = tmp_path_factory.mktemp("reproduce")
    shutil.copytree(scenes_root, folder / "data")
    out = folder / "out"
    return out, run(arguments(folder / "data", out))


@pytest.fixture
def folder(finished, tmp_path):
    """Return a folder with the card of the run, which a test may change."""
    write_metrics(tmp_path / "run.json", finished[1])
    return tmp_path


def change_card(folder, change):
    path = folder / "run.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def test_nothing_differs_right_after_a_run(folder, capsys):
    assert reproduce.main([str(folder)]) == 0
    output = capsys.readouterr().out
    assert "python train.py --root" in output
    assert "Nothing differs now." in output


def test_the_card_of_a_run_has_all_parts(finished):
    out, card = finished
    for part in ("command", "config", "code", "versions", "hardware", "data", "backbone", "result"):
        assert card[part], part
    assert card["costs"]["training_epochs"] == 2
    assert card["costs"]["learnable_parameters"] < card["costs"]["total_parameters"]
    assert card["costs"]["flops_per_image"] > 0
    assert card["data"]["train"]["images"] == 48
    assert card["result"]["test"]["mAP"] > 0
    assert card["config"]["OUTPUT_DIR"] == str(out)


def test_a_finished_run_that_is_started_again_keeps_its_training_time(finished, scenes_root):
    out, card = finished
    write_metrics(out / "run.json", card)
    again = run(arguments(out.parent / "data", out))
    assert again["costs"]["training_seconds"] == card["costs"]["training_seconds"]
    assert again["trained_by"]["start"] == card["start"]


def test_a_method_without_training_has_costs_without_a_training_time(scenes_root, tmp_path):
    card = run(arguments(scenes_root, tmp_path, "ZeroshotCLIP"))
    assert card["costs"]["learnable_parameters"] == 0
    assert card["costs"]["latency_ms"] > 0
    assert "training_seconds" not in card["costs"]


def test_cached_features_still_cost_the_whole_image_encoder(finished, scenes_root, tmp_path):
    cache = ["TRAIN.FEATURE_CACHE", str(tmp_path / "cache"), "INPUT.NO_TRANSFORM", "True"]
    card = run(arguments(scenes_root, tmp_path / "out", "IntCLIP", *cache))
    assert card["costs"]["flops_per_image"] == finished[1]["costs"]["flops_per_image"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda card: card["versions"].update(torch="1.0"), "versions.torch was 1.0, is "),
        (lambda card: card["code"].update(digest="0" * 64), "source code was "),
        (lambda card: card["config"]["OPTIM"].update(LR=9.0), "config.OPTIM.LR was 9.0, is "),
        (lambda card: card["data"]["test"].update(images=9), "data.test.images was 9, is 24"),
        (lambda card: card["backbone"]["path"].update(sha256="1" * 64), "path.sha256 was 1111"),
        (lambda card: card.update(seed=-1), "SEED was -1, is another random seed"),
        (lambda card: card.update(folder="not/there"), "working folder was not/there"),
        (lambda card: card["argv"].append("--no-flag"), "configuration was accepted, is an error"),
    ],
)
def test_a_difference_that_can_change_numbers_gives_status_1(folder, capsys, change, line):
    change_card(folder, change)
    assert reproduce.main([str(folder)]) == 1
    output = capsys.readouterr().out
    assert "Differs now, and can change numbers:" in output
    assert line in output


def test_a_difference_without_effect_gives_status_0(folder, capsys):
    change_card(folder, lambda card: card["config"]["TRAINER"]["DUALCOOP"].update(N_CTX_POS=3))
    assert reproduce.main([str(folder)]) == 0
    output = capsys.readouterr().out
    assert "without effect on numbers:\n  config.TRAINER.DUALCOOP.N_CTX_POS was 3" in output


def test_a_changed_label_and_a_moved_data_set_are_told_apart(finished, folder, tmp_path, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(finished[0].parent / "data", moved)
    assert reproduce.main([str(folder), "--root", str(moved)]) == 0
    path = moved / "annotations" / "intentonomy_test2020.json"
    content = json.loads(path.read_text())
    entry = content["annotations"][0]
    entry["category_ids"] = [(entry["category_ids"][0] + 1) % len(content["categories"])]
    path.write_text(json.dumps(content))
    assert reproduce.main([str(folder), "--root", str(moved)]) == 1
    assert "data.test.labels was " in capsys.readouterr().out


def test_missing_data_is_one_line_among_the_differences(folder, tmp_path, capsys):
    assert reproduce.main([str(folder), "--root", str(tmp_path / "none")]) == 1
    assert "data was readable, is an error: DATASET.ROOT (--root) " in capsys.readouterr().out


def test_a_run_of_another_program_is_compared_through_its_configuration(folder, capsys):
    change_card(folder, lambda card: card.update(argv=["python", "-c", "build_trainer(cfg)"]))
    assert reproduce.main([str(folder)]) == 0
    assert "Nothing differs now." in capsys.readouterr().out


def test_a_folder_without_a_card_is_status_2(tmp_path, capsys):
    assert reproduce.main([str(tmp_path)]) == 2
    assert "has no run.json" in capsys.readouterr().err
