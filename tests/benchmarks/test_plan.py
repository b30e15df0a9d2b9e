"""Plans: all combinations of a sweep, equal budgets, faults by name."""

from pathlib import Path

import pytest
import yaml

from benchmarks.methods.plan import as_arguments, read_plan
from benchmarks.methods.runs import Run, Runner
from core.config import declared_keys
from core.config_merge import setup_cfg
from core.errors import UserError

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "configs/benchmarks").glob("*.yaml"))


def write(tmp_path, *methods, trials=2):
    path = tmp_path / "plan.yaml"
    content = {"dataset_config": "d.yaml", "trials": trials, "methods": list(methods)}
    path.write_text(yaml.safe_dump(content))
    return path


A = {"name": "a", "trainer": "IntCLIP", "sweep": {"OPTIM.LR": [0.1, 0.2]}}


def test_sweep_is_the_product(tmp_path):
    sweep = {"OPTIM.LR": [1, 2], "OPTIM.MAX_EPOCH": [3, 4]}
    method = {"name": "a", "trainer": "IntCLIP", "sweep": sweep}
    (read,) = read_plan(write(tmp_path, method, trials=4)).methods
    assert [tuple(trial.values()) for trial in read.trials] == [(1, 3), (1, 4), (2, 3), (2, 4)]


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ([A, A], "two methods are called 'a'"),
        ([A | {"sweep": {"OPTIM.LR": [1, 2, 3]}}], "'a' tries 3 settings"),
        ([A, A | {"name": "b", "like": "c"}], "'b' is like 'c'"),
        ([A | {"swep": {}}], "Did you mean 'sweep'"),
        ([A | {"group": "x"}], "key of a method is 'group'"),
    ],
)
def test_faults_are_named(tmp_path, methods, message):
    with pytest.raises(UserError, match=message):
        read_plan(write(tmp_path, *methods))


def test_selection_keeps_whose_setting_is_taken_over(tmp_path):
    plan = read_plan(
        write(tmp_path, A, A | {"name": "b", "sweep": {}, "like": "a"}, A | {"name": "c"})
    )
    assert [method.name for method in plan.select(["b"]).methods] == ["a", "b"]
    with pytest.raises(UserError, match="Did you mean"):
        plan.select(["bb"])


def test_a_missing_plan_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot read the plan"):
        read_plan(tmp_path / "none.yaml")


def test_options_are_typed_as_overrides():
    options = {"OPTIM.LR": 0.1, "INPUT.SIZE": [32, 32], "TRAINER.NAME": "IntCLIP"}
    assert as_arguments(options) == [
        "INPUT.SIZE",
        "(32, 32)",
        "OPTIM.LR",
        "0.1",
        "TRAINER.NAME",
        "IntCLIP",
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_setting_of_the_shipped_plans_is_accepted_under_its_present_name(path):
    plan = read_plan(path)
    runner = Runner(plan, Path("out"), {1: Path("data")}, num_jobs=1)
    for method in plan.methods:
        for trial in method.trials or ({},):
            options = Run(method, tuple(trial.items()), split=1, seed=1, final=True).options(plan)
            assert options.keys() <= declared_keys().keys()  # an earlier name is not declared
            files = [plan.dataset_config, runner.config_file(method)]
            setup_cfg(files, opts=as_arguments({**options, "TRAINER.NAME": method.trainer}))
