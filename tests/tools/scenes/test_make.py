"""The data set of scenes: official layout, disjoint splits, foreign files stay untouched."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.config import get_cfg_default
from core.errors import UserError
from datasets.build import build_dataset
from tools.scenes import get_world, make
from tools.scenes.make import main, make_scenes

CONFIGS = Path(__file__).parents[3] / "configs" / "datasets"
INTENT_KEYS = get_world("rich").annotators.keys
ENTRY = {"id": 0, "image_id": "a"}
SMALL = {"size": 32, "num_train": 12, "num_val": 3, "num_test": 4}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes")
    assert make_scenes(root, seed=3, **SMALL)
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def test_processes_draw_the_same_pictures(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "MANY", 10)
    assert make_scenes(tmp_path, seed=3, workers=2, **SMALL)
    assert contents(tmp_path) == contents(root)


def test_layout(root: Path) -> None:
    for split, count in (("train", 12), ("val", 3), ("test", 4)):
        data = json.loads((root / "annotations" / f"intentonomy_{split}2020.json").read_text())
        assert list(data) == ["info", "categories", "annotations", "images"]
        assert [c["name"] for c in data["categories"]] == list(INTENT_KEYS)
        assert len(data["annotations"]) == len(data["images"]) == count
        for entry, image in zip(data["annotations"], data["images"], strict=True):
            assert entry["image_id"] == image["id"]
            assert image["filename"] == f"low/{image['id']}.jpg"
            assert Image.open(root / image["filename"]).size == (32, 32)
            if split == "train":
                shares = np.asarray(entry["category_ids_softprob"])
                assert len(shares) == 20
                assert np.isin((shares * 3).round(6), range(4)).all()
                # three annotators with one to three labels each
                assert 3 <= (shares * 3).round().sum() <= 9
            else:
                assert 1 <= len(entry["category_ids"]) <= 4


def test_builds_as_a_data_set(root: Path) -> None:
    cfg = get_cfg_default()
    cfg.merge_from_file(str(CONFIGS / "scenes.yaml"))
    cfg.DATASET.ROOT = str(root)
    dataset = build_dataset(cfg)
    assert (len(dataset.train_x), len(dataset.val), len(dataset.test)) == (12, 3, 4)
    assert dataset.classnames == list(INTENT_KEYS) and dataset.hierarchy.names[0] == "enjoy nature"


def test_splits_and_seeds_never_overlap(root: Path, tmp_path: Path) -> None:
    make_scenes(tmp_path, seed=4, **SMALL)
    pictures = []
    for folder in (root, tmp_path):
        pictures += [path.read_bytes() for path in folder.rglob("*.jpg")]
    assert len(set(pictures)) == len(pictures) == 2 * (12 + 3 + 4)


def test_deterministic_and_idempotent(root: Path, tmp_path: Path) -> None:
    assert make_scenes(tmp_path, seed=3, **SMALL)
    assert contents(root) == contents(tmp_path)
    assert not make_scenes(tmp_path, seed=3, **SMALL)
    next((tmp_path / "low").iterdir()).unlink()
    assert make_scenes(tmp_path, seed=3, **SMALL)
    assert contents(root) == contents(tmp_path)


def test_worlds_differ(root: Path, tmp_path: Path) -> None:
    assert make_scenes(tmp_path, world="plain", seed=3, **SMALL)
    cfg = get_cfg_default()
    cfg.merge_from_file(str(CONFIGS / "scenes_plain.yaml"))
    cfg.DATASET.ROOT = str(tmp_path)
    dataset = build_dataset(cfg)
    assert dataset.classnames == list(get_world("plain").annotators.keys)
    assert dataset.hierarchy.names[0] == "find peace"
    assert not contents(root).keys() & {path for path in contents(tmp_path) if "low/" in path}


def test_the_size_of_a_world_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn = []
    monkeypatch.setattr(make, "_write_picture", lambda *args: drawn.append(args[2:]) or ENTRY)
    make_scenes(tmp_path, num_val=7)
    counts = Counter(split for split, *_ in drawn)
    assert counts == {"train": 4000, "val": 7, "test": 1000}


def test_other_settings_are_written_again(tmp_path: Path) -> None:
    make_scenes(tmp_path, seed=0, **SMALL)
    assert make_scenes(tmp_path, seed=0, **{**SMALL, "num_val": 5})


def test_foreign_annotations_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    with pytest.raises(UserError, match="annotations of another data set"):
        make_scenes(tmp_path, **SMALL)
    assert main(["--root", str(tmp_path)]) == 2


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    argv = ["--root", str(tmp_path), "--size", "16"]
    argv += ["--num-train", "2", "--num-val", "1", "--num-test", "1"]
    assert main(argv) == 0
    assert "written" in capsys.readouterr().out
    assert main(argv) == 0
    assert "already complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    "mistake", ["--num-val 0", "--size 15", "--seed -1", "--root {file}", "--world rch"]
)
def test_mistakes_of_the_command_line_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, mistake: str
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    flag, value = mistake.format(file=file).split()
    assert main(["--root", str(tmp_path / "root"), flag, value]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and value in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]
