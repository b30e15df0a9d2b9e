"""The demo data: the official layout, determinism, and care with what is already there."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from datasets.hierarchy import load_hierarchy
from tools.make_demo_data import CLASSES, main, make_demo_data

SMALL = {"size": 32, "num_train": 12, "num_val": 3, "num_test": 4}


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_layout(tmp_path: Path) -> None:
    assert make_demo_data(tmp_path, seed=3, **SMALL)
    for split, count in (("train", 12), ("val", 3), ("test", 4)):
        data = json.loads((tmp_path / "annotations" / f"intentonomy_{split}2020.json").read_text())
        assert list(data) == ["info", "categories", "annotations", "images"]
        assert [c["name"] for c in data["categories"]] == list(CLASSES)
        assert len(data["annotations"]) == len(data["images"]) == count
        for entry, image in zip(data["annotations"], data["images"], strict=True):
            assert entry["image_id"] == image["id"] and image["filename"] == f"low/{image['id']}.jpg"
            assert Image.open(tmp_path / image["filename"]).size == (32, 32)
            if split == "train":
                shares = np.asarray(entry["category_ids_softprob"])
                assert len(shares) == 8 and np.isin((shares * 3).round(6), range(4)).all() and shares.any()
            else:
                assert 1 <= len(entry["category_ids"]) <= 3


def test_deterministic_and_idempotent(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    assert make_demo_data(one, seed=0, **SMALL) and make_demo_data(two, seed=0, **SMALL)
    assert contents(one) == contents(two)
    assert not make_demo_data(one, seed=0, **SMALL)
    make_demo_data(other, seed=1, **SMALL)
    assert set(contents(one)) != set(contents(other))
    next((one / "low").iterdir()).unlink()
    assert make_demo_data(one, seed=0, **SMALL)
    assert contents(one) == contents(two)


def test_other_settings_are_written_again(tmp_path: Path) -> None:
    make_demo_data(tmp_path, seed=0, **SMALL)
    assert make_demo_data(tmp_path, seed=0, **{**SMALL, "num_val": 5})


def test_foreign_annotations_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    with pytest.raises(UserError, match="annotations of another data set"):
        make_demo_data(tmp_path, **SMALL)
    assert main(["--root", str(tmp_path)]) == 2


def test_hierarchy_fits() -> None:
    hierarchy = load_hierarchy("demo", list(CLASSES))
    assert len(hierarchy.levels["mid"]) == 5 and len(hierarchy.levels["super"]) == 3 and len(hierarchy.subsets) == 2


def test_labels_are_readable_from_coarse_colours(tmp_path: Path) -> None:
    """A ridge regression on 8 x 8 thumbnails already ranks the backgrounds: the cues are in the pixels."""
    make_demo_data(tmp_path, seed=0, size=32, num_train=150, num_val=2, num_test=80)
    splits = {}
    for split in ("train", "test"):
        data = json.loads((tmp_path / "annotations" / f"intentonomy_{split}2020.json").read_text())
        paths = [tmp_path / image["filename"] for image in data["images"]]
        x = np.stack([np.asarray(Image.open(p).resize((8, 8)), dtype=float).ravel() / 255 for p in paths])
        rows = [
            e.get("category_ids_softprob") or [c in e["category_ids"] for c in range(8)] for e in data["annotations"]
        ]
        splits[split] = np.c_[x, np.ones(len(x))], np.asarray(rows, dtype=float)[:, :3]
    (x, y), (xt, yt) = splits["train"], splits["test"]
    scores = xt @ np.linalg.solve(x.T @ x + 3 * np.eye(x.shape[1]), x.T @ y)
    has_one = yt.any(1)
    assert (scores[has_one].argmax(1) == yt[has_one].argmax(1)).mean() > 0.9


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    argv = ["--root", str(tmp_path), "--size", "16", "--num-train", "2", "--num-val", "1", "--num-test", "1"]
    assert main(argv) == 0 and "written" in capsys.readouterr().out
    assert main(argv) == 0 and "already complete" in capsys.readouterr().out
