"""Base classes of the methods over CLIP: backbone, class texts, prompts, loss, precision."""

import hashlib
import json
from functools import cached_property
from typing import Any

import open_clip
from torch import nn
from yacs.config import CfgNode

from core.config import Key, class_section, declare, get_section, keys_of, section_of
from core.errors import UserError, not_accepted
from core.logging import get_logger
from core.seed import make_generator
from engine.checkpoint import frozen_digest
from engine.runner import MultiLabelRunner
from engine.trainer import MultiLabelTrainer
from losses import about_loss, build_loss, loss_names
from models import class_texts, image_statistics, load_clip
from models.clip.load import QUICK_GELU

log = get_logger()

PROMPT_STREAM = 2  # random stream of the prompts' initial values

# A resumed run may read the file from another place: a digest of the weights says whether it is the
# same backbone.
declare(
    "MODEL.BACKBONE",
    Key(
        "NAME", "", "CLIP backbone: RN50, RN101, RN50x4, ViT-B/16, ..., any open_clip architecture"
    ),
    Key("PRETRAINED", True, "load weights; False starts from random ones (tests)"),
    Key(
        "PATH",
        "",
        "checkpoint file: TorchScript archive, state dict or safetensors; empty: downloaded by "
        "name",
        may_change=True,
    ),
    Key(
        "ARCH",
        "",
        "architecture file of your own (open_clip JSON); overrides NAME",
        may_change=True,
    ),
    Key(
        "QUICK_GELU",
        "auto",
        "activation that the weights of PATH were trained with: QuickGELU (True) or GELU (False); "
        "auto knows OpenAI's own files and names, and ends in an error where it cannot know",
        choices=QUICK_GELU,
    ),
)
declare(
    "OPTIM",
    Key(
        "SEMANTIC_LR_MULT",
        0.1,
        "learning rate of the learnable deep layers, as a share of OPTIM.LR",
        low=0.0,
    ),
)


class ClipMethod:
    """Mixin of the methods over CLIP, for :class:`MultiLabelRunner` and :class:`MultiLabelTrainer`.

    A subclass gives ``build_network``. Its options are the keys of its section, ``TRAINER.<CLASS
    NAME>`` in capitals or the attribute ``section``; without a key ``PREC`` the precision is
    :attr:`precision_name`.

    Attributes:
        clip_digests: digests of the weights that :meth:`load_clip` has loaded, in this order.
    """

    clip_digests: tuple[str, ...] = ()

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check that a backbone is configured; take the precision from the options."""
        super().check_cfg(cfg)
        backbone = cfg.MODEL.BACKBONE
        if not (backbone.NAME or backbone.ARCH or backbone.PATH):
            raise UserError(
                "MODEL.BACKBONE.NAME is empty; expected a CLIP backbone such as RN101 (or an ARCH "
                "file, or a checkpoint PATH from whose shapes the architecture follows)"
            )
        self.precision_name = self.method(cfg).get("PREC", self.precision_name)

    def image_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of the backbone's images, per channel in [0, 1]."""
        return image_statistics(self.cfg.MODEL.BACKBONE.ARCH)

    def load_clip(self) -> open_clip.CLIP:
        """Return the configured backbone, frozen and on the CPU; note the digest of its weights.

        Raises:
            UserError: the weights cannot be found or read, or do not fit the architecture.
        """
        backbone = self.cfg.MODEL.BACKBONE
        log.info("Loading CLIP (backbone: %s)", backbone.ARCH or backbone.NAME or backbone.PATH)
        clip = load_clip(
            backbone.NAME,
            path=backbone.PATH,
            arch=backbone.ARCH,
            pretrained=backbone.PRETRAINED,
            quick_gelu=backbone.QUICK_GELU,
        )
        self.clip_digests = (*self.clip_digests, frozen_digest(clip))
        return clip

    def digest_frozen(self) -> str:
        """Return a digest of the loaded CLIP weights and of the class texts."""
        tree = self.dm.dataset.hierarchy
        words = [self.digest_weights(), list(tree.names), list(tree.paths), list(tree.sentences)]
        return hashlib.blake2b(json.dumps(words).encode(), digest_size=16).hexdigest()

    def digest_weights(self) -> str:
        """Return the digest of the loaded CLIP weights, without the classes.

        The weights of the network would not do: it folds and multiplies the loaded ones, and the
        last bits of the products differ between machines. They only serve a trainer that loads its
        backbone without :meth:`load_clip`.
        """
        return "+".join(self.clip_digests) or self._network_digest

    @cached_property
    def _network_digest(self) -> str:
        # Kept, because the statistics of a BatchNorm layer may change later.
        return frozen_digest(self.model)

    def digest_features(self) -> str:
        """Return the digest of the loaded CLIP weights."""
        return self.digest_weights()

    def class_texts(self) -> list[str]:
        """Return one text per class, chosen by the option ``CLASS_TEXT``."""
        hierarchy = self.dm.dataset.hierarchy
        return class_texts(
            self.method().CLASS_TEXT,
            names=hierarchy.names,
            paths=hierarchy.paths,
            sentences=hierarchy.sentences,
        )

    def prompt_settings(self) -> dict[str, Any]:
        """Return the keyword arguments for a network with positive and negative prompts."""
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
            "regions": method.REGIONS,
            "text_chunk_size": method.TEXT_CHUNK,
            "generator": make_generator(self.cfg.SEED, PROMPT_STREAM),
        }


