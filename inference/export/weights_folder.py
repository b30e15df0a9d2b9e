"""A folder with the learnt weights that predicts as the run does, bit for bit."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from core.errors import UserError
from core.files import PROJECT, find_file, write_text
from datasets.classes_only import FILE as CLASSES_FILE
from engine.run_card import FILE as CARD_FILE
from engine.run_card import Card
from inference.export.card import base_name, public_card
from inference.open_run import WEIGHTS_FILE
from inference.rule import FILE as RULE_FILE

ARCH_FILE = "arch.json"


def write_weights(
    folder: Path, *, run: Path, trainer: Any, card: Card, with_backbone: bool
) -> None:
    """Write everything that ``predict.py --run`` needs to ``folder``.

    Args:
        folder: an empty folder.
        run: output folder of the run.
        trainer: from :func:`inference.open_run.open_run` of the run.
        card: the run card.
        with_backbone: also copy the file of the frozen backbone.

    Raises:
        UserError: the backbone has no file.
    """
    shutil.copyfile(run / CLASSES_FILE, folder / CLASSES_FILE)
    if (run / RULE_FILE).is_file():
        shutil.copyfile(run / RULE_FILE, folder / RULE_FILE)
    weights = folder / WEIGHTS_FILE
    save_weights(weights, trainer.model.trainable_state_dict())
    if weights.is_file():  # safetensors lets nobody else read it
        shutil.copymode(folder / CLASSES_FILE, weights)
    changed = copy_backbone(folder, trainer.cfg.MODEL.BACKBONE, whole=with_backbone)
    changed["IMPORTS"] = copy_modules(folder, trainer.cfg.IMPORTS)
    content = json.dumps(public_card(card, changed), indent=2, ensure_ascii=False)
    write_text(folder / CARD_FILE, content + "\n")


def save_weights(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write tensors by name in the format safetensors; a method without training has none."""
    if not state:
        return
    plain = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    save_file(plain, path, metadata={"format": "pt"})


def copy_backbone(folder: Path, backbone: Any, *, whole: bool) -> dict[str, Any]:
    """Copy the files of the backbone; return the keys of the configuration that name them now.

    A file that comes with the project stays where it is. Of another one only the name is kept, and
    who predicts says where it is.

    Args:
        folder: the exported folder.
        backbone: section ``MODEL.BACKBONE``.
        whole: copy the weights; the architecture file is small and always copied.

    Raises:
        UserError: ``whole``, and the backbone is one that is downloaded by name.
    """
    if whole and not backbone.PATH:
        raise UserError(
            f"--with-backbone: the backbone {backbone.NAME} has no file, it is loaded by its name; "
            "leave the flag out, or train with MODEL.BACKBONE.PATH"
        )
    changed = {}
    if backbone.ARCH:
        shutil.copyfile(find_file(backbone.ARCH), folder / ARCH_FILE)
        changed["MODEL.BACKBONE.ARCH"] = ARCH_FILE
    if whole:
        file = find_file(backbone.PATH)
        changed["MODEL.BACKBONE.PATH"] = f"backbone{file.suffix}"
        shutil.copyfile(file, folder / changed["MODEL.BACKBONE.PATH"])
    elif backbone.PATH:
        changed["MODEL.BACKBONE.PATH"] = shown_place(find_file(backbone.PATH))
    return changed


def shown_place(file: Path) -> str:
    """Return the path of a file of the project, such as ``assets/x``; of others only the name."""
    file = file.resolve()
    if file.is_relative_to(PROJECT / "assets"):
        return file.relative_to(PROJECT).as_posix()
    return base_name(str(file))


def copy_modules(folder: Path, names: Sequence[str]) -> list[str]:
    """Copy the user's own modules, without which the run does not load; return their names.

    A module of an installed package, with a dot in its name, stays where it is.
    """
    own = []
    for name in names:
        module = Path(name).stem if name.endswith(".py") else name
        file = Path(getattr(sys.modules.get(module), "__file__", None) or "")
        if "." in module or not file.is_file():
            own.append(name)
            continue
        shutil.copyfile(file, folder / f"{module}.py")
        own.append(f"{module}.py")
    return own
