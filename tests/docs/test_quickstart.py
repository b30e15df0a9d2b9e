"""The notebook was executed from start to end, and its code runs on any run of the demo's kind."""

import json
import os
import re
import shutil

import pytest

import train
from core.files import PROJECT
from core.logging import close_logging
from tests.docs.test_links import LINK, MACHINE_PATH
from tools.scenes.make import make_scenes

PAGE = PROJECT / "docs" / "quickstart.ipynb"
NOTEBOOK = json.loads(PAGE.read_text(encoding="utf-8"))
LARGEST = 500_000  # bytes
SMALL = {"num_train": 40, "num_val": 20, "num_test": 20}


def cells(kind: str) -> list[dict]:
    return [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_it_was_executed_from_start_to_end():
    counts = [cell["execution_count"] for cell in cells("code")]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in cells("code") for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {
        "stream",
        "display_data",
        "execute_result",
    }
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_its_pictures_are_there_and_it_stays_small():
    outputs = [output for cell in cells("code") for output in cell["outputs"]]
    pictures = [
        output for output in outputs if any("image/" in key for key in output.get("data", ()))
    ]
    assert len(pictures) == 3
    assert PAGE.stat().st_size < LARGEST


def test_links_lead_somewhere_and_no_path_is_of_one_machine():
    for cell in cells("markdown"):
        for link in LINK.findall(source(cell)):
            assert (PAGE.parent / link).is_file(), link
    assert not MACHINE_PATH.findall(json.dumps(NOTEBOOK))


def test_the_results_are_those_of_the_readme():
    printed = json.dumps(NOTEBOOK)
    for row in re.findall(r"^\| (?:zero-shot CLIP|DualCoOp|IntCLIP) \| ([\d.]+) ", readme(), re.M):
        assert f"mAP {float(row):.1f}" in printed


def readme() -> str:
    return (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """A folder with a short run in the demo's places."""
    monkeypatch.chdir(tmp_path)
    make_scenes("data/scenes/demo", seed=3, **SMALL)
    out = "output/demo/IntCLIP/seed1"
    train.main(
        f"""
        --root data/scenes/demo --seed 1 --trainer IntCLIP --output-dir {out}
        --dataset-config-file configs/datasets/scenes.yaml
        --config-file configs/trainers/IntCLIP/scenes.yaml
        OPTIM.MAX_EPOCH 1 TEST.PREDICTIONS True TEST.BOOTSTRAP 0 TEST.REPORT False
        """.split()
    )
    close_logging()
    for other in ("ZeroshotCLIP", "DualCoOp"):
        shutil.copytree(out, f"output/demo/{other}/seed1")
    return tmp_path


@pytest.mark.slow
def test_the_code_runs(demo, capsys):
    first, *others = cells("code")
    where = source(first).index("RUN = ")  # what is above finds the project from the notebook
    scope = {"os": os}
    exec("from pathlib import Path\n" + source(first)[where:], scope)
    for cell in others:
        exec(source(cell), scope)
    close_logging()
    assert "linear probe: mAP" in capsys.readouterr().out
