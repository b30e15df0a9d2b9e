"""Predictions of any model: read a file, match it to a split, check the scale of its scores."""

from .data import MatchedPredictions, Predictions
from .match import match
from .read import read_predictions
from .scale import as_probabilities

__all__ = [
    "MatchedPredictions",
    "Predictions",
    "as_probabilities",
    "match",
    "read_predictions",
]
