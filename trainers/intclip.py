"""IntCLIP (Yang, Ye, Tao, ECCV 2024): sight and semantic branches, class integration, asymmetric loss."""

import inspect
from collections.abc import Mapping

from torch import nn
from yacs.config import CfgNode

from core.errors import UserError, not_accepted
from core.logging import get_logger
from core.seed import make_generator
from engine.dassl import TRAINER_REGISTRY
from engine.trainer import MultiLabelTrainer
from losses import LOSS_REGISTRY, build_loss
from models import IntCLIP as IntCLIPNet
from models import class_texts, image_statistics, load_clip

log = get_logger()
PROMPT_STREAM = 2  # random stream of the prompts' initial values


@TRAINER_REGISTRY.register()
class IntCLIP(MultiLabelTrainer):
    """Train IntCLIP; its settings are ``TRAINER.INTCLIP.*`` and the learning-rate multipliers in ``OPTIM``."""

    model_name = "intclip"

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check backbone and loss."""
        super().check_cfg(cfg)
        if not cfg.MODEL.BACKBONE.NAME and not cfg.MODEL.BACKBONE.ARCH:
            raise UserError("MODEL.BACKBONE.NAME is empty; expected a CLIP backbone such as RN101 (or an ARCH file)")
        names = [n for n in LOSS_REGISTRY.registered_names() if getattr(LOSS_REGISTRY.get(n), "takes_pairs", True)]
        if cfg.TRAINER.INTCLIP.LOSS not in names:
            raise UserError(not_accepted("TRAINER.INTCLIP.LOSS", cfg.TRAINER.INTCLIP.LOSS, names))
        self.precision_name = cfg.TRAINER.INTCLIP.PREC

    def image_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and std of the backbone's images."""
        return image_statistics(self.cfg.MODEL.BACKBONE.ARCH)

    def build_network(self) -> nn.Module:
        """Load CLIP and build the two branches, the aggregation and the prompts."""
        cfg, method = self.cfg, self.cfg.TRAINER.INTCLIP
        log.info("Loading CLIP (backbone: %s)", cfg.MODEL.BACKBONE.ARCH or cfg.MODEL.BACKBONE.NAME)
        backbone = cfg.MODEL.BACKBONE
        clip = load_clip(backbone.NAME, path=backbone.PATH, arch=backbone.ARCH, pretrained=backbone.PRETRAINED)
        hierarchy = self.dm.dataset.hierarchy
        texts = class_texts(
            method.CLASS_TEXT, names=hierarchy.names, paths=hierarchy.paths, sentences=hierarchy.sentences
        )
        return IntCLIPNet(
            clip,
            texts,
            semantic_layers=tuple(method.SEMANTIC_LAYERS),
            num_semantic_blocks=method.SEMANTIC_BLOCKS,
            dense_form=method.DENSE_FORM,
            aggregation=method.AGGREGATION,
            attention_from=method.ATTENTION_FROM,
            num_ctx_pos=method.N_CTX_POS,
            num_ctx_neg=method.N_CTX_NEG,
            class_specific=method.CSC,
            init_pos=method.POSITIVE_PROMPT_INIT,
            init_neg=method.NEGATIVE_PROMPT_INIT,
            logit_scale=method.LOGIT_SCALE,
            pool_weight=method.POOL_WEIGHT,
            generator=make_generator(cfg.SEED, PROMPT_STREAM),
        )

    def build_loss(self) -> nn.Module:
        """Return the asymmetric loss on pairs (or the registered loss that is configured)."""
        method = self.cfg.TRAINER.INTCLIP
        settings = {
            "gamma_neg": method.ASL_GAMMA_NEG,
            "gamma_pos": method.ASL_GAMMA_POS,
            "clip": method.ASL_CLIP,
            "eps": method.ASL_EPS,
            "weight": method.LOSS_WEIGHT,
        }
        accepted = inspect.signature(LOSS_REGISTRY.get(method.LOSS)).parameters
        ignored = [name for name in settings if name not in accepted]
        if ignored:
            log.info("%s has no %s: those settings are ignored", method.LOSS, ", ".join(ignored))
        return build_loss(method.LOSS, **{name: settings[name] for name in settings if name in accepted})

    def lr_multipliers(self) -> Mapping[str, float]:
        """Return the multipliers of the groups ``semantic`` and ``aggregation``."""
        optim = self.cfg.OPTIM
        return {"semantic": optim.SEMANTIC_LR_MULT, "aggregation": optim.AGGREGATION_LR_MULT}
