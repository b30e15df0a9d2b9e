"""Our trainers in a project that uses Dassl's configuration and ``build_trainer``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = """
import sys
from dassl.config import get_cfg_default
from dassl.engine import build_trainer
from core.config import extend_cfg
import trainers

cfg = get_cfg_default()
extend_cfg(cfg)
cfg.merge_from_file("configs/datasets/scenes.yaml")
cfg.merge_from_file("configs/trainers/IntCLIP/scenes.yaml")
cfg.merge_from_list(sys.argv[1:])
cfg.freeze()
build_trainer(cfg).train()
"""


def test_dassls_build_trainer_builds_ours_with_the_same_numbers(train_args, scenes_root, tmp_path):
    pytest.importorskip("dassl.engine", reason="Dassl is not installed")
    import train
    from tests.conftest import FAST

    train.main(train_args(tmp_path / "ours"))
    opts = ["DATASET.ROOT", str(scenes_root), "SEED", "1"]
    opts += ["OUTPUT_DIR", str(tmp_path / "theirs"), *FAST]
    result = subprocess.run(
        [sys.executable, "-c", PROJECT, *opts], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-800:]
    ours, theirs = (
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("ours", "theirs")
    )
    assert ours == theirs
    assert "* mAP: " in result.stdout
