"""The nearest words of learnt prompts, read from the vocabulary of the run's backbone."""

from typing import Any, NamedTuple

from torch import Tensor

from core.errors import UserError, not_accepted
from inference.open_run import load_backbone
from inference.results import Intent
from models import PromptedText
from models.text.words import Word, nearest_words

WITH_PROMPTS = "IntCLIP and DualCoOp"


class PromptWords(NamedTuple):
    """The nearest tokens of CLIP's vocabulary to the prompts of one class.

    Attributes:
        intent: key of the class.
        positive: for each vector of the positive prompt, its nearest tokens, the nearest first.
        negative: the same for the negative prompt.
    """

    intent: str
    positive: list[list[Word]]
    negative: list[list[Word]]


class PromptReader:
    """Reads the prompts of a trainer; the vocabulary is loaded with the first question."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self._table: Tensor | None = None  # (V, D)

    @property
    def has_prompts(self) -> bool:
        """Whether the trainer has prompts that learn."""
        return isinstance(getattr(self.trainer.model, "text", None), PromptedText)

    def words(self, intent: str | Intent, k: int = 3) -> PromptWords:
        """Return the ``k`` nearest tokens of each vector of a class's prompts.

        Args:
            intent: key or name of a class, or one from a prediction.
            k: tokens per vector, from 1.

        Raises:
            UserError: there are no prompts, or no such class; the backbone is not that of the run.
        """
        if not self.has_prompts:
            raise UserError(
                f"{type(self.trainer).__name__} has no prompts that learn. Trainers with prompts: "
                f"{WITH_PROMPTS}"
            )
        if k < 1:
            raise UserError(f"the number of words is {k}; expected at least 1")
        number = self._number(intent.key if isinstance(intent, Intent) else intent)
        table = self._vocabulary()
        contexts = self.trainer.model.text.prompts.contexts(number)  # (n, D) each
        nearest = [nearest_words(context, table, k) for context in contexts]
        return PromptWords(self.trainer.dm.dataset.classnames[number], *nearest)

    def _number(self, intent: str) -> int:
        dataset = self.trainer.dm.dataset
        for known in (list(dataset.classnames), list(dataset.hierarchy.names)):
            if intent in known:
                return known.index(intent)
        raise UserError(not_accepted("the intent", intent, dataset.classnames))

    def _vocabulary(self) -> Tensor:
        if self._table is None:
            # a copy of its own, so that the rest of the backbone is freed
            self._table = load_backbone(self.trainer).token_embedding.weight.detach().clone()
        return self._table


def describe_words(found: PromptWords, name: str) -> str:
    """Return the words of a class as lines of text; ``name`` is its name in words."""
    lines = [f"{found.intent} ({name})"]
    for sign, vectors in (("positive", found.positive), ("negative", found.negative)):
        for number, words in enumerate(vectors, start=1):
            near = ", ".join(f"{word.text} {word.distance:.3f}" for word in words)
            lines.append(f"  {sign} {number:2d}: {near}")
    return "\n".join(lines)
