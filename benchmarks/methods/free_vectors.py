"""Controls of the comparison: DualCoOp and IntCLIP with class vectors that learn freely, without a text encoder.

Out-of-tree trainers (``IMPORTS "['benchmarks.methods.free_vectors']"``): what they gain over the prompts is what the
text encoder costs, because nothing else differs.
"""

import torch
from torch import Tensor, nn

from engine.base_choice import TRAINER_REGISTRY
from models import DualCoOp as DualCoOpNet
from models import IntCLIP as IntCLIPNet
from trainers.dualcoop import DualCoOp
from trainers.intclip import IntCLIP


class FreeText(nn.Module):
    """Positive and negative vectors ``(C, E)``, which start where the untrained prompts put them."""

    def __init__(self, pos: Tensor, neg: Tensor) -> None:
        super().__init__()
        self.pos, self.neg = (
            nn.Parameter(nn.functional.normalize(x.detach(), dim=-1).clone()) for x in (pos, neg)
        )


def free(network: IntCLIPNet) -> IntCLIPNet:
    """Return ``network`` with free vectors in the place of prompts and text encoder."""
    with torch.no_grad():
        pos, neg = network.text_features()
    network.prompts = FreeText(pos, neg)
    return network


class FreeIntCLIPNet(IntCLIPNet):
    """IntCLIP whose text features are parameters."""

    def text_features(self) -> tuple[Tensor, Tensor]:
        """Return positive and negative vectors, each ``(C, E)``."""
        if isinstance(self.prompts, FreeText):
            return self.prompts.pos, self.prompts.neg
        return super().text_features()


class FreeDualCoOpNet(FreeIntCLIPNet, DualCoOpNet):
    """DualCoOp whose text features are parameters."""


@TRAINER_REGISTRY.register()
class FreeDualCoOp(DualCoOp):
    """Region aggregation of the frozen map with free class vectors; settings are ``TRAINER.DUALCOOP.*``."""

    network_class = FreeDualCoOpNet

    def build_network(self) -> nn.Module:
        """Build DualCoOp and free its vectors."""
        return free(super().build_network())


@TRAINER_REGISTRY.register()
class FreeIntCLIP(IntCLIP):
    """IntCLIP with free class vectors; settings are ``TRAINER.INTCLIP.*``."""

    network_class = FreeIntCLIPNet

    def build_network(self) -> nn.Module:
        """Build IntCLIP and free its vectors."""
        return free(super().build_network())
