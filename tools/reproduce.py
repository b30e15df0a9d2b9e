"""Print the command of a finished run, and what differs now.

python -m tools.reproduce output/scenes/intclip/seed1

The exit status is 1 if something differs that can change numbers, else 0.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yacs.config import CfgNode

from core.cli import parse_args
from core.config import declared_keys
from core.config_merge import flatten, setup_cfg, setup_from_args
from core.errors import UserError
from core.files import PROJECT, find_file
from datasets import DATASET_REGISTRY, build_annotations, build_dataset
from engine.base_choice import TRAINER_REGISTRY
from engine.card_differences import ABSENT, PREDICTIONS, Difference, compare_cards
from engine.environment import describe_code, describe_hardware, describe_versions
from engine.run_card import describe_data, describe_file, device_of, plain_config, read_card
from engine.run_settings import unused_keys
from tools import command

Card = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.reproduce", __doc__)
    parser.add_argument("folder", type=Path, help="output folder of a finished run")
    parser.add_argument("--root", default="", help="where the data set is now (DATASET.ROOT)")
    args = parser.parse_args(argv)
    return command.run(lambda: reproduce(args.folder, root=args.root))


def reproduce(folder: Path, *, root: str = "") -> int:
    """Print command and differences; return the exit status.

    Args:
        folder: output folder of the run.
        root: place of the data set; empty: as in the run.

    Raises:
        UserError: the folder has no run card.
    """
    card = read_card(folder)
    root = str(Path(root).expanduser().absolute()) if root else ""
    here = Path.cwd()
    differences = []
    there = PROJECT / card.get("folder", ".")
    if there.is_dir():
        os.chdir(there)
    else:
        differences.append(Difference("working folder", card["folder"], ABSENT, True))
    try:
        differences += find_differences(card, root)
    finally:
        os.chdir(here)
    print_report(card, differences)
    return int(any(difference.changes_numbers for difference in differences))


def find_differences(card: Card, root: str) -> list[Difference]:
    """Return what differs from the card; the current folder is the run's.

    Args:
        card: the run card.
        root: place of the data set; empty: as in the run.
    """
    faults: list[Difference] = []
    cfg = None
    try:
        cfg = present_config(card)
    except UserError as error:
        faults.append(Difference("configuration", "accepted", f"an error: {error}", True))
    now: dict[str, Any] = {"versions": describe_versions()}
    code = describe_code(card["config"].get("IMPORTS", ()))
    now |= {"code": code, "commit": code["commit"], "dirty": code["dirty"]}
    now |= {"hardware": present_hardware(card)}
    for part in ("backbone", "predictions"):
        if part in card:
            now[part] = present_files(card[part])
    may_change: set[str] = set()
    if cfg is not None:
        may_change = keys_without_effect(cfg)
        now["config"] = plain_config(cfg)
        try:
            now["data"] = present_data(card, cfg, root)
        except UserError as error:
            faults.append(Difference("data", "readable", f"an error: {error}", True))
    return faults + compare_cards(card, now, may_change=may_change)


def present_config(card: Card) -> CfgNode:
    """Return the configuration that the command of the card gives now.

    The command of another program than ``train.py`` cannot be parsed here; then the configuration
    is the card's, with the keys that still exist.

    Raises:
        UserError: the command or a value is no longer accepted.
    """
    words = list(card.get("argv", ()))
    program = PROJECT / card.get("folder", ".") / words[1] if len(words) > 1 else Path()
    if program.resolve() == PROJECT / "train.py":
        return setup_from_args(parse_args(words[2:]))
    imports = card["config"].get("IMPORTS", ())
    known = setup_cfg([], opts=["IMPORTS", tuple(imports)])  # their keys exist after the import
    names = dict(flatten(known))
    opts: list[Any] = []
    for name, value in flatten(card["config"]):
        if name in names:
            opts += [name, tuple(value) if isinstance(value, list) else value]
    return setup_cfg([], opts=opts)


def keys_without_effect(cfg: CfgNode) -> set[str]:
    """Return the keys that no number of the run depends on.

    These are paths, speed and output, and the options of trainers and losses that are not in use.
    """
    trainer = None
    if cfg.TRAINER.NAME in TRAINER_REGISTRY.registered_names():
        trainer = TRAINER_REGISTRY.get(cfg.TRAINER.NAME)
    may_change = {name for name, key in declared_keys().items() if key.may_change}
    return may_change | unused_keys(cfg, trainer)


def present_hardware(card: Card) -> dict[str, Any]:
    """Return the hardware of this machine, with the device that the run would take here."""
    use_cuda = card["config"].get("USE_CUDA", True)
    hardware = describe_hardware(device_of(card.get("kind", "run"), use_cuda=use_cuda))
    if "OMP_NUM_THREADS" in card.get("variables", {}):
        # The command sets the number of threads, not this process.
        hardware["threads"] = card["hardware"].get("threads")
    return hardware


def present_data(card: Card, cfg: CfgNode, root: str) -> dict[str, Any]:
    """Return the fingerprint of the data set as it is now.

    Raises:
        UserError: the data set is unknown or cannot be read.
    """
    if cfg.DATASET.NAME not in DATASET_REGISTRY.registered_names():
        raise UserError(f"DATASET.NAME '{cfg.DATASET.NAME}' is not registered")
    if root:
        cfg = cfg.clone()
        cfg.defrost()
        cfg.DATASET.ROOT = root
        cfg.freeze()
    if card.get("kind") == PREDICTIONS:
        splits = [split for split in ("val", "test") if split in card["data"]]
        return describe_data(build_annotations(cfg, splits), cfg.DATASET.ROOT, images=False)
    return describe_data(build_dataset(cfg), cfg.DATASET.ROOT)


def present_files(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a card in which the size and digest of each file are the present ones."""
    present = {}
    for name, value in part.items():
        present[name] = value
        if isinstance(value, Mapping) and "file" in value:
            present[name] = describe_file(find_file(value["file"]), value["file"])
    return present


def print_report(card: Card, differences: Sequence[Difference]) -> None:
    """Print the command and the differences, those that can change numbers first."""
    if card.get("folder", ".") != ".":
        print(f"cd {card['folder']}  # from the folder of the project")
    print(card["command"])
    if "training_seconds" in card.get("costs", {}):
        print("\nThe same output folder would resume the finished run; give another one.")
    for changes_numbers, title in (
        (True, "Differs now, and can change numbers:"),
        (False, "Differs now, without effect on numbers:"),
    ):
        found = [d for d in differences if d.changes_numbers == changes_numbers]
        if found:
            print(f"\n{title}")
        for difference in found:
            print(f"  {difference.describe()}")
    if not differences:
        print("\nNothing differs now.")


if __name__ == "__main__":
    sys.exit(main())
