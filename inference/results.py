"""Results of a prediction for one image. C: classes."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from core.errors import UserError, not_accepted
from datasets.classes_only import ClassesOnly


class Intent(NamedTuple):
    """One class of one image.

    Attributes:
        key: key of the class in the annotation files.
        name: its name in words.
        probability: from 0 to 1.
        passes: whether it passes the decision rule; None without a rule.
    """

    key: str
    name: str
    probability: float
    passes: bool | None


@dataclass(frozen=True, eq=False)
class Prediction:
    """The probabilities of all classes for one image.

    Attributes:
        image: path, or the place of an image in memory, such as ``image 3``.
        probabilities: float32 ``(C,)``, in the order of ``classes.classnames``.
        passes: bool ``(C,)``, whether a class passes the decision rule; None without a rule.
        classes: keys, words and groups of the classes.
    """

    image: str
    probabilities: np.ndarray
    passes: np.ndarray | None
    classes: ClassesOnly = field(repr=False)

    def top(self, k: int = 5) -> list[Intent]:
        """Return the ``k`` most probable intents, the most probable first; of equals the first.

        Raises:
            UserError: ``k`` is no number of intents.
        """
        if not isinstance(k, int | np.integer) or k < 0:
            raise UserError(f"top({k!r}): expected a whole number from 0")
        return [self._intent(c) for c in self._order[:k]]

    @property
    def intents(self) -> list[Intent]:
        """The intents that pass the decision rule, the most probable first.

        Raises:
            UserError: there is no rule.
        """
        if self.passes is None:
            raise UserError("there is no decision rule; see top(), or give a rule")
        return [self._intent(c) for c in self._order if self.passes[c]]

    def groups(self, level: str = "super") -> dict[str, list[Intent]]:
        """Return the intents of each group of the hierarchy, the group of the best intent first.

        Args:
            level: ``super``, the most general groups, or ``mid``.

        Raises:
            UserError: the classes have no such groups.
        """
        check_level(level, self.classes)
        members_of = self.classes.hierarchy.levels[level]
        group_of = {c: name for name, members in members_of.items() for c in members}
        found: dict[str, list[Intent]] = {}
        for c in self._order:
            found.setdefault(group_of.get(int(c), "other"), []).append(self._intent(c))
        return found

    def as_dict(self, k: int = 5) -> dict[str, Any]:
        """Return path, the ``k`` best intents and those that pass, as values of JSON."""
        content: dict[str, Any] = {
            "image": self.image,
            "top": [
                {"class": intent.key, "name": intent.name, "probability": intent.probability}
                for intent in self.top(k)
            ],
        }
        if self.passes is not None:
            content["intents"] = [intent.key for intent in self.intents]
        return content

    @property
    def _order(self) -> np.ndarray:
        """The numbers of the classes, the most probable first; of equals the first."""
        return np.argsort(-self.probabilities, kind="stable")

    def _intent(self, c: int) -> Intent:
        passes = None if self.passes is None else bool(self.passes[c])
        name = self.classes.hierarchy.names[c]
        return Intent(self.classes.classnames[c], name, float(self.probabilities[c]), passes)


def check_level(level: str, classes: ClassesOnly) -> None:
    """Raise :class:`UserError` unless the classes have groups of this level."""
    levels = classes.hierarchy.levels
    if not levels:
        raise UserError(f"there are no {level} groups: the classes have no hierarchy")
    if level not in levels:
        raise UserError(not_accepted("the level of the groups", level, levels))


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be read.

    Attributes:
        image: path of the file.
        reason: one line.
    """

    image: str
    reason: str
