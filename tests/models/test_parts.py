"""Aggregation, region pooling and class texts against plain loops."""

import math

import numpy as np
import pytest
import torch

from core.errors import UserError
from models.aggregation import build_aggregation, position_attention
from models.class_text import class_texts
from models.region_pooling import NEGATIVE, POSITIVE, region_logits


def test_position_attention_loops() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 3, 2, 4, dtype=torch.float64), torch.randn(2, 3, 2, 4, dtype=torch.float64)
    value = torch.randn(2, 5, 2, 4, dtype=torch.float64)
    out = position_attention(query, key, value)
    q, k, v = (t.flatten(2).numpy() for t in (query, key, value))
    for b in range(2):
        for i in range(8):
            weights = [math.exp(sum(q[b, d, i] * k[b, d, j] for d in range(3))) for j in range(8)]
            for e in range(5):
                want = sum(w * v[b, e, j] for j, w in enumerate(weights)) / sum(weights)
                assert abs(out.flatten(2)[b, e, i].item() - want) < 1e-12


@pytest.mark.parametrize(
    ("source", "roles"), [("semantic", "sem sem sig"), ("sight", "sig sig sem"), ("cross", "sem sig sig")]
)
def test_attention_sources(source: str, roles: str) -> None:
    maps = {"sig": torch.randn(1, 16, 3, 3), "sem": torch.randn(1, 16, 3, 3)}
    module = build_aggregation("sight_assisted", 16, source, torch.Generator().manual_seed(0))
    assert module.gamma.item() == 0 and module.query.weight.shape == (2, 16, 1, 1)
    mean = (maps["sig"] + maps["sem"]) / 2
    torch.testing.assert_close(module(maps["sig"], maps["sem"]), mean)
    module.gamma.data.fill_(0.5)
    query, key, value = (maps[role] for role in roles.split())
    want = 0.5 * position_attention(module.query(query), module.key(key), module.value(value)) + mean
    torch.testing.assert_close(module(maps["sig"], maps["sem"]), want)


def test_plain_aggregations() -> None:
    sight, semantic = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    wanted = {"mean": ((sight + semantic) / 2, "both"), "sight": (sight, "sight"), "semantic": (semantic, "semantic")}
    for name, (want, branches) in wanted.items():
        module = build_aggregation(name, 4)
        assert torch.equal(module(sight, semantic), want) and module.branches == branches
        assert not list(module.parameters())
    with pytest.raises(UserError, match="Did you mean 'mean'"):
        build_aggregation("meen", 4)
    with pytest.raises(UserError, match="attention_from is 'both'"):
        build_aggregation("sight_assisted", 4, "both")


def test_region_logits_loops() -> None:
    rng = np.random.default_rng(0)
    image, pos, neg = rng.normal(size=(2, 6, 2, 3)), rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    out = region_logits(*(torch.from_numpy(a) for a in (image, pos, neg)), scale=20.0, weight=5.0)
    assert out.shape == (2, 2, 4) and (NEGATIVE, POSITIVE) == (0, 1)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    for b in range(2):
        places = image[b].reshape(6, -1).T
        for c in range(4):
            s_pos = np.array([20 * cosine(x, pos[c]) for x in places])
            s_neg = np.array([20 * cosine(x, neg[c]) for x in places])
            w = np.exp(s_pos) / np.exp(s_pos).sum()
            np.testing.assert_allclose(out[b, POSITIVE, c], 5 * (w * s_pos).sum(), rtol=1e-10)
            np.testing.assert_allclose(out[b, NEGATIVE, c], 5 * (w * s_neg).sum(), rtol=1e-10)


def test_full_precision_under_autocast() -> None:
    image, text = torch.randn(1, 8, 2, 2), torch.randn(3, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = region_logits(image, text, -text)
    assert torch.equal(out, region_logits(image, text, -text)) and out.dtype == torch.float32
    assert region_logits(image.bfloat16(), text.bfloat16(), text).dtype == torch.float32


def test_class_texts() -> None:
    given = {
        "names": ["attractive", "things_in_order"],
        "paths": [["security and belonging", "stability", "attractive"], ["financial", "things_in_order"]],
        "sentences": ["Someone who wants to be attractive.", "Things in order."],
    }
    assert class_texts("name", **given) == ["attractive", "things in order"]
    assert class_texts("path", **given)[0] == "security and belonging, stability, attractive"
    assert class_texts("sentence", **given) == given["sentences"]
    with pytest.raises(UserError, match="Did you mean 'sentence'"):
        class_texts("sentences", **given)
    with pytest.raises(UserError, match="hierarchy has 0"):
        class_texts("path", names=["a"])
    with pytest.raises(UserError, match="empty text for: a"):
        class_texts("sentence", names=["a"], sentences=["_"])
