"""Decision rules of predictions: that of the run, that of a file, or a threshold."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError, not_accepted
from evaluation import RULE_REGISTRY, DecisionRule, FixedThreshold, is_rule_file, read_rule

FILE = "rule.json"


def rule_of_run(folder: Path, names: Sequence[str]) -> DecisionRule | None:
    """Return the rule of an output folder for the classes ``names``, None where it has none."""
    path = folder / FILE
    return read_rule(path, names) if path.is_file() else None


def choose_rule(given: str | float, names: Sequence[str]) -> DecisionRule:
    """Return the rule that a user names.

    Args:
        given: path of a ``rule.json``, name of a registered rule that needs no val split, or a
            threshold from 0 to below 1.
        names: the classes.

    Raises:
        UserError: it is none of these, or does not fit the classes.
    """
    try:
        threshold = float(given)
    except ValueError:
        return _named_rule(str(given), names)
    if not 0 <= threshold < 1:
        raise UserError(f"the rule is the threshold {given}; expected at least 0 and below 1")
    return FixedThreshold(threshold)


def _named_rule(given: str, names: Sequence[str]) -> DecisionRule:
    if is_rule_file(given):
        return read_rule(given, names)
    accepted = []
    for name in RULE_REGISTRY.registered_names():
        if not RULE_REGISTRY.get(name).tuned:
            accepted.append(name)
        elif name == given:
            raise UserError(
                f"the rule '{given}' is fitted on a val split, which prediction has not; evaluate "
                f"the run with TEST.RULE {given}, which writes it to its {FILE}"
            )
    if given not in accepted:
        line = not_accepted("the rule", given, accepted)
        raise UserError(f"{line} A threshold and the path of a {FILE} are accepted, too.")
    return RULE_REGISTRY.get(given).fit(None, None)
