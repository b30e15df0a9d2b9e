"""Evaluation encodes the texts once per split, and always those of the weights at hand."""

import pytest
import torch

from tests.golden.data import write_data
from tests.golden.make import build


@pytest.fixture
def trainer(tmp_path):
    return build("DualCoOp", write_data(tmp_path / "data"), tmp_path / "out")


def test_each_evaluation_encodes_the_texts_once(trainer, monkeypatch):
    calls = []
    encode = trainer.model.text.encode
    monkeypatch.setattr(trainer.model.text, "encode", lambda: calls.append(1) or encode())
    trainer.test_loader.batch_sampler.batch_size = 8
    trainer.set_model_mode("eval")
    assert len(trainer.test_loader) > 1
    before, _ = trainer.predict_split("test")
    assert len(calls) == 1
    with torch.no_grad():
        trainer.model.text.prompts.ctx_pos.normal_()
    after, _ = trainer.predict_split("test")
    assert len(calls) == 2
    assert not torch.allclose(before, after)
