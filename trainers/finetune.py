"""Plain fine-tuning: the last layers of CLIP's image encoder and a linear classifier learn; no text branch."""

from collections.abc import Mapping

from torch import nn

from engine.base_choice import TRAINER_REGISTRY
from models import FineTuneNetwork
from trainers.base import ClipTrainer


@TRAINER_REGISTRY.register()
class FineTune(ClipTrainer):
    """Train layers and classifier; settings are ``TRAINER.FINETUNE.*`` and ``OPTIM.SEMANTIC_LR_MULT`` of the layers."""

    model_name = "finetune"
    section = "FINETUNE"
    takes_pairs = False

    def build_network(self) -> nn.Module:
        """Load CLIP and build the branch that learns and its classifier."""
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
        """Return the multiplier of the group ``semantic``, the layers that learn."""
        return {"semantic": self.cfg.OPTIM.SEMANTIC_LR_MULT}
