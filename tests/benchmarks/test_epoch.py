"""The epoch benchmark: both forms train and evaluate, on the same images."""

import pytest
import torch

from benchmarks import epoch
from core.config_merge import flatten

SETTINGS = {
    "backbone": "RN50", "size": 64, "batch": 2, "workers": 0, "prepared": False, "cached": False, "no_parse": True,
    "gradients": "text", "num_images": 4, "num_val": 2, "device": "cpu", "threads": 1,
    "opts": ["MODEL.BACKBONE.ARCH", "configs/backbones/scenes_rn.json"],
}  # fmt: skip


@pytest.mark.parametrize(
    "own",
    [
        {"form": "ours", "prepared": True},
        {"form": "ours", "cached": True, "workers": 1},
        {"form": "straightforward", "no_parse": False},
    ],
)
def test_epochs_run(own, monkeypatch):
    from engine.trainer import MultiLabelTrainer

    losses, results = [], []
    backward, evaluate = MultiLabelTrainer.backward, MultiLabelTrainer.evaluate_split
    monkeypatch.setattr(
        MultiLabelTrainer, "backward", lambda *args: losses.append(backward(*args)) or losses[-1]
    )
    monkeypatch.setattr(
        MultiLabelTrainer, "evaluate_split", lambda *a: results.append(evaluate(*a)) or results[-1]
    )
    run = epoch.prepare({**SETTINGS, **own})
    run()
    run()
    assert len(losses) == 4 and torch.stack(losses).isfinite().all()
    assert len(results) == 2


def test_both_forms_see_the_same_images(monkeypatch):
    seen = {}

    def keep(trainer, settings, annotation_file):
        ours = next(iter(trainer.val_loader))
        seen["ours"] = trainer.dm.normalizer(ours["img"]), ours["label"]
        use_plain(trainer, settings, annotation_file)
        plain = next(iter(trainer.val_loader))
        seen["plain"] = trainer.dm.normalizer(plain["img"]), plain["label"]

    use_plain = epoch.use_plain_loaders
    monkeypatch.setattr(epoch, "use_plain_loaders", keep)
    epoch.prepare({**SETTINGS, "form": "straightforward"})
    assert torch.equal(seen["ours"][1], seen["plain"][1]) and seen["plain"][1].shape == (2, 28)
    difference = (seen["ours"][0] - seen["plain"][0]).abs()
    assert difference.mean() < 0.02 and seen["plain"][0].std() > 0.3


def test_it_is_the_published_recipe(tmp_path):
    cfg = dict(flatten(epoch.configuration({**SETTINGS, "form": "ours", "opts": []}, tmp_path)))
    assert (cfg["OPTIM.NAME"], cfg["OPTIM.LR"], cfg["DATASET.HIERARCHY"]) == (
        "sgd",
        4e-4,
        "intentonomy",
    )
