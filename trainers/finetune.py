"""Plain fine-tuning of the last layers of CLIP's image encoder with a linear classifier.

The text encoder is not used.
"""

from collections.abc import Mapping

from torch import nn

from core.config import Key, declare
from engine.base_choice import TRAINER_REGISTRY
from models import FineTuneNetwork
from models.image.resnet import LAYERS
from trainers.base import ClipTrainer
from trainers.keys import dense_form_keys, loss_keys, norm_keys, precision_keys

declare(
    "TRAINER.FINETUNE",
    *precision_keys(),
    Key(
        "LAYERS",
        ("layer3", "layer4"),
        "learnable stages of a ResNet (the last ones; all four: everything but the stem and the "
        "pool)",
        choices=LAYERS,
    ),
    Key("BLOCKS", 2, "learnable blocks of a ViT (the last ones)", low=1),
    *dense_form_keys(),
    *norm_keys(),
    *loss_keys("AsymmetricSigmoidLoss", takes_pairs=False),
)


@TRAINER_REGISTRY.register()
class FineTune(ClipTrainer):
    """Train the last layers of the image encoder and a classifier on the mean of their map."""

    model_name = "finetune"
    section = "TRAINER.FINETUNE"
    takes_pairs = False

    def closed_set_reason(self) -> str:
        """Return why a linear classifier cannot score other classes."""
        return "a linear classifier has no text, so it cannot name them"

    def build_network(self) -> nn.Module:
        """Load CLIP and build the learnable branch and its classifier."""
        method = self.method()
        return FineTuneNetwork(
            self.load_clip(),
            self.num_classes,
            layers=tuple(method.LAYERS),
            num_blocks=method.BLOCKS,
            dense_form=method.DENSE_FORM,
            norm=method.NORM,
        )

    def lr_multipliers(self) -> Mapping[str, float]:
        """Return the multiplier of the group ``semantic``, the learnable layers of CLIP."""
        return {"semantic": self.cfg.OPTIM.SEMANTIC_LR_MULT}
