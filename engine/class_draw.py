"""Choose the classes of a training step."""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from core.config import Key, declare
from core.logging import get_logger
from core.seed import make_generator

log = get_logger()

CLASS_STREAM = 1000  # of core.seed.make_generator, plus the number of the step

declare(
    "TRAIN",
    Key(
        "NUM_CLASSES",
        0,
        "classes of a training step, drawn for each step where there are more, for data sets "
        "with hundreds of classes; 0: all; a network without texts always takes all",
        low=0,
    ),
)


class ClassDraw:
    """Classes of each training step: without unseen ones, and at most ``limit`` of them.

    Args:
        network: network; without a method ``only_classes`` it takes all classes in every step, and
            a warning says so if there is a limit.
        num_classes: C.
        unseen: classes without training labels.
        limit: ``TRAIN.NUM_CLASSES``; 0: no limit.
        seed: seed of the run.

    Attributes:
        takes_all: every step takes all C classes.
    """

    def __init__(
        self, network: nn.Module, num_classes: int, unseen: Collection[int], limit: int, seed: int
    ) -> None:
        self.known = torch.tensor(sorted(set(range(num_classes)) - set(unseen)))
        self.num_drawn = min(limit or num_classes, len(self.known))
        self.seed = seed
        can_choose = hasattr(network, "only_classes")
        if limit and not can_choose:
            log.warning(
                "TRAIN.NUM_CLASSES is ignored: %s takes all classes in every step",
                type(network).__name__,
            )
        self.takes_all = not can_choose or self.num_drawn == num_classes

    def __call__(self, step: int) -> Tensor:
        """Return the classes ``(c,)`` of a step in rising order.

        They depend on seed and step alone: they are equal on all processes and in a resumed run.

        Args:
            step: number of the step, from 0, over all epochs.
        """
        if self.num_drawn == len(self.known):
            return self.known
        generator = make_generator(self.seed, CLASS_STREAM + step)
        order = torch.randperm(len(self.known), generator=generator)
        return self.known[order[: self.num_drawn]].sort().values
