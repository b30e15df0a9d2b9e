"""Plain CLIP over classes that a user names, as a trainer without a data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.config_merge import read_yaml, setup_cfg
from core.errors import UserError
from core.files import find_file
from datasets.classes_only import ClassesOnly
from datasets.hierarchy import Hierarchy, hierarchy_keys, load_hierarchy
from inference.open_run import build_without_data

CONFIG = "configs/trainers/ZeroshotCLIP/vit_b16.yaml"
TRAINER = "ZeroshotCLIP"


def open_classes(
    classes: str | Sequence[str],
    *,
    hierarchy: str = "",
    config_file: str = "",
    options: Sequence[str] = (),
) -> Any:
    """Return the trainer ZeroshotCLIP over these classes.

    Args:
        classes: names, a list or one text with ``;`` or commas between them; empty: those of
            ``hierarchy``.
        hierarchy: YAML file or name of a shipped hierarchy.
        config_file: YAML file of ZeroshotCLIP, with backbone and templates; empty: ViT-B/16.
        options: KEY VALUE pairs of the configuration.

    Raises:
        UserError: there are no classes or two equal ones, the file is that of another trainer, or
            the backbone cannot be loaded.
    """
    dataset = _dataset(classes, hierarchy)
    if config_file:
        _check_trainer(config_file)
    flags = {
        "TRAINER.NAME": (TRAINER, "--classes"),
        "VERBOSE": (False, "--classes"),
    }
    cfg = setup_cfg([config_file or CONFIG], flags=flags, opts=list(options))
    return build_without_data(cfg, dataset)


def _check_trainer(config_file: str) -> None:
    """Raise :class:`UserError` for the file of another trainer, whose settings have no effect."""
    faults: list[str] = []
    found = {setting.name: setting.value for setting in read_yaml(config_file, faults)}
    name = found.get("TRAINER.NAME", TRAINER)
    if faults or name == TRAINER:  # setup_cfg reports the faults
        return
    own = find_file(CONFIG).parent
    accepted = ", ".join(
        f"{Path(CONFIG).parent}/{path.name}" for path in sorted(own.glob("*.yaml"))
    )
    raise UserError(
        f"--config-file {config_file} has the settings of the trainer {name}; classes of your own "
        f"need a file of {TRAINER}, such as {accepted}"
    )


def _dataset(classes: str | Sequence[str], hierarchy: str) -> ClassesOnly:
    if bool(classes) == bool(hierarchy):
        raise UserError("give either classes, such as 'joy, calm', or a hierarchy file")
    if hierarchy:
        keys = hierarchy_keys(hierarchy)
        return ClassesOnly(keys, load_hierarchy(hierarchy, keys))
    given = classes
    if isinstance(classes, str):  # sentences have commas of their own
        given = classes.split(";" if ";" in classes else ",")
    names = [str(name).strip() for name in given]
    names = [name for name in names if name]
    written = {}
    for name in names:
        if name.casefold() in written:
            first = written[name.casefold()]
            twice = "twice" if name == first else f"twice: CLIP reads '{first}' as the same text"
            raise UserError(f"the class '{name}' is given {twice}")
        written[name.casefold()] = name
    if not names:
        raise UserError("no class is given; expected names such as 'joy, calm'")
    if len(names) == 1:  # its probability would be 1/2 for every image
        raise UserError(f"the only class is '{names[0]}'; plain CLIP compares at least two")
    return ClassesOnly(names, Hierarchy(names, [(name,) for name in names], names))
