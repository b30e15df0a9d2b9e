"""IntCLIP (Yang, Ye, Tao, ECCV 2024): sight and semantic branches, class integration, asymmetric loss."""

from collections.abc import Mapping

from torch import nn

from engine.base_choice import TRAINER_REGISTRY
from models import IntCLIPNetwork
from trainers.base import ClipTrainer


@TRAINER_REGISTRY.register()
class IntCLIP(ClipTrainer):
    """Train IntCLIP; its settings are ``TRAINER.INTCLIP.*`` and the learning-rate multipliers in ``OPTIM``."""

    model_name = "intclip"
    section = "INTCLIP"
    network_class = IntCLIPNetwork

    def build_network(self) -> nn.Module:
        """Load CLIP and build the two branches, the aggregation and the prompts."""
        method = self.method()
        return self.network_class(
            self.load_clip(),
            self.class_texts(),
            semantic_layers=tuple(method.SEMANTIC_LAYERS),
            num_semantic_blocks=method.SEMANTIC_BLOCKS,
            aggregation=method.AGGREGATION,
            attention_from=method.ATTENTION_FROM,
            **self.prompt_settings(),
        )

    def lr_multipliers(self) -> Mapping[str, float]:
        """Return the multipliers of the groups ``semantic`` and ``aggregation``."""
        optim = self.cfg.OPTIM
        return {"semantic": optim.SEMANTIC_LR_MULT, "aggregation": optim.AGGREGATION_LR_MULT}
