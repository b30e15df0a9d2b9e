"""The whole model against a plain form; what learns, what is kept, what is cached."""

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from losses.asymmetric import AsymmetricPairLoss
from models import IntCLIPNetwork
from tests.models.image.test_resnet import plain_resnet_map
from tests.models.text.test_prompts import TEXTS, full_length


def build(clip, **settings):
    return IntCLIPNetwork(clip, TEXTS, num_ctx_pos=4, num_ctx_neg=4, **settings)


def plain_logits(model, clip, images):
    dense = plain_resnet_map(clip.visual, images)  # both branches start from CLIP
    fused = model.aggregation(dense, dense)
    locations = F.normalize(fused.flatten(2), dim=1)
    pos, neg = (
        20 * F.normalize(full_length(clip, c, TEXTS), dim=1) @ locations
        for c in (model.text.prompts.ctx_pos, model.text.prompts.ctx_neg)
    )
    share = pos.softmax(-1)
    return 5 * torch.stack([(share * neg).sum(-1), (share * pos).sum(-1)], dim=1)


@pytest.mark.usefixtures("float64")
def test_logits_and_prompt_gradients_equal_the_plain_form(resnet_clip):
    model = build(resnet_clip)
    model.aggregation.gamma.data.fill_(0.5)
    images = torch.randn(2, 3, 64, 64)
    ours, theirs = model(images), plain_logits(model, resnet_clip, images)
    torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=1e-8)
    weight, parameters = torch.randn_like(ours), list(model.text.prompts.parameters())
    for a, b in zip(
        *(torch.autograd.grad((x * weight).sum(), parameters) for x in (ours, theirs)), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("aggregation", ["sight_assisted", "mean", "sight", "semantic"])
def test_groups_are_complete_and_reached_by_the_gradient(resnet_clip, aggregation):
    model = build(resnet_clip, aggregation=aggregation).train()
    if aggregation == "sight_assisted":
        model.aggregation.gamma.data.fill_(0.5)
    groups = model.parameter_groups()
    assert bool(groups["semantic"]) == (aggregation != "sight")
    assert bool(groups["aggregation"]) == (aggregation == "sight_assisted")
    AsymmetricPairLoss()(
        model(torch.randn(2, 3, 64, 64)), torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    ).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    assert sum(map(len, groups.values())) == sum(p.requires_grad for p in model.parameters())


def test_trainable_state_round_trip(resnet_clip):
    model, other = build(resnet_clip), build(resnet_clip)
    state = {k: v.clone() + 1 for k, v in model.trainable_state_dict().items()}
    assert not any("encoder.ln_final" in key for key in state)
    other.load_trainable_state_dict(state)
    assert all(torch.equal(v, state[k]) for k, v in other.trainable_state_dict().items())
    state.pop("text.prompts.ctx_pos")
    with pytest.raises(UserError, match=r"missing text\.prompts\.ctx_pos"):
        other.load_trainable_state_dict(state)


def test_scores_are_the_softmax_over_the_pair():
    logits = torch.tensor([[[0.0, 2.0], [1.0, 2.0]]])
    torch.testing.assert_close(
        IntCLIPNetwork.scores(logits), torch.tensor([[torch.tensor(1.0).sigmoid(), 0.5]])
    )


def test_vit_end_to_end(vit_clip):
    model = build(vit_clip, num_semantic_blocks=2).train()
    model(torch.randn(2, 3, 48, 32)).sum().backward()
    assert all(p.grad is not None for p in model.parameter_groups()["semantic"])
