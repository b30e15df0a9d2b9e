"""Group finished runs by setting: the same configuration with other seeds is one setting."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.config_merge import flatten
from core.errors import UserError, not_accepted

from .run_folder import RunFolder

UNTITLED = "given predictions"  # the title of predictions without one, in run.json
# Never part of a setting: the seed, and places of a machine.
ALWAYS_IGNORED = ("SEED", "OUTPUT_DIR", "RESUME", "DATASET.ROOT")

_SEED_FOLDER = re.compile(r"seed[-_]?\d+$", re.IGNORECASE)
_SEED_SUFFIX = re.compile(r"[-_.]seed[-_]?\d+$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Setting:
    """Runs that differ in their seed only.

    Attributes:
        name: a short name, from the folders.
        runs: at least one run.
    """

    name: str
    runs: tuple[RunFolder, ...]


def group_runs(runs: Sequence[RunFolder], *, ignored: Collection[str] = ()) -> list[Setting]:
    """Group runs by setting, in the order of each setting's first run.

    Runs with a configuration in ``run.json`` belong together if their configurations agree, and
    those of ``tools.evaluate_predictions`` with a title if title and backbone do, too. Other runs
    belong together if their folders agree without ``seed<N>``. Runs of one configuration and one
    seed are compared with each other, as those of two versions of the code: they are grouped by
    folder, too.

    Args:
        runs: finished runs.
        ignored: dotted names of settings that are not compared, in addition to
            :data:`ALWAYS_IGNORED`.

    Raises:
        UserError: a folder is given twice.
    """
    _check_distinct(runs)
    by_setting: dict[str, list[RunFolder]] = {}
    for run in runs:
        by_setting.setdefault(_setting_key(run, ignored), []).append(run)
    members: list[list[RunFolder]] = []
    for group in by_setting.values():
        members += _by_stem(group) if _repeats_a_seed(group) else [group]
    stems = [seedless(group[0].path) for group in members]
    names = _with_titles(short_names(stems), members)
    if len(set(names)) < len(names):
        names = [str(group[0].path) for group in members]
    return [Setting(name, tuple(group)) for name, group in zip(names, members, strict=True)]


def move_first(settings: Sequence[Setting], baseline: str) -> list[Setting]:
    """Return the settings with the one named ``baseline`` first; an empty name changes nothing.

    Raises:
        UserError: no setting has this name.
    """
    if not baseline:
        return list(settings)
    names = [setting.name for setting in settings]
    if baseline not in names:
        raise UserError(not_accepted("--baseline", baseline, names))
    first = [setting for setting in settings if setting.name == baseline]
    return first + [setting for setting in settings if setting.name != baseline]


def seedless(path: Path) -> Path:
    """Return the path without its seed: ``out/A/seed1`` and ``out/A_seed1`` become ``out/A``."""
    if path.name == "log.txt":
        path = path.parent
    parts = []
    for part in path.parts:
        if not _SEED_FOLDER.fullmatch(part):
            parts.append(_SEED_SUFFIX.sub("", part))
    return Path(*parts)


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders without their common parts.

    ``out/A/seed1`` and ``out/B/seed1`` become ``A`` and ``B``.
    """
    if len(folders) == 1:
        return [str(folders[0])]
    parts = [folder.absolute().parts for folder in folders]
    shortest = min(map(len, parts))
    num_first = _count_common(parts, range(shortest))
    num_last = _count_common(parts, range(-1, num_first - shortest, -1))
    names = []
    for part in parts:
        name = part[num_first : len(part) - num_last]
        names.append("/".join(name) or ".")
    return names


def seed_of(run: RunFolder) -> int | None:
    """Return the seed of a run; None if it is unknown or off (below 0)."""
    if not has_method(run) and not title_of(run):
        return None
    seed = run.config.get("SEED")
    return seed if isinstance(seed, int) and seed >= 0 else None


def has_method(run: RunFolder) -> bool:
    """Return True if the run's configuration describes its method.

    The configuration of ``tools.evaluate_predictions`` describes the data set alone.
    """
    trainer = run.config.get("TRAINER")
    named = isinstance(trainer, Mapping) and bool(trainer.get("NAME"))
    return named and "predictions" not in run.card


def title_of(run: RunFolder) -> str:
    """Return the title that ``tools.evaluate_predictions`` was given; empty for other runs."""
    result = run.card.get("result")
    if "predictions" not in run.card or not isinstance(result, Mapping):
        return ""
    title = str(result.get("model") or "")
    return "" if title == UNTITLED else title


def _with_titles(names: Sequence[str], members: Sequence[Sequence[RunFolder]]) -> list[str]:
    """Return the titles of the settings that have one; two of one title keep their folders."""
    titles = [title_of(group[0]) for group in members]
    found = []
    for name, title in zip(names, titles, strict=True):
        found.append(title if title and titles.count(title) == 1 else name)
    return found


def _check_distinct(runs: Sequence[RunFolder]) -> None:
    seen: dict[Path, Path] = {}
    for run in runs:
        resolved = run.path.resolve()
        if resolved in seen:
            raise UserError(f"{run.path} is given twice; a run counts once")
        seen[resolved] = run.path


def _setting_key(run: RunFolder, ignored: Collection[str]) -> str:
    """Return a text that is equal for runs of one setting."""
    title = title_of(run)
    if not has_method(run) and not title:
        return f"folder {seedless(run.path.resolve())}"
    settings = {"title": title, "backbone": run.card.get("backbone") if title else None}
    for name, value in flatten(run.config):
        if name not in ignored and name not in ALWAYS_IGNORED:
            settings[name] = value
    return "config " + json.dumps(settings, sort_keys=True, default=str)


def _repeats_a_seed(runs: Sequence[RunFolder]) -> bool:
    seeds = [seed for seed in map(seed_of, runs) if seed is not None]
    return len(set(seeds)) < len(seeds)


def _by_stem(runs: Sequence[RunFolder]) -> list[list[RunFolder]]:
    """Return runs with equal settings grouped by folder without seed.

    Raises:
        UserError: two runs of one group still have the same seed.
    """
    groups: dict[Path, list[RunFolder]] = {}
    for run in runs:
        groups.setdefault(seedless(run.path.resolve()), []).append(run)
    for group in groups.values():
        if _repeats_a_seed(group):
            shown = " and ".join(str(run.path) for run in group)
            raise UserError(
                f"{shown} have the same settings and two of them the same seed; give one of them"
            )
    return list(groups.values())


def _count_common(parts: Sequence[tuple[str, ...]], positions: range) -> int:
    """Return the number of leading ``positions`` at which all paths have the same part."""
    for count, position in enumerate(positions):
        if len({part[position] for part in parts}) > 1:
            return count
    return len(positions)
