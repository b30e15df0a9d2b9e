"""The baselines: zero-shot logits, linear probe, fine-tuning, prompts over frozen features."""

import numpy as np
import open_clip
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from core.errors import UserError
from losses import binary_sigmoid_loss
from models import (
    DualCoOpNetwork,
    FineTuneNetwork,
    IntCLIPNetwork,
    LinearProbeNetwork,
    ZeroshotCLIPNetwork,
    region_logits,
)
from tests.models.image.test_resnet import plain_resnet_map
from tests.models.text.test_prompts import TEXTS

TEMPLATES = ("a photo of {}.", "{} in a picture")


def unit(x, axis=-1):
    return x / np.sqrt((x**2).sum(axis, keepdims=True))


def plain_text_features(clip, texts, templates):
    features = [
        unit(
            clip.encode_text(open_clip.tokenize([template.format(text) for text in texts]))
            .double()
            .numpy()
        )
        for template in templates
    ]
    return unit(sum(features) / len(features))


@pytest.mark.usefixtures("float64")
def test_zeroshot_logits_by_numpy(resnet_clip):
    images = torch.randn(3, 3, 64, 64)
    model = ZeroshotCLIPNetwork(resnet_clip, TEXTS, templates=TEMPLATES, logit_scale=40.0)
    text = plain_text_features(resnet_clip, [t.rstrip(".") for t in TEXTS], TEMPLATES)
    cosine = unit(resnet_clip.encode_image(images).double().numpy()) @ text.T
    expected = 40.0 * (cosine - cosine.mean(1, keepdims=True))
    np.testing.assert_allclose(model(images).numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(model.scores(model(images)), 1 / (1 + np.exp(-expected)), atol=1e-9)


@pytest.mark.usefixtures("float64")
def test_zeroshot_by_region_pools_the_dense_map_for_each_class(resnet_clip):
    images = torch.randn(3, 3, 96, 64)
    model = ZeroshotCLIPNetwork(
        resnet_clip, TEXTS, features="region", templates=TEMPLATES, region_scale=30.0
    )
    text = plain_text_features(resnet_clip, [t.rstrip(".") for t in TEXTS], TEMPLATES)
    dense = unit(
        plain_resnet_map(resnet_clip.visual, images).flatten(2).double().numpy(), axis=1
    )  # (B, E, N)
    cosine = text @ dense  # (B, C, N)
    share = np.exp(30 * cosine)
    expected = (share * cosine).sum(-1) / share.sum(-1)
    np.testing.assert_allclose(
        model.cosines(model.frozen_features(images)).numpy(), expected, atol=1e-9
    )


def test_zeroshot_learns_nothing(vit_clip):
    model = ZeroshotCLIPNetwork(vit_clip, TEXTS)
    assert model.parameter_groups() == {}
    assert model.trainable_state_dict() == {}
    assert not model(torch.randn(1, 3, 32, 32)).requires_grad


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"templates": ("a photo",)}, "a photo"),
        ({"templates": ()}, "one or more"),
        ({"templates": ("word " * 80 + "{}",)}, "77 tokens"),
        ({"features": "regions"}, "Did you mean 'region'"),
    ],
)
def test_zeroshot_refuses(vit_clip, settings, message):
    with pytest.raises(UserError, match=message):
        ZeroshotCLIPNetwork(vit_clip, TEXTS, **settings)


def test_the_longest_text_that_fits_is_read_whole(vit_clip):
    model = ZeroshotCLIPNetwork(
        vit_clip, ["cat"], templates=("word " * 74 + "{}",)
    )  # 75 words, start and end
    assert model.text().positive.shape == (1, 32)


