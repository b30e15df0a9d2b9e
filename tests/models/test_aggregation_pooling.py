"""Aggregation and region pooling against plain loops in float64."""

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.labels import NEGATIVE, POSITIVE
from models import build_aggregation, position_attention, region_logits


def test_position_attention_is_the_plain_loop():
    query, key, value = (torch.randn(2, c, 2, 3, dtype=torch.float64) for c in (4, 4, 5))
    out = position_attention(query, key, value)
    q, k, v = (t.flatten(2).numpy() for t in (query, key, value))
    for b in range(2):
        for i in range(6):
            scores = np.array([q[b, :, i] @ k[b, :, j] for j in range(6)])
            share = np.exp(scores - scores.max())
            expected = sum(share[j] / share.sum() * v[b, :, j] for j in range(6))
            np.testing.assert_allclose(out[b, :, i // 3, i % 3].numpy(), expected, rtol=1e-10)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("attention_from", "sources"), [("semantic", "tts"), ("sight", "sst"), ("cross", "tss")]
)  # query, key, value: s sight, t semantic
def test_sight_assisted_aggregation(attention_from, sources):
    module = build_aggregation("sight_assisted", 16, attention_from)
    maps = {"s": torch.randn(2, 16, 3, 2), "t": torch.randn(2, 16, 3, 2)}
    mean = (maps["s"] + maps["t"]) / 2
    assert module.query.out_channels == 2
    assert torch.equal(module(maps["s"], maps["t"]), mean), "gamma starts at 0"
    module.gamma.data.fill_(0.7)
    query, key, value = (maps[source] for source in sources)
    attended = position_attention(module.query(query), module.key(key), module.value(value))
    torch.testing.assert_close(module(maps["s"], maps["t"]), 0.7 * attended + mean)


def test_plain_forms():
    sight, semantic = torch.randn(1, 8, 2, 2), torch.randn(1, 8, 2, 2)
    assert torch.equal(build_aggregation("mean", 8)(sight, semantic), (sight + semantic) / 2)
    assert torch.equal(build_aggregation("sight", 8)(sight, None), sight)
    assert torch.equal(build_aggregation("semantic", 8)(None, semantic), semantic)
    with pytest.raises(UserError, match="Did you mean 'semantic'"):
        build_aggregation("semantc", 8)


def test_region_logits_are_the_plain_loops():
    rng = np.random.default_rng(0)
    image_map, pos, neg = (
        rng.normal(size=(2, 6, 2, 3)),
        rng.normal(size=(4, 6)),
        rng.normal(size=(4, 6)),
    )
    out = region_logits(*(torch.from_numpy(a) for a in (image_map, pos, neg))).numpy()
    assert out.shape == (2, 2, 4)
    unit = lambda v: v / np.linalg.norm(v)  # noqa: E731
    for b in range(2):
        locations = [unit(image_map[b, :, i, j]) for i in range(2) for j in range(3)]
        for c in range(4):
            s_pos = np.array([20 * location @ unit(pos[c]) for location in locations])
            s_neg = np.array([20 * location @ unit(neg[c]) for location in locations])
            share = np.exp(s_pos - s_pos.max()) / np.exp(s_pos - s_pos.max()).sum()
            assert out[b, POSITIVE, c] == pytest.approx(5 * (share * s_pos).sum(), rel=1e-8)
            assert out[b, NEGATIVE, c] == pytest.approx(5 * (share * s_neg).sum(), rel=1e-8)
    assert (NEGATIVE, POSITIVE) == (0, 1)


def test_full_precision_under_autocast():
    image, text = torch.randn(1, 8, 2, 2), torch.randn(3, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = region_logits(image, text, -text)
    assert torch.equal(out, region_logits(image, text, -text)) and out.dtype == torch.float32
    assert region_logits(image.bfloat16(), text.bfloat16(), text).dtype == torch.float32