class ClipRunner(ClipMethod, MultiLabelRunner):
    """A method over CLIP without training."""


class ClipTrainer(ClipMethod, MultiLabelTrainer):
    """A method over CLIP that learns; ``LOSS`` is among its options, or it defines ``build_loss``.

    Attributes:
        takes_pairs: True if the logits are pairs ``(B, 2, C)``, False if they are ``(B, C)``; the
            loss must take the same.
    """

    takes_pairs = True

    def closed_set_reason(self) -> str:
        """Return why class-specific prompts cannot score other classes."""
        if self.method().get("CSC", False):
            section = class_section("TRAINER", type(self))
            return f"{section}.CSC is True, one prompt per class; accepted: False"
        return ""

    @classmethod
    def has_own_loss(cls) -> bool:
        """Return True if a subclass defines ``build_loss``; the option ``LOSS`` has no say then."""
        return cls.build_loss is not ClipTrainer.build_loss

    @classmethod
    def loss_sections(cls, cfg: CfgNode) -> set[str]:
        """Return the section of the configured loss; ``LOSS``, any, if the class builds its own."""
        if cls.has_own_loss():
            return super().loss_sections(cfg)
        name = get_section(cfg, class_section("TRAINER", cls)).get("LOSS", "")
        section = section_of("LOSS", name)
        return {section} if section else set()

    def check_cfg(self, cfg: CfgNode) -> None:
        """Check the backbone, and that the loss takes the logits of this method."""
        super().check_cfg(cfg)
        if self.has_own_loss():
            self._tell_unread_loss()
            return
        key = f"{class_section('TRAINER', type(self))}.LOSS"
        name = self.method(cfg).get("LOSS")
        if name is None:
            raise UserError(
                f"the trainer {type(self).__name__} has no key {key}; declare it with "
                "trainers.loss_keys, or define build_loss"
            )
        fitting = loss_names(takes_pairs=self.takes_pairs)
        if name not in fitting:
            about = about_loss(name, takes_pairs=self.takes_pairs)
            raise UserError(not_accepted(key, name, fitting) + about)

    def _tell_unread_loss(self) -> None:
        """Log that an own ``build_loss`` replaces the option of another module."""
        section = class_section("TRAINER", type(self))
        option = keys_of(section).get("LOSS")
        if option is not None and option.owner != type(self).build_loss.__module__:
            log.info(
                "%s defines build_loss, so the option %s has no effect, unless build_loss reads it",
                type(self).__name__,
                option.full_name,
            )

    def build_loss(self) -> nn.Module:
        """Return the configured loss with the options of its section ``LOSS.<NAME>``.

        A warning tells if it takes each class on its own although every image has one class.
        """
        name = self.method().LOSS
        loss = build_loss(name, self.cfg)
        if self.dm.dataset.kind == "single_label" and not hasattr(loss, "scores"):
            log.warning(
                "Every image has one class, but the loss %s takes each class on its own; "
                "configs/base/single_label.yaml names losses over the classes",
                name,
            )
        return loss
