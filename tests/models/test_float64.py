"""A CLIP in float64 gives networks in float64, and the numbers of float32 up to rounding."""

import copy

import pytest
import torch

from models import (
    DualCoOpNetwork,
    FineTuneNetwork,
    IntCLIPNetwork,
    LinearProbeNetwork,
    ZeroshotCLIPNetwork,
)
from tests.models.text.test_prompts import TEXTS

NETWORKS = {
    "IntCLIP": lambda clip: IntCLIPNetwork(clip, TEXTS, generator=torch.Generator().manual_seed(0)),
    "DualCoOp": lambda clip: DualCoOpNetwork(
        clip, TEXTS, init_pos="a photo of", init_neg="not a photo of"
    ),
    "FineTune": lambda clip: FineTuneNetwork(clip, len(TEXTS)),
    "LinearProbe": lambda clip: LinearProbeNetwork(clip, len(TEXTS), features="concat"),
    "ZeroshotCLIP": lambda clip: ZeroshotCLIPNetwork(clip, TEXTS),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["resnet_clip", "vit_clip"])
def test_a_network_has_the_precision_of_its_clip(request, kind, name):
    clip, make = request.getfixturevalue(kind), NETWORKS[name]
    wide = make(copy.deepcopy(clip).double())
    assert {
        tensor.dtype for tensor in wide.state_dict().values() if tensor.is_floating_point()
    } == {torch.float64}
    images = torch.randn(
        2, 3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    logits = wide(images)
    assert logits.dtype == wide.scores(logits).dtype == torch.float64
    if (
        name == "IntCLIP"
    ):  # its contexts are drawn in the precision of the weights, so the numbers are others
        return
    torch.testing.assert_close(make(clip)(images.float()).double(), logits, atol=2e-3, rtol=1e-3)
