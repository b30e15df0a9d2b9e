"""One predictor for all visitors: predictions, marks at other thresholds, explanations."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.errors import UserError
from evaluation import FixedThreshold, GlobalThreshold, apply_rule
from inference.app.settings import Limits
from inference.app.uploads import Upload, check_batch, check_upload, public_reason
from inference.explanation import Explanation, check_maps
from inference.predictor import IntentPredictor
from inference.results import Prediction, Unreadable

DEFAULT_THRESHOLD = 0.5  # of the slider where the rule has none


class AppModel:
    """What the pages ask of a predictor; several threads may share it.

    Args:
        predictor: of a run or of given classes.
        limits: of the files.
    """

    def __init__(self, predictor: IntentPredictor, limits: Limits) -> None:
        self.predictor = predictor
        self.limits = limits

    @property
    def level(self) -> str:
        """Level of the hierarchy that groups the intents; empty where there is none."""
        levels = self.predictor.classes.hierarchy.levels
        return next((name for name in ("super", "mid") if name in levels), "")

    @property
    def threshold(self) -> float:
        """Where the slider starts."""
        own = self.rule_threshold
        return DEFAULT_THRESHOLD if own is None else own

    @property
    def rule_threshold(self) -> float | None:
        """The threshold of the rule, if it has one for all classes."""
        rule = self.predictor.rule
        return rule.threshold if isinstance(rule, GlobalThreshold) else None

    @property
    def has_rule(self) -> bool:
        """Whether a rule marks intents."""
        return self.predictor.rule is not None

    @property
    def rule_text(self) -> str:
        """The rule in words; empty where there is none."""
        return self.predictor.rule.describe() if self.has_rule else ""

    @property
    def no_maps(self) -> str:
        """Why there are no maps; empty where there are."""
        try:
            check_maps(self.predictor.trainer)
        except UserError as error:
            return str(error)
        return ""

    def predict(self, upload: Upload) -> Prediction:
        """Return the prediction of a file under the visitor's name of it.

        Raises:
            UserError: the file is refused or cannot be read.
        """
        check_upload(upload, self.limits)
        try:
            prediction = self.predictor(upload.path)
        except UserError as error:
            raise UserError(public_reason(str(error), upload)) from None
        return replace(prediction, image=upload.name)

    def marked(self, prediction: Prediction, threshold: float | None) -> Prediction:
        """Return a prediction with other marks, without running the network.

        Args:
            prediction: of a picture.
            threshold: an intent passes above it; None: the rule of the run.
        """
        rule = self.predictor.rule if threshold is None else FixedThreshold(threshold)
        if rule is None:
            return replace(prediction, passes=None)
        return replace(prediction, passes=apply_rule(rule, prediction.probabilities[None])[0])

    def explain(self, upload: Upload, prediction: Prediction, top: int) -> Explanation:
        """Return the maps of the most probable intents.

        Raises:
            UserError: there are no maps, or the file cannot be read.
        """
        check_upload(upload, self.limits)
        try:
            return self.predictor.explain(upload.path, top=top, prediction=prediction)
        except UserError as error:
            raise UserError(public_reason(str(error), upload)) from None

    def predict_all(self, uploads: Sequence[Upload]) -> Iterator[Prediction | Unreadable]:
        """Yield a result per file, in order.

        Raises:
            UserError: there are too many files.
        """
        check_batch(uploads, self.limits)
        size = self.predictor.batch_size
        for start in range(0, len(uploads), size):
            yield from self._batch(uploads[start : start + size])

    def _batch(self, uploads: Sequence[Upload]) -> Iterator[Prediction | Unreadable]:
        refused = {i: reason for i, u in enumerate(uploads) if (reason := self._refusal(u))}
        accepted = [upload.path for i, upload in enumerate(uploads) if i not in refused]
        results = self.predictor.stream(accepted, workers=0)
        for i, upload in enumerate(uploads):
            result = Unreadable(upload.name, refused[i]) if i in refused else next(results)
            if isinstance(result, Unreadable):
                yield Unreadable(upload.name, public_reason(result.reason, upload))
            else:
                yield replace(result, image=upload.name)

    def _refusal(self, upload: Upload) -> str:
        try:
            check_upload(upload, self.limits)
        except UserError as error:
            return str(error)
        return ""
