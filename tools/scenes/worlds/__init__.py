"""The worlds of drawn scenes: what is drawn, what captions say and what intents depend on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.errors import UserError, not_accepted
from tools.scenes.annotators import Annotators
from tools.scenes.captions import caption, vocabulary
from tools.scenes.sampling import sample_plain, sample_rich
from tools.scenes.scene import Scene
from tools.scenes.worlds import plain, rich


@dataclass(frozen=True)
class World:
    """A world of drawn scenes.

    Attributes:
        name: of the world, and of its folder below data/.
        sample: draws a scene.
        caption: draws a caption of a scene.
        vocabulary: every word of the captions.
        annotators: who give the intents.
        hierarchy: name of the file in datasets/hierarchies.
        num_images: by split.
    """

    name: str
    sample: Callable[[np.random.Generator], Scene]
    caption: Callable[[Scene, np.random.Generator], str]
    vocabulary: Callable[[], tuple[str, ...]]
    annotators: Annotators
    hierarchy: str
    num_images: dict[str, int]


WORLDS = {
    "rich": World(
        name="rich",
        sample=sample_rich,
        caption=rich.rich_caption,
        vocabulary=rich.rich_vocabulary,
        annotators=rich.ANNOTATORS,
        hierarchy="scenes",
        num_images={"train": 4000, "val": 500, "test": 1000},
    ),
    "plain": World(
        name="plain",
        sample=sample_plain,
        caption=caption,
        vocabulary=vocabulary,
        annotators=plain.ANNOTATORS,
        hierarchy="scenes_plain",
        num_images={"train": 1600, "val": 350, "test": 400},
    ),
}


def get_world(name: str) -> World:
    """Return the world ``name``.

    Raises:
        UserError: there is none.
    """
    if name not in WORLDS:
        raise UserError(not_accepted("--world", name, WORLDS))
    return WORLDS[name]
