"""DualCoOp (Sun, Hu, Saenko, NeurIPS 2022): positive and negative prompts over a frozen encoder."""

from torch import nn

from engine.base_choice import TRAINER_REGISTRY
from models import DualCoOpNetwork
from trainers.base import ClipTrainer


@TRAINER_REGISTRY.register()
class DualCoOp(ClipTrainer):
    """Train the prompts alone; settings are ``TRAINER.DUALCOOP.*``."""

    model_name = "dualcoop"
    section = "DUALCOOP"
    network_class = DualCoOpNetwork

    def build_network(self) -> nn.Module:
        """Load CLIP and build the prompts over its frozen dense map."""
        return self.network_class(self.load_clip(), self.class_texts(), **self.prompt_settings())
