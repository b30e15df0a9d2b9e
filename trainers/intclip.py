"""IntCLIP (Yang, Ye, Tao, ECCV 2024): sight and semantic branches with class integration."""

from collections.abc import Mapping

from torch import nn

from core.config import Key, declare
from engine.base_choice import TRAINER_REGISTRY
from models import AGGREGATIONS, ATTENTION_SOURCES, IntCLIPNetwork
from models.image.resnet import LAYERS
from trainers.base import ClipTrainer
from trainers.keys import dense_form_keys, loss_keys, precision_keys, prompt_keys

declare(
    "TRAINER.INTCLIP",
    *precision_keys(),
    *prompt_keys(class_text="sentence"),
    Key(
        "SEMANTIC_LAYERS",
        ("layer3", "layer4"),
        "learnable stages of a ResNet (the last ones)",
        choices=LAYERS,
    ),
    Key("SEMANTIC_BLOCKS", 2, "learnable blocks of a ViT (the last ones)", low=1),
    *dense_form_keys(),
    Key(
        "AGGREGATION",
        "sight_assisted",
        "how the two maps become one",
        choices=tuple(AGGREGATIONS),
    ),
    Key(
        "ATTENTION_FROM",
        "semantic",
        "maps that give query and key, and value: semantic, sight / sight, semantic / "
        "cross: query semantic, key and value sight",
        choices=tuple(ATTENTION_SOURCES),
    ),
    *loss_keys("AsymmetricPairLoss", takes_pairs=True),
)
declare(
    "OPTIM",
    Key(
        "AGGREGATION_LR_MULT",
        0.1,
        "learning rate of the sight-assisted aggregation, as a share of OPTIM.LR",
        low=0.0,
    ),
)


@TRAINER_REGISTRY.register()
class IntCLIP(ClipTrainer):
    """Train the prompts, the semantic branch and the aggregation; the rest of CLIP stays frozen."""

    model_name = "intclip"
    section = "TRAINER.INTCLIP"
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
