"""The evaluator of data sets with one class per image."""

from collections import OrderedDict
from collections.abc import Mapping

from .build import EVALUATOR_REGISTRY
from .evaluator import DEFAULT_SELECT_METRIC, MultiLabel
from .rules import DecisionRule
from .rules.top_k import TopK


@EVALUATOR_REGISTRY.register()
class SingleLabel(MultiLabel):
    """Predict the best class of each image; ``accuracy`` comes first and selects epochs.

    The other metrics are those of :class:`MultiLabel` at this decision: ``macro_f1`` is the mean F1
    of the classes, and ``micro_f1`` and ``samples_f1`` equal the accuracy. ``TEST.SELECT_METRIC``
    ``mean``, its default, stands for the accuracy.
    """

    def evaluate(self, rule: DecisionRule | None = None) -> "OrderedDict[str, float]":
        """Return and log the metrics in percent, the one that selects epochs first.

        Args:
            rule: decision rule to apply; None predicts the best class.

        Raises:
            ValueError: no batch was processed.
            UserError: a metric or the rule fails.
        """
        metrics = super().evaluate(rule or TopK(1))
        ordered = OrderedDict(accuracy=metrics["top1_accuracy"])
        ordered.update(metrics)
        if self.select_metric != DEFAULT_SELECT_METRIC:
            ordered.move_to_end(self.select_metric, last=False)
        return ordered

    def first_lines(self, metrics: Mapping[str, float], *, num_images: int) -> list[str]:
        """Return the lines of Dassl's single-label result, which CoOp's parsers read."""
        accuracy = metrics["top1_accuracy"]
        return [
            f"correct: {round(accuracy / 100 * num_images):,}",
            f"accuracy: {accuracy:.2f}%",
            f"error: {100 - accuracy:.2f}%",
        ]
