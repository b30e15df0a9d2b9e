"""DualCoOp (Sun, Hu, Saenko, NeurIPS 2022): positive and negative prompts over frozen features."""

from collections.abc import Sequence
from typing import Any

import open_clip
from torch import nn

from models.base import assert_partition
from models.intclip import IntCLIP


class DualCoOp(IntCLIP):
    """Prompts, text encoder and region aggregation of :class:`IntCLIP` on the frozen map alone; only prompts learn."""

    def __init__(
        self, clip: open_clip.CLIP, class_texts: Sequence[str], **prompt_settings: Any
    ) -> None:
        super().__init__(clip, class_texts, aggregation="sight", **prompt_settings)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the one group, ``prompts``."""
        groups = {"prompts": list(self.prompts.parameters())}
        assert_partition(self.parameters(), groups)
        return groups
