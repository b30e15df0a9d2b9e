"""How each shipped CLIP is made."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    Attributes:
        arch: file name in configs/backbones, and of the weights in assets, without suffix.
        world: whose pictures and captions are learnt.
        word_steps: steps of the first phase, which predicts the words of the captions.
        steps: of both phases.
        batch_size: pictures per step.
        pool: pictures to draw.
        lr: learning rate.
        word_weight: weight of the loss of the words in the second phase, beside the contrast.
        image_lr: factor of the image encoder's rate in the second phase.
        intent_rate: share of the captions that end with the words of an intent.
        bf16: autocast to bfloat16, which is fast on processors with instructions for it only.
    """

    arch: str
    world: str
    word_steps: int
    steps: int
    batch_size: int
    pool: int
    lr: float = 2e-3
    word_weight: float = 0.0
    image_lr: float = 1.0
    intent_rate: float = 0.05
    bf16: bool = False


RECIPES = {
    "scenes_rn": Recipe("scenes_rn", "rich", 2200, 4400, 128, 40000, word_weight=0.3, image_lr=0.5),
    "scenes_vit": Recipe(
        "scenes_vit", "rich", 2200, 4400, 128, 40000, lr=1e-3, word_weight=0.3, image_lr=0.5
    ),
    "scenes_plain_rn": Recipe(
        "scenes_plain_rn", "plain", 0, 4000, 256, 40000, intent_rate=0.15, bf16=True
    ),
}