@pytest.mark.usefixtures("float64")
def test_linear_probe_reaches_the_optimum_of_sklearn(resnet_clip):
    torch.manual_seed(0)
    images, target = torch.randn(40, 3, 64, 64), (torch.rand(40, 2) < 0.4).double()
    model = LinearProbeNetwork(resnet_clip, 2, features="mean")
    features = torch.nn.functional.layer_norm(model.frozen_features(images).mean, (32,))
    fit(model.linear, features, target)
    for c in range(2):
        known = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000)
        known.fit(features.numpy(), target[:, c].numpy())
        weight = model.linear.weight[c].detach().numpy()
        np.testing.assert_allclose(weight, known.coef_[0], atol=1e-5)
        expected = known.predict_proba(features.numpy())[:, 1]
        scores = model.scores(model(images))[:, c].detach().numpy()
        np.testing.assert_allclose(scores, expected, atol=1e-5)


def fit(linear, features, target):
    """Minimise summed cross-entropy plus half the squared weights; the bias is free."""
    optimizer = torch.optim.LBFGS(
        linear.parameters(),
        max_iter=500,
        tolerance_grad=1e-9,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        loss = binary_sigmoid_loss(linear(features), target)
        loss = loss + linear.weight.square().sum() / 2
        loss.backward()
        return loss

    optimizer.step(closure)


def test_linear_probe_learns_its_classifier_alone(resnet_clip):
    model = LinearProbeNetwork(resnet_clip, 5, features="concat").train()
    logits = model(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 5)
    assert (logits == 0).all()  # every probability starts at 1/2
    binary_sigmoid_loss(logits, torch.ones(2, 5)).backward()
    with_grad = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_grad == {"linear.weight", "linear.bias"} == set(model.trainable_state_dict())
    assert model.linear.weight.shape == (5, 64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("layers", [("layer4",), ("layer1", "layer2", "layer3", "layer4")])
def test_finetune_reads_the_mean_of_the_dense_map_and_reaches_the_declared_layers(
    resnet_clip, layers
):
    model, images = (
        FineTuneNetwork(resnet_clip, 4, layers=layers, norm="none").train(),
        torch.randn(2, 3, 64, 64),
    )
    torch.nn.init.normal_(model.linear.weight)
    logits = model(images)
    expected = plain_resnet_map(resnet_clip.visual, images).mean((2, 3)) @ model.linear.weight.T
    torch.testing.assert_close(logits, expected, atol=1e-8, rtol=1e-8)
    logits.square().sum().backward()
    groups = model.parameter_groups()
    assert list(groups) == ["semantic", "linear"]
    own = sum(len(list(getattr(resnet_clip.visual, layer).parameters())) for layer in layers)
    assert len(groups["semantic"]) == own
    assert model.encoder.sight is None
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == name.startswith(("encoder.semantic.", "linear.")), (
            name
        )


def test_finetune_of_a_vit_learns_its_last_blocks(vit_clip):
    model = FineTuneNetwork(vit_clip, 4, num_blocks=2).train()
    torch.nn.init.normal_(model.linear.weight)
    model(torch.randn(1, 3, 32, 32)).square().sum().backward()
    assert all(
        parameter.grad is not None
        for group in model.parameter_groups().values()
        for parameter in group
    )


def test_finetune_refuses_layers_that_are_not_the_last(resnet_clip):
    with pytest.raises(UserError, match="learnable layers are 'layer2'"):
        FineTuneNetwork(resnet_clip, 4, layers=("layer2",))


@pytest.mark.usefixtures("float64")
def test_dualcoop_is_the_prompts_over_the_frozen_map(resnet_clip):
    images = torch.randn(2, 3, 64, 64)
    model = DualCoOpNetwork(
        resnet_clip, TEXTS, num_ctx_pos=4, num_ctx_neg=3, generator=torch.Generator().manual_seed(1)
    )
    pos, neg = model.text()
    expected = region_logits(plain_resnet_map(resnet_clip.visual, images), pos, neg)
    torch.testing.assert_close(model(images), expected, atol=1e-8, rtol=1e-8)
    same = IntCLIPNetwork(
        resnet_clip, TEXTS, num_ctx_pos=4, num_ctx_neg=3, aggregation="sight",
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    assert torch.equal(model(images), same(images))
    assert list(model.parameter_groups()) == ["prompts"]
    assert set(model.trainable_state_dict()) == {
        "text.prompts.ctx_pos",
        "text.prompts.ctx_neg",
    }
