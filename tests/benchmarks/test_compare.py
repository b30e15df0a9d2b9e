"""The comparison end to end on few pictures: sweep, runs, table, picture; no run is repeated."""

import json

import pytest
import yaml

from benchmarks.facts.labels import labels_of, read_annotations
from benchmarks.methods.compare import compare, final_runs
from benchmarks.methods.plan import read_plan
from benchmarks.methods.runs import Runner
from core.errors import UserError
from evaluation.metrics import mean_average_precision
from tools.evaluate_predictions import read_split
from tools.scenes.make import make_scenes

PLAN = {
    "dataset_config": "configs/datasets/scenes.yaml",
    "trials": 2,
    "common": {
        "MODEL.BACKBONE.PATH": "assets/scenes_plain_rn.safetensors",
        "OPTIM.MAX_EPOCH": 1,
        "INPUT.SIZE": [64, 64],
    },
    "methods": [
        {
            "name": "zero",
            "trainer": "ZeroshotCLIP",
            "sweep": {"TRAINER.ZEROSHOTCLIP.FEATURES": ["global", "region"]},
        },
        {
            "name": "probe",
            "label": "a probe",
            "trainer": "LinearProbe",
            "sweep": {"OPTIM.LR": [1e-3, 1e-2]},
        },
        {
            "name": "like",
            "trainer": "LinearProbe",
            "like": "probe",
            "options": {"TRAINER.LINEARPROBE.NORM": "l2"},
        },
    ],
}


pytestmark = pytest.mark.slow  # a whole benchmark of one small plan


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    roots = {split: folder / f"data{split}" for split in (1, 2)}
    for split, root in roots.items():
        make_scenes(root, seed=split, size=64, num_train=24, num_val=12, num_test=12)
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    return Runner(read_plan(folder / "plan.yaml"), folder / "out", roots, 1)


@pytest.fixture(scope="module")
def page(runner):
    return compare(runner, (1, 2), (1, 2))


def test_every_method_has_a_value_per_split_and_seed(page):
    shapes = {name: values["mAP"].shape for name, values in page.values.items()}
    assert shapes == {"zero": (2, 2), "probe": (2, 2), "like": (2, 2)}
    zero = page.values["zero"]["mAP"]
    assert (zero[:, 0] == zero[:, 1]).all()  # a seed changes nothing
    assert 0 < page.chance < 100


def test_val_and_test_of_a_run_can_be_predicted_again(runner, page):
    method = {method.name: method for method in page.methods}["probe"]
    (run,) = final_runs(method, page.choices["probe"].setting, (1,), (1,)).values()
    files = runner.predictions([run])[run]
    assert files == runner.predictions([run])[run]
    root = runner.roots[1]
    cfg, dataset = read_annotations(root, runner.plan.dataset_config)
    for split, labels in labels_of(dataset).items():
        if split == "train":
            continue
        scores = read_split(files[split], cfg, dataset, split, logits=False).scores
        assert scores.shape == labels.shape
    test = 100 * mean_average_precision(scores, labels)
    assert test == pytest.approx(page.values["probe"]["mAP"][0, 0], abs=0.01)


def test_settings_are_those_that_won_on_val(runner, page):
    sweep = json.loads((runner.folder / "sweep.json").read_text())
    assert sweep["like"]["setting"] == sweep["probe"]["setting"]
    for name in ("zero", "probe"):
        found = []
        for path in (runner.folder / "runs" / name).glob("sweep-*/metrics.json"):
            metrics = json.loads(path.read_text())
            assert "test" not in metrics  # the sweep never looks at test
            found.append(metrics["val"]["mAP"])
        assert len(found) == 2
        assert sweep[name]["val"] == max(found)


def test_nothing_is_run_twice(runner, page):
    def stamps():
        return {path: path.stat().st_mtime_ns for path in runner.folder.rglob("seconds.json")}

    before = stamps()
    again = compare(runner, (1, 2), (1, 2))
    assert stamps() == before
    assert (again.values["probe"]["mAP"] == page.values["probe"]["mAP"]).all()


def test_table_and_picture_are_written_the_same_each_time(runner, page):
    page.write(runner.folder, command="bash scripts/benchmark.sh", minutes=1.0)
    text = (runner.folder / "table.md").read_text()
    assert "a probe" in text
    assert "chance" in text
    assert (runner.folder / "table.svg").read_text().startswith("<?xml")
    first = (runner.folder / "table.svg").read_bytes()
    page.write(runner.folder, command="bash scripts/benchmark.sh", minutes=1.0)
    assert (runner.folder / "table.svg").read_bytes() == first


def test_a_failing_run_is_named_and_the_others_are_kept(runner, tmp_path):
    method = PLAN["methods"][1] | {"options": {"TRAINER.LINEARPROBE.LOSS": "NoLoss"}}
    plan = PLAN | {"methods": [method]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    broken = Runner(read_plan(tmp_path / "plan.yaml"), tmp_path / "out", runner.roots, 1)
    message = r"2 of 2 runs failed.*\n.*TRAINER.LINEARPROBE.LOSS is 'NoLoss'"
    with pytest.raises(UserError, match=message):
        compare(broken, (1,), (1,))
