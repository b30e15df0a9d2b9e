"""Checkpoint files: atomic, weights only, clear errors."""

import copy
import math

import pytest
import torch
from torch import nn

from core.errors import UserError
from engine.checkpoint import (
    frozen_digest,
    is_better,
    load_checkpoint,
    read_last_name,
    save_checkpoint,
)


def test_round_trip_and_pointer(tmp_path):
    path = tmp_path / "m" / "model.pth.tar-3"
    save_checkpoint({"state_dict": {"w": torch.ones(2)}, "epoch": 3}, path)
    save_checkpoint(
        {"state_dict": {}, "epoch": 1}, path.with_name("model-best.pth.tar"), remember=False
    )
    assert read_last_name(path.parent) == path
    assert torch.equal(load_checkpoint(path)["state_dict"]["w"], torch.ones(2))


def test_an_empty_pointer_names_none(tmp_path):
    (tmp_path / "checkpoint").write_text("")
    assert read_last_name(tmp_path) is None


def test_missing_file_names_what_is_there(tmp_path):
    save_checkpoint({"state_dict": {}, "epoch": 2}, tmp_path / "model.pth.tar-2")
    with pytest.raises(UserError, match=r"model\.pth\.tar-9.*model\.pth\.tar-2"):
        load_checkpoint(tmp_path / "model.pth.tar-9")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_garbage_is_one_line(tmp_path, content):
    path = tmp_path / "model-best.pth.tar"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"model-best\.pth\.tar") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "model-last.pth.tar"
    save_checkpoint({"state_dict": {}, "epoch": 1}, path)
    with pytest.raises(AttributeError):
        save_checkpoint({"state_dict": lambda: None, "epoch": 2}, path)
    assert load_checkpoint(path)["epoch"] == 1


def test_digest_is_of_frozen_values_only():
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    before = frozen_digest(model)
    with torch.no_grad():
        model.weight.add_(1)
    assert frozen_digest(model) == before
    with torch.no_grad():
        model.bias.add_(1)
    assert frozen_digest(model) != before


def test_digest_tells_what_weights_do_not():
    heads = [nn.MultiheadAttention(8, num_heads) for num_heads in (2, 4)]
    heads[1].load_state_dict(heads[0].state_dict())
    eps = [nn.LayerNorm(3, eps=eps) for eps in (1e-5, 1e-6)]
    kinds = [nn.Sequential(activation) for activation in (nn.GELU(), nn.SiLU())]
    for pair in (heads, eps, kinds):
        assert len({frozen_digest(model.requires_grad_(False)) for model in pair}) == 2
    assert frozen_digest(heads[0]) == frozen_digest(copy.deepcopy(heads[0]))


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([math.nan, 10.0, 20.0, 15.0], 2),
        ([10.0, math.nan, 5.0], 0),
        ([math.nan, math.nan], 1),
        ([0.0, 0.0], 0),
    ],
)
def test_nan_is_worse_than_every_number_but_better_than_no_checkpoint(values, best):
    chosen, best_value = None, -math.inf
    for epoch, value in enumerate(values):
        if is_better(value, best_value):
            chosen, best_value = epoch, value
    assert chosen == best
