"""Linear probe (Radford et al., ICML 2021, section 3.2): logistic regression on frozen features."""

from torch import nn

from core.config import Key, declare
from engine.base_choice import TRAINER_REGISTRY
from models import LinearProbeNetwork
from models.image.features import FEATURES
from trainers.base import ClipTrainer
from trainers.keys import loss_keys, norm_keys, precision_keys

declare(
    "TRAINER.LINEARPROBE",
    *precision_keys(),
    Key(
        "FEATURES",
        "global",
        "CLIP's own image embedding (global), the mean of the dense map, or both (concat)",
        choices=FEATURES,
    ),
    *norm_keys(),
    *loss_keys("BinarySigmoidLoss", takes_pairs=False),
)


@TRAINER_REGISTRY.register()
class LinearProbe(ClipTrainer):
    """Train one linear classifier on the frozen image features of CLIP."""

    model_name = "linearprobe"
    section = "TRAINER.LINEARPROBE"
    takes_pairs = False

    def closed_set_reason(self) -> str:
        """Return why a linear classifier cannot score other classes."""
        return "a linear classifier has no text, so it cannot name them"

    def build_network(self) -> nn.Module:
        """Load CLIP and put a linear classifier on its frozen image encoder."""
        method = self.method()
        return LinearProbeNetwork(
            self.load_clip(),
            self.num_classes,
            features=method.FEATURES,
            norm=method.NORM,
        )
