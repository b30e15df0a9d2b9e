"""The network of an exported model: RGB images to probabilities, with everything else constant."""

from typing import Any

import torch
from torch import Tensor, nn


class ProbabilityNetwork(nn.Module):
    """Images ``(B, 3, H, W)``, float32 RGB from 0 to 1, to probabilities ``(B, C)``.

    Inside :func:`engine.speed.text_once` the features of all texts are constants.

    Args:
        trainer: from :func:`inference.open_run.open_run`, on the CPU.
    """

    def __init__(self, trainer: Any) -> None:
        super().__init__()
        normalizer = trainer.dm.normalizer
        self.register_buffer("mean", torch.tensor(normalizer.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(normalizer.std).view(3, 1, 1))
        self.model = trainer.model
        self.scores = trainer.output_scores

    def forward(self, images: Tensor) -> Tensor:
        """Return the probabilities ``(B, C)``."""
        return self.scores(self.model((images - self.mean) / self.std))
