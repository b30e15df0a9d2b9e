"""The linear probe (Radford et al., ICML 2021, section 3.2): logistic regression on CLIP's frozen features."""

from torch import nn

from engine.base_choice import TRAINER_REGISTRY
from models import LinearProbeNetwork
from trainers.base import ClipTrainer


@TRAINER_REGISTRY.register()
class LinearProbe(ClipTrainer):
    """Train one linear classifier; settings are ``TRAINER.LINEARPROBE.*``."""

    model_name = "linearprobe"
    section = "LINEARPROBE"
    takes_pairs = False

    def build_network(self) -> nn.Module:
        """Load CLIP and put a linear classifier on its frozen image encoder."""
        method = self.method()
        return LinearProbeNetwork(
            self.load_clip(), self.num_classes, features=method.FEATURES, norm=method.NORM
        )
