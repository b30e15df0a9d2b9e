"""An explanation says where an image matches the text of its intents, and what that is worth.

Letters: C classes, h x w locations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.errors import UserError
from datasets.images import Part
from inference.overlay import grid_part, location_box, peak
from inference.results import Intent, Prediction
from models import RegionMaps

WITH_MAPS = (
    "IntCLIP, DualCoOp, and ZeroshotCLIP with --set TRAINER.ZEROSHOTCLIP.FEATURES region, which "
    "changes its predictions"
)
DIGITS = 5  # of the numbers in JSON


class Whole(NamedTuple):
    """The global vector as a region: scores with both texts, and weight."""

    positive: float
    negative: float
    weight: float


@dataclass(frozen=True, eq=False)
class IntentMaps:
    """Where one image matches the text of one intent.

    Attributes:
        intent: with its probability.
        positive: name of a map -> scores with the positive text ``(h, w)``, which are
            ``scale * cosine``: ``sight``, ``semantic`` and ``fused``, as far as the trainer has
            them. The last one decides.
        negative: scores of the last map with the negative text ``(h, w)``.
        weights: weight of each location in the pooled score ``(h, w)``.
        whole: the global vector, where it is a region, too. Its weight and those of the locations
            sum to 1.
    """

    intent: Intent
    positive: Mapping[str, np.ndarray]
    negative: np.ndarray
    weights: np.ndarray
    whole: Whole | None = None

    @property
    def decisive(self) -> str:
        """Name of the map whose regions are pooled."""
        return list(self.positive)[-1]

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of the location with the highest weight."""
        return peak(self.weights)

    def pooled(self) -> tuple[float, float]:
        """Return the pooled scores with the negative and with the positive text.

        Times the option ``POOL_WEIGHT`` of the trainer they are the logits of the pair.
        """
        sums = []
        for values, whole in (
            (self.negative, self.whole and self.whole.negative),
            (self.positive[self.decisive], self.whole and self.whole.positive),
        ):
            total = float((self.weights.astype(np.float64) * values).sum())
            sums.append(total + (self.whole.weight * whole if self.whole else 0.0))
        return sums[0], sums[1]


@dataclass(frozen=True, eq=False)
class Explanation:
    """The maps of the most probable intents of an image.

    Attributes:
        prediction: of the image.
        intents: maps of the most probable intents, the most probable first.
        picture: the upright RGB picture, at its own size.
        part: part of the picture that the locations stand for, in its pixels. The rest is cropped
            away before the network, or belongs to no location.
        scale: factor of the cosine.
    """

    prediction: Prediction
    intents: list[IntentMaps]
    picture: Image.Image = field(repr=False)
    part: Part
    scale: float

    @property
    def grid(self) -> tuple[int, int]:
        """Number of locations, (h, w)."""
        height, width = self.intents[0].weights.shape
        return height, width

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom of a location in pixels of the picture."""
        part = location_box(self.part, self.grid, row, column)
        return part.left, part.top, part.left + part.width, part.top + part.height

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the picture as values of JSON; numbers are rounded."""
        left, top = self.part.left, self.part.top
        box = (left, top, left + self.part.width, top + self.part.height)
        return {
            "image": self.prediction.image,
            "size": [self.picture.width, self.picture.height],
            "box": _rounded(box),
            "grid": list(self.grid),
            "scale": self.scale,
            "intents": [_as_dict(maps) for maps in self.intents],
        }


def check_maps(trainer: Any) -> None:
    """Raise :class:`UserError` unless the trainer's network has maps."""
    reason = "its network has no method region_maps"
    if hasattr(trainer.model, "maps_reason"):
        reason = trainer.model.maps_reason()
    if reason:
        raise UserError(
            f"{type(trainer).__name__} has no maps to explain: {reason}. Trainers with maps: "
            f"{WITH_MAPS}"
        )


@torch.no_grad()
def run_with_maps(trainer: Any, images: Tensor) -> tuple[Tensor, RegionMaps]:
    """Return probabilities ``(B, C)`` and maps of normalised images ``(B, 3, H, W)``."""
    with trainer.precision.autocast():
        features = trainer.model.frozen_features(images)
        output = trainer.model(features)
        maps = trainer.model.region_maps(features)
    return trainer.output_scores(output), maps


def make_explanation(
    prediction: Prediction,
    maps: RegionMaps,
    *,
    top: int,
    picture: Image.Image,
    seen: Part,
    image_size: tuple[int, int],
) -> Explanation:
    """Return the explanation of one image.

    Args:
        prediction: of the image.
        maps: of the image alone, for all classes.
        top: number of intents.
        picture: upright, at its own size.
        seen: part of the picture that the network sees.
        image_size: height and width of the network's input.
    """
    number = {key: c for c, key in enumerate(prediction.classes.classnames)}
    intents = [_of_class(maps, number[i.key], i) for i in prediction.top(top)]
    part = grid_part(seen, maps.grid, maps.cell, image_size)
    return Explanation(prediction, intents, picture, part, maps.scale)


def _of_class(maps: RegionMaps, c: int, intent: Intent) -> IntentMaps:
    whole = None
    if maps.whole is not None:
        whole = Whole(*(float(values[0, c]) for values in maps.whole))
    positive = {name: _array(scores[0, c]) for name, scores in maps.positive.items()}
    return IntentMaps(
        intent, positive, _array(maps.negative[0, c]), _array(maps.weights[0, c]), whole
    )


def _array(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()


def _as_dict(maps: IntentMaps) -> dict[str, Any]:
    content: dict[str, Any] = {
        "class": maps.intent.key,
        "name": maps.intent.name,
        "probability": maps.intent.probability,
        "passes": maps.intent.passes,
        "positive": {name: _rounded(values) for name, values in maps.positive.items()},
        "negative": _rounded(maps.negative),
        "weights": _rounded(maps.weights),
    }
    if maps.whole is not None:
        content["global"] = {k: round(v, DIGITS) for k, v in maps.whole._asdict().items()}
    return content


def _rounded(values: Any) -> list:
    return np.asarray(values, dtype=np.float64).round(DIGITS).tolist()
