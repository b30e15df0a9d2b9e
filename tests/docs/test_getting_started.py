"""The first steps: the command for test pictures takes test pictures, the tip on caches works."""

import re
import subprocess
from types import SimpleNamespace

from core.config_merge import setup_cfg
from core.files import PROJECT
from engine.feature_cache import feature_key
from tests.docs.page import code_blocks

PAGE = (PROJECT / "docs" / "getting_started.md").read_text(encoding="utf-8")
CONFIG = ["configs/trainers/LinearProbe/rn101.yaml"]


def test_the_demo_predicts_eight_test_pictures(tmp_path):
    (command,) = [text for _, text in code_blocks(PAGE) if "predictions.csv" in text]
    listing, _, predict = command.partition("|\n")
    assert predict.strip().startswith("python predict.py - ")
    table = tmp_path / "output" / "demo" / "IntCLIP" / "seed1" / "predictions.csv"
    table.parent.mkdir(parents=True)
    rows = [f"low/{number}.jpg,Joy|Calm,Joy,0.5,0.25\n" for number in range(20)]
    table.write_text("image,true,predicted,Joy,Calm\n" + "".join(rows))
    done = subprocess.run(
        ["sh", "-c", listing], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = [f"data/scenes/demo/low/{number}.jpg" for number in range(8)]
    assert done.stdout.splitlines() == expected


def test_the_tip_on_the_cache_fits_the_file_of_the_command():
    (tip,) = re.findall(r"`(TRAIN\.FEATURE_CACHE [^`]*)`", PAGE)
    cfg = setup_cfg(CONFIG, opts=tip.split())
    network = SimpleNamespace(feature_cache_key_part=dict)
    assert feature_key(network, cfg, None)  # no transform is random
