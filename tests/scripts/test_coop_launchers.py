"""CoOp's launchers: their arguments, the folder names of CoOp, and commands that train.py takes."""

import shlex
import subprocess
from pathlib import Path

import pytest

from core.cli import parse_args
from core.config_merge import setup_from_args
from tests.scripts.test_launchers import _environment

ROOT = Path(__file__).parents[2]


def run(script, *args, **env):
    command = ["bash", str(ROOT / "scripts" / "coop" / script), *args]
    environment = _environment(DATA="/data", **env)
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def configurations(script, *args, **env):
    """Return the arguments and the configuration of each command that a launcher prints."""
    result = run(script, *args, **env)
    assert result.returncode == 0, result.stderr
    found = []
    for line in result.stdout.splitlines():
        words = shlex.split(line)
        parsed = parse_args(words[words.index("train.py") + 1 :])
        found.append((parsed, setup_from_args(parsed)))
    return found


def test_few_shots_have_coops_folder():
    found = configurations("main.sh", "emoset", "rn101", "end", "8", "4", "False")
    assert len(found) == 3
    for seed, (_, cfg) in enumerate(found, start=1):
        folder = f"output/emoset/IntCLIP/rn101_4shots/nctx8_cscFalse_ctpend/seed{seed}"
        assert folder == cfg.OUTPUT_DIR and seed == cfg.SEED
        assert cfg.DATASET.NUM_SHOTS == 4 and cfg.DATASET.NAME == "EmoSet"
        assert cfg.TRAINER.INTCLIP.N_CTX_POS == cfg.TRAINER.INTCLIP.N_CTX_NEG == 8
        assert cfg.TRAINER.INTCLIP.CSC is False


def test_new_classes_are_scored_by_the_run_on_base_classes():
    trained = configurations("base2new_train.sh", "emoset", "rn101", TRAINER="DualCoOp")
    tested = configurations("base2new_test.sh", "emoset", "rn101", TRAINER="DualCoOp")
    for (_, base), (args, new) in zip(trained, tested, strict=True):
        assert base.DATASET.SUBSAMPLE_CLASSES == "base" and base.DATASET.NUM_SHOTS == 16
        assert new.DATASET.SUBSAMPLE_CLASSES == "new"
        assert args.eval_only and args.model_dir == base.OUTPUT_DIR
        assert base.OUTPUT_DIR.startswith("output/base2new/train_base/emoset/shots_16/DualCoOp/")
        assert new.OUTPUT_DIR.startswith("output/base2new/test_new/emoset/shots_16/DualCoOp/")


def test_another_data_set_is_scored_by_a_few_shot_run():
    trained = configurations("main.sh", "emoset", "rn101", "end", "16", "4", "False", SEEDS="1")
    tested = configurations("xd_test.sh", "emoset", "artphoto", "rn101", "16", "4", SEEDS="1")
    assert tested[0][0].model_dir == trained[0][1].OUTPUT_DIR
    assert tested[0][1].DATASET.NAME == "Artphoto"


@pytest.mark.parametrize(
    ("script", "args", "message"),
    [
        ("main.sh", ("emoset",), "expected DATASET CFG CTP NCTX SHOTS CSC"),
        ("main.sh", ("emoset", "rn101", "middle", "16", "4", "True"), "accepted: end"),
        ("base2new_train.sh", ("nothing", "rn101"), "there is no configs/datasets/nothing.yaml"),
        ("xd_test.sh", ("a", "b"), "expected SOURCE TARGET"),
    ],
)
def test_a_wrong_argument_is_one_line(script, args, message):
    result = run(script, *args)
    assert result.returncode == 2
    assert message in result.stderr and result.stderr.count("\n") == 1
