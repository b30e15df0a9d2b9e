"""DualCoOp (Sun, Hu, Saenko, NeurIPS 2022): positive and negative prompts over frozen CLIP."""

from torch import nn

from core.config import declare
from engine.base_choice import TRAINER_REGISTRY
from models import DualCoOpNetwork
from trainers.base import ClipTrainer
from trainers.keys import dense_form_keys, loss_keys, precision_keys, prompt_keys

declare(
    "TRAINER.DUALCOOP",
    *precision_keys(),
    *prompt_keys(class_text="name"),
    *dense_form_keys(),
    *loss_keys("AsymmetricPairLoss", takes_pairs=True),
)


@TRAINER_REGISTRY.register()
class DualCoOp(ClipTrainer):
    """Train the prompts; the encoders of CLIP stay frozen."""

    model_name = "dualcoop"
    section = "TRAINER.DUALCOOP"
    network_class = DualCoOpNetwork

    def build_network(self) -> nn.Module:
        """Load CLIP and build the network of its frozen dense map and learnable prompts."""
        return self.network_class(self.load_clip(), self.class_texts(), **self.prompt_settings())
