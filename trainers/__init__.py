"""Layer 4: one method per file; importing the package registers all of them."""

import sys

from core.registry import import_submodules
from engine.base_choice import TRAINER_REGISTRY

from .base import ClipRunner, ClipTrainer
from .keys import (
    class_text_keys,
    dense_form_keys,
    loss_keys,
    norm_keys,
    precision_keys,
    prompt_keys,
)

import_submodules(sys.modules[__name__])

__all__ = [
    "TRAINER_REGISTRY",
    "ClipRunner",
    "ClipTrainer",
    "class_text_keys",
    "dense_form_keys",
    "loss_keys",
    "norm_keys",
    "precision_keys",
    "prompt_keys",
]
