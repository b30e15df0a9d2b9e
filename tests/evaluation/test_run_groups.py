"""Grouping of runs: seeds apart, settings told from each other, short names."""

import json
from pathlib import Path

import pytest

from core.errors import UserError
from evaluation.comparison.run_folder import read_run
from evaluation.comparison.run_groups import group_runs, move_first, seedless, short_names

from .run_folders import make_run


def grouped(folders, **options):
    settings = group_runs([read_run(folder) for folder in folders], **options)
    result = {}
    for setting in settings:
        result[setting.name] = [run.path.name for run in setting.runs]
    return result


def test_runs_of_one_configuration_are_one_setting(tmp_path):
    folders = [make_run(tmp_path / "A" / f"seed{seed}", seed=seed) for seed in (1, 2, 3)]
    folders.append(make_run(tmp_path / "B" / "seed1", seed=1, lr=0.2))
    assert grouped(folders) == {"A": ["seed1", "seed2", "seed3"], "B": ["seed1"]}


def test_the_configuration_decides_and_not_the_folder(tmp_path):
    folders = [make_run(tmp_path / "x", seed=1), make_run(tmp_path / "y", seed=2)]
    folders.append(make_run(tmp_path / "z", seed=2, lr=0.2))
    assert grouped(folders) == {"x": ["x", "y"], "z": ["z"]}


def test_ignored_keys_do_not_tell_settings_apart(tmp_path):
    folders = [make_run(tmp_path / "A", seed=1), make_run(tmp_path / "B", seed=2, lr=0.2)]
    assert len(grouped(folders)) == 2
    (members,) = grouped(folders, ignored=["OPTIM.LR"]).values()
    assert members == ["A", "B"]


def test_runs_without_a_card_are_grouped_by_folder(tmp_path):
    folders = []
    for name in ("A/seed1", "A/seed2", "B/seed1", "B/seed2"):
        folders.append(make_run(tmp_path / name, card=False))
    assert grouped(folders) == {"A": ["seed1", "seed2"], "B": ["seed1", "seed2"]}


def test_predictions_of_other_models_are_grouped_by_folder(tmp_path):
    # Their configuration names a data set and no trainer: it is the same for all models.
    folders = []
    for name in ("A/seed1", "A/seed2", "B"):
        folders.append(make_run(tmp_path / name, trainer=""))
    assert grouped(folders) == {"A": ["seed1", "seed2"], "B": ["B"]}


def titled(folder, title, **options):
    """Write the output folder of tools.evaluate_predictions with a title."""
    make_run(folder, trainer="", **options)
    path = folder / "run.json"
    card = json.loads(path.read_text())
    card |= {"predictions": {}, "result": {"model": title}}
    path.write_text(json.dumps(card))
    return folder


def test_titled_predictions_are_one_setting_across_folders(tmp_path):
    folders = [titled(tmp_path / f"s{seed}", "Theirs", seed=seed) for seed in (1, 2)]
    folders.append(titled(tmp_path / "s3", "Ours", seed=1))
    assert grouped(folders) == {"Theirs": ["s1", "s2"], "Ours": ["s3"]}


def test_other_titles_or_backbones_in_seed_folders_are_other_settings(tmp_path):
    first = titled(tmp_path / "seed1", "Theirs", seed=1)
    second = titled(tmp_path / "seed2", "Theirs", seed=2)
    card = json.loads((second / "run.json").read_text())
    card["backbone"] = {"name": "ViT-L/14"}
    (second / "run.json").write_text(json.dumps(card))
    assert len(grouped([first, second])) == 2
    third = titled(tmp_path / "seed3", "Ours", seed=3)
    assert len(grouped([first, third])) == 2


def test_untitled_predictions_are_grouped_by_folder(tmp_path):
    folders = [titled(tmp_path / f"A/seed{seed}", "given predictions") for seed in (1, 2)]
    assert grouped(folders) == {str(tmp_path / "A"): ["seed1", "seed2"]}


def test_one_seed_twice_is_two_settings(tmp_path):
    folders = [make_run(tmp_path / "before" / "seed1"), make_run(tmp_path / "after" / "seed1")]
    assert grouped(folders) == {"before": ["seed1"], "after": ["seed1"]}


def test_one_seed_twice_in_one_folder_is_an_error(tmp_path):
    folders = [make_run(tmp_path / "A" / "seed1"), make_run(tmp_path / "A" / "seed01")]
    with pytest.raises(UserError, match="have the same settings and two of them the same seed"):
        grouped(folders)


def test_a_folder_given_twice_is_an_error(tmp_path):
    folder = make_run(tmp_path / "A")
    with pytest.raises(UserError, match="is given twice"):
        grouped([folder, folder / ".." / "A"])


def test_the_baseline_moves_to_the_front(tmp_path):
    folders = [make_run(tmp_path / "A"), make_run(tmp_path / "B", lr=0.2)]
    settings = group_runs([read_run(folder) for folder in folders])
    assert [setting.name for setting in move_first(settings, "B")] == ["B", "A"]
    assert move_first(settings, "") == settings
    with pytest.raises(UserError, match="--baseline is 'C'; accepted: A, B"):
        move_first(settings, "C")


@pytest.mark.parametrize(
    "path, expected",
    [
        ("out/A/seed1", "out/A"),
        ("out/seed12/A", "out/A"),
        ("out/A_seed3", "out/A"),
        ("out/A/seed-3/log.txt", "out/A"),
        ("out/seeds/A", "out/seeds/A"),
        ("out/reseed1", "out/reseed1"),
    ],
)
def test_the_seed_is_taken_out_of_a_path(path, expected):
    assert seedless(Path(path)) == Path(expected)


def test_names_of_runs_leave_out_their_common_parts(tmp_path, monkeypatch):
    folders = [Path("out/A/seed1"), Path("out/B/seed1"), Path("out/B/x/seed1")]
    assert short_names(folders) == ["A", "B", "B/x"]
    assert short_names([Path("out/A"), Path("out/A/B")]) == [".", "B"]
    assert short_names([Path("a/a"), Path("a/a/a")]) == [".", "a"]
    assert short_names([Path("out/A")]) == ["out/A"]
    monkeypatch.chdir(tmp_path)
    assert short_names([Path("A"), tmp_path / "B"]) == ["A", "B"]
