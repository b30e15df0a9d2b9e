"""The launchers: valid bash, and with DRY_RUN=1 the commands that they would run."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from core.cli import key_flags, parse_args

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scripts" / "intclip"
LAUNCHERS = ("train.sh", "train_multi_gpu.sh", "slurm.sh")


def _environment(**own):
    """Return the environment with ``own`` in place of the variables that the launchers read."""
    read = ("DATA", "NPROC", "PYTHON", "DRY_RUN")
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in read and not key.startswith("SLURM_")
    }
    return {**kept, "DRY_RUN": "1", **own}


def _run(script, *args, **env):
    command = ["bash", str(FOLDER / script), *args]
    return subprocess.run(
        command,
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        env=_environment(**env),
        timeout=60,
    )


def _commands(*args, **env):
    """Return the words of each printed command before ``train.py``, and the arguments after it."""
    result = _run(*args, **env)
    assert result.returncode == 0, result.stderr
    lines = [
        shlex.split(line) for line in result.stdout.splitlines() if not line.startswith("Oops!")
    ]
    return [(line[: line.index("train.py")], line[line.index("train.py") + 1 :]) for line in lines]


@pytest.mark.parametrize(
    "script", sorted(p.relative_to(ROOT) for p in (ROOT / "scripts").rglob("*.sh")), ids=str
)
def test_bash_reads_it(script):
    result = subprocess.run(["bash", "-n", str(ROOT / script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("script", LAUNCHERS)
def test_three_seeds_with_arguments_that_train_py_takes(script):
    commands = _commands(
        script,
        "scenes",
        "rn50",
        "OPTIM.LR",
        "1e-3",
        "INPUT.SIZE",
        "(96, 96)",
        DATA="/my data",
        NPROC="2",
    )
    assert len(commands) == 3
    for seed, (_, arguments) in zip("123", commands, strict=True):
        args = parse_args(arguments)
        flags = {key: value for key, (value, _) in key_flags(args).items()}
        assert (flags["DATASET.ROOT"], flags["SEED"], flags["TRAINER.NAME"]) == (
            "/my data/scenes",
            seed,
            "IntCLIP",
        )
        assert flags["OUTPUT_DIR"] == f"output/scenes/IntCLIP/rn50/seed{seed}"
        assert args.opts == ["OPTIM.LR", "1e-3", "INPUT.SIZE", "(96, 96)"]
        assert all((ROOT / file).is_file() for file in (args.dataset_config_file, args.config_file))


def test_launchers_take_torchruns_options():
    from torch.distributed.run import get_args_parser

    launch, _ = _commands("train_multi_gpu.sh", DATA="/d", NPROC="4", PYTHON="python3")[0]
    args = get_args_parser().parse_args([*launch[3:], "train.py"])
    assert launch[:3] == ["python3", "-m", "torch.distributed.run"]
    assert args.standalone and args.nproc_per_node == "4"
    slurm = {
        "SLURM_NNODES": "3",
        "SLURM_GPUS_ON_NODE": "8",
        "SLURM_JOB_ID": "41234",
        "SLURM_CPUS_PER_TASK": "16",
        "PYTHON": "python3",
    }
    launch, _ = _commands("slurm.sh", DATA="/d", SLURM_SUBMIT_DIR=str(ROOT), **slurm)[0]
    python = launch.index("python3")
    assert launch[:3] == ["srun", "--nodes", "3"] and launch[python - 2 : python] == [
        "--cpus-per-task",
        "16",
    ]
    args = get_args_parser().parse_args([*launch[python + 3 :], "train.py"])
    assert (args.nnodes, args.nproc_per_node, args.rdzv_backend) == ("3", "8", "c10d")
    assert (args.rdzv_id, args.rdzv_endpoint) == ("41234", "localhost:21234")


@pytest.mark.parametrize(
    ("script", "env", "expected"),
    [
        ("train.sh", {}, "set DATA"),
        ("train_multi_gpu.sh", {"DATA": "/d", "NPROC": "0"}, "error: no GPU is visible"),
        ("slurm.sh", {"DATA": "/d"}, "error: the job has no GPU"),
        (
            "slurm.sh",
            {"DATA": "/d", "SLURM_SUBMIT_DIR": "/"},
            "error: / is not the project's folder",
        ),
        (
            "train.sh intentonomi",
            {"DATA": "/d"},
            "there is no configs/datasets/intentonomi.yaml; beside it are: ",
        ),
        (
            "train.sh scenes OPTIM.LR 1",
            {"DATA": "/d"},
            "there is no configs/trainers/IntCLIP/OPTIM.LR.yaml",
        ),
    ],
)
def test_mistakes_are_one_line(script, env, expected):
    result = _run(*script.split(), **env)
    assert result.returncode != 0 and not result.stdout
    assert expected in result.stderr and len(result.stderr.splitlines()) == 1


def test_a_finished_seed_is_skipped(tmp_path):
    project = tmp_path / "project"
    (project / "output/demo/IntCLIP/demo/seed2").mkdir(parents=True)
    (project / "output/demo/IntCLIP/demo/seed2/metrics.json").write_text("{}")
    (project / "scripts").mkdir()
    for file in ("datasets/demo.yaml", "trainers/IntCLIP/demo.yaml"):
        (project / "configs" / file).parent.mkdir(parents=True, exist_ok=True)
        (project / "configs" / file).touch()
    (project / "scripts" / "intclip").symlink_to(FOLDER)
    command = f"cd {project} && source scripts/intclip/run_seeds.sh"
    command += " && LAUNCH=(python) && run_seeds demo demo"
    env = _environment(DATA="/d")
    lines = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=env
    ).stdout.splitlines()
    skipped = "Oops! The results exist at output/demo/IntCLIP/demo/seed2"
    assert [line.startswith(skipped) for line in lines] == [False, True, False]
