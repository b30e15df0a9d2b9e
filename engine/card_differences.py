"""Compare a run card with the present state of code, machine, settings and data."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.config_merge import flatten

# Versions and hardware whose change alone leaves the numbers as they are.
HARMLESS_VERSIONS = ("python", "yacs")
HARMLESS_HARDWARE = ("cores", "device_memory_gib")
# Properties of the processor that only a network on the processor depends on.
OF_CPU_RUNS = ("cpu", "threads")
PREDICTIONS = "predictions"  # kind of the card of given predictions, which need no network
ABSENT = "(not there)"
SHORT = 12  # characters of a digest that are shown


@dataclass(frozen=True)
class Difference:
    """One fact that is not as it was.

    Attributes:
        name: the fact, such as ``versions.torch``.
        before: value in the card.
        now: present value.
        changes_numbers: whether the results of a run can depend on it.
    """

    name: str
    before: Any
    now: Any
    changes_numbers: bool

    def describe(self) -> str:
        """Return the difference in one line."""
        return f"{self.name} was {_short(self.before)}, is {_short(self.now)}"


def compare_cards(
    card: Mapping[str, Any], now: Mapping[str, Any], *, may_change: Collection[str] = ()
) -> list[Difference]:
    """Return all differences between a card and the present state.

    Args:
        card: content of ``run.json``.
        now: the same parts, as they are now: ``config``, ``code``, ``commit``, ``versions``,
            ``hardware``, ``data``, ``backbone``, ``predictions``. A part that it lacks is not
            compared.
        may_change: dotted names of configuration keys that no number of the run depends on.
    """
    differences = []
    # Nothing of given predictions depends on the seed.
    if card.get("kind") != PREDICTIONS and card.get("seed", 0) < 0:
        differences.append(Difference("SEED", card["seed"], "another random seed", True))
    differences += _compare_code(card, now)
    for part, harmless in (
        ("versions", HARMLESS_VERSIONS),
        ("hardware", _harmless_hardware(card)),
        ("config", may_change),
        ("data", ()),
        ("backbone", ()),
        ("predictions", ()),
    ):
        if part in card and part in now:
            differences += _compare_part(part, card[part], now[part], harmless)
    return differences


def _compare_code(card: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield differences of the source code; another commit of the same files changes nothing."""
    before, present = card.get("code", {}), now["code"]
    if before.get("digest") != present["digest"]:
        yield Difference("source code", _name_code(card), _name_code(now), True)
    elif card.get("commit") != now["commit"]:
        yield Difference("commit (same source files)", card.get("commit"), now["commit"], False)
    yield from _compare_part("imports", before.get("imports", {}), present["imports"], ())


def _name_code(card: Mapping[str, Any]) -> str:
    """Return the commit, and which of its files were changed; without git the digest."""
    if not card.get("commit"):
        return card.get("code", {}).get("digest", ABSENT)
    name = card["commit"][:SHORT]
    if card.get("dirty"):
        name += f" with changes in {', '.join(card['code'].get('changed', ()))}"
    return name


def _harmless_hardware(card: Mapping[str, Any]) -> set[str]:
    harmless = {*HARMLESS_HARDWARE, "processes"}  # the command says how many processes
    if card.get("kind") == PREDICTIONS or card.get("hardware", {}).get("device") != "cpu":
        harmless.update(OF_CPU_RUNS)
    return harmless


def _compare_part(
    part: str, before: Mapping[str, Any], now: Mapping[str, Any], harmless: Collection[str]
) -> Iterator[Difference]:
    """Yield the leaves of ``before`` that differ; leaves that only ``now`` has are new ones."""
    present = dict(flatten(now))
    for name, value in flatten(before):
        other = present.get(name, ABSENT)
        if value != other:
            yield Difference(f"{part}.{name}", value, other, name not in harmless)


def _short(value: Any) -> str:
    """Return a value as text, a digest by its first characters."""
    text = str(value)
    is_digest = len(text) in (32, 40, 64) and set(text) <= set("0123456789abcdef")
    return text[:SHORT] if is_digest else text
