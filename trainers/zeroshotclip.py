"""Zero-shot CLIP (Radford et al., ICML 2021): class texts in templates, without training."""

from torch import nn
from yacs.config import CfgNode

from core.config import Key, declare
from core.errors import UserError
from engine.base_choice import TRAINER_REGISTRY
from models import ZeroshotCLIPNetwork
from models.zeroshot import FEATURES, SCORES
from trainers.base import ClipRunner
from trainers.keys import class_text_keys, precision_keys

declare(
    "TRAINER.ZEROSHOTCLIP",
    *precision_keys(),
    *class_text_keys("name"),
    Key(
        "TEMPLATES",
        ("a photo of {}.",),
        "texts with {} in the place of the class; the features of all templates are averaged",
    ),
    Key(
        "FEATURES",
        "global",
        "CLIP's own image embedding (global), or the dense map pooled for each class (region)",
        choices=FEATURES,
    ),
    Key(
        "LOGIT_SCALE",
        50.0,
        "scale of the distance of a class's cosine from the mean over classes",
        low=0.0,
    ),
    Key(
        "SCORES",
        "sigmoid",
        "one probability for each class (sigmoid), or a distribution over the classes (softmax)",
        choices=SCORES,
    ),
    Key("REGION_SCALE", 20.0, "scale of the cosine in the softmax over locations", low=1e-6),
)


@TRAINER_REGISTRY.register()
class ZeroshotCLIP(ClipRunner):
    """Evaluate CLIP without training.

    Files and log lines are the same as for a trained method, except for checkpoints.
    """

    model_name = "zeroshotclip"
    section = "TRAINER.ZEROSHOTCLIP"
    weights = "CLIP without training"

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check the templates, and that evaluation is not switched off."""
        super().check_cfg(cfg)
        templates = tuple(self.method(cfg).TEMPLATES)
        if not templates or any("{}" not in template for template in templates):
            raise UserError(
                f"TRAINER.ZEROSHOTCLIP.TEMPLATES is {templates}; expected one or more texts, each "
                "with {} in the place of the class, such as 'a photo of {}.'"
            )
        if cfg.TEST.NO_TEST:
            raise UserError("TEST.NO_TEST True leaves ZeroshotCLIP nothing to do; accepted: False")

    def build_network(self) -> nn.Module:
        """Load CLIP and encode the class texts."""
        method = self.method()
        return ZeroshotCLIPNetwork(
            self.load_clip(),
            self.class_texts(),
            templates=tuple(method.TEMPLATES),
            features=method.FEATURES,
            logit_scale=method.LOGIT_SCALE,
            region_scale=method.REGION_SCALE,
            scores=method.SCORES,
        )
