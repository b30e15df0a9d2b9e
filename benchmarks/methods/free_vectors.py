"""Controls of the comparison: DualCoOp and IntCLIP with free class vectors, without a text encoder.

These trainers are outside the package ``trainers``; the setting
``IMPORTS "['benchmarks.methods.free_vectors']"`` registers them. They differ from the project's
trainers in the text component only, so a difference between the results is the effect of the text
encoder.
"""

from collections.abc import Callable, Sequence

import open_clip
import torch

from engine.base_choice import TRAINER_REGISTRY
from models import DualCoOpNetwork, FreeText, IntCLIPNetwork, PromptedText, RegionNetwork
from trainers.dualcoop import DualCoOp
from trainers.intclip import IntCLIP

PROMPT_SETTINGS = (
    "num_ctx_pos",
    "num_ctx_neg",
    "class_specific",
    "init_pos",
    "init_neg",
    "text_chunk_size",
    "generator",
)


def with_free_text(network_class: type[RegionNetwork]) -> Callable[..., RegionNetwork]:
    """Return a constructor of ``network_class`` whose text component is :class:`FreeText`.

    The vectors start at the features of the untrained prompts.
    """

    def build(
        clip: open_clip.CLIP, class_texts: Sequence[str], **settings: object
    ) -> RegionNetwork:
        given = {name: settings[name] for name in PROMPT_SETTINGS if name in settings}
        with torch.no_grad():
            start = PromptedText(clip, class_texts, **given)()  # (C, E) each
        return network_class(clip, class_texts, text=FreeText(start), **settings)

    return build


@TRAINER_REGISTRY.register()
class FreeDualCoOp(DualCoOp):
    """DualCoOp with free class vectors; its options are ``TRAINER.DUALCOOP.*``."""

    network_class = staticmethod(with_free_text(DualCoOpNetwork))


@TRAINER_REGISTRY.register()
class FreeIntCLIP(IntCLIP):
    """IntCLIP with free class vectors; its options are ``TRAINER.INTCLIP.*``."""

    network_class = staticmethod(with_free_text(IntCLIPNetwork))
