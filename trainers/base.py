"""What all trainers over CLIP share: backbone, class texts, prompts, loss, precision."""

import hashlib
import inspect
import json
from typing import Any

import open_clip
from torch import nn
from yacs.config import CfgNode

from core.errors import UserError, not_accepted
from core.logging import get_logger
from core.seed import make_generator
from engine.checkpoint import frozen_digest
from engine.trainer import MultiLabelTrainer
from losses import LOSS_REGISTRY, build_loss
from models import class_texts, image_statistics, load_clip

log = get_logger()
PROMPT_STREAM = 2  # random stream of the prompts' initial values


class ClipTrainer(MultiLabelTrainer):
    """A trainer over CLIP. A subclass gives ``section``, ``model_name``, ``takes_pairs`` and ``build_network``.

    Attributes:
        section: its keys are ``TRAINER.<section>.*``; ``PREC`` is always among them, ``LOSS`` where it learns.
        takes_pairs: whether its logits are pairs ``(B, 2, C)``, not ``(B, C)``; decides which losses fit.
    """

    section = ""
    takes_pairs = True

    def method(self, cfg: CfgNode | None = None) -> CfgNode:
        """Return the settings of this trainer (``cfg`` where :attr:`cfg` is not set yet)."""
        return (cfg or self.cfg).TRAINER[self.section]

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check backbone and loss."""
        super().check_cfg(cfg)
        backbone, method = cfg.MODEL.BACKBONE, self.method(cfg)
        if not (backbone.NAME or backbone.ARCH or backbone.PATH):
            raise UserError(
                "MODEL.BACKBONE.NAME is empty; expected a CLIP backbone such as RN101 (or an ARCH file, or a "
                "checkpoint PATH whose shapes tell)"
            )
        if "LOSS" in method:
            self.check_loss(method.LOSS)
        self.precision_name = method.PREC

    def check_loss(self, name: str) -> None:
        """Raise :class:`UserError` unless a loss ``name`` is registered and takes this trainer's logits."""
        known = LOSS_REGISTRY.registered_names()
        names = [
            n
            for n in known
            if getattr(LOSS_REGISTRY.get(n), "takes_pairs", True) == self.takes_pairs
        ]
        if name not in names:
            form = "pairs of logits" if self.takes_pairs else "one logit per class"
            why = (
                f" ({type(self).__name__} has {form}, which {name} does not take)"
                if name in known
                else ""
            )
            raise UserError(not_accepted(f"TRAINER.{self.section}.LOSS", name, names) + why)

    def image_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and std of the backbone's images."""
        return image_statistics(self.cfg.MODEL.BACKBONE.ARCH)

    def load_clip(self) -> open_clip.CLIP:
        """Return the configured backbone: frozen, fp32, on the CPU."""
        backbone = self.cfg.MODEL.BACKBONE
        log.info("Loading CLIP (backbone: %s)", backbone.ARCH or backbone.NAME or backbone.PATH)
        clip = load_clip(
            backbone.NAME, path=backbone.PATH, arch=backbone.ARCH, pretrained=backbone.PRETRAINED
        )
        self.clip_digest = frozen_digest(clip)
        return clip

    def digest_frozen(self) -> str:
        """Return a digest of CLIP as it was loaded and of the classes' words.

        What the network makes of CLIP (folded, multiplied) may differ in the last bit from one machine to another.
        """
        tree = self.dm.dataset.hierarchy
        words = json.dumps(
            [self.clip_digest, list(tree.names), list(tree.paths), list(tree.sentences)]
        )
        return hashlib.blake2b(words.encode(), digest_size=16).hexdigest()

    def digest_features(self) -> str:
        """Return the digest of CLIP as it was loaded."""
        return self.clip_digest

    def class_texts(self) -> list[str]:
        """Return one text per class, of the strategy ``CLASS_TEXT``."""
        hierarchy = self.dm.dataset.hierarchy
        return class_texts(
            self.method().CLASS_TEXT,
            names=hierarchy.names,
            paths=hierarchy.paths,
            sentences=hierarchy.sentences,
        )

    def prompt_settings(self) -> dict[str, Any]:
        """Return the keyword arguments of models with positive and negative prompts."""
        method = self.method()
        return {
            "dense_form": method.DENSE_FORM,
            "num_ctx_pos": method.N_CTX_POS,
            "num_ctx_neg": method.N_CTX_NEG,
            "class_specific": method.CSC,
            "init_pos": method.POSITIVE_PROMPT_INIT,
            "init_neg": method.NEGATIVE_PROMPT_INIT,
            "logit_scale": method.LOGIT_SCALE,
            "pool_weight": method.POOL_WEIGHT,
            "text_chunk_size": method.TEXT_CHUNK,
            "generator": make_generator(self.cfg.SEED, PROMPT_STREAM),
        }

    def build_loss(self) -> nn.Module:
        """Return the configured loss; settings that it does not have are named in the log."""
        method = self.method()
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
        return build_loss(
            method.LOSS, **{name: settings[name] for name in settings if name in accepted}
        )
