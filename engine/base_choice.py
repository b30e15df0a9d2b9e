"""Choose the base of the trainers: the installed Dassl, or our own implementation of its contract.

The environment variable ``INTCLIP_BASE`` chooses; ``train.py --base`` sets it:

- ``auto`` (default): Dassl if it can be imported, else our own;
- ``dassl``: Dassl, an error if it cannot be imported;
- ``builtin``: our own.

Other modules import the names of this module and behave the same on both bases.
"""

import os

from core.cli import BASES
from core.config import Key, declare, declare_components
from core.errors import UserError, not_accepted
from core.registry import Registry
from datasets import DATASET_REGISTRY as OUR_DATASETS
from evaluation import EVALUATOR_REGISTRY as OUR_EVALUATORS

__all__ = [
    "BASE",
    "TRAINER_REGISTRY",
    "SimpleTrainer",
    "TrainerBase",
    "TrainerX",
    "build_trainer",
    "describe_base",
    "sync_registries",
]


def _choose() -> tuple[str, str]:
    """Return the name of the base and the reason for it.

    Raises:
        UserError: the choice is unknown, or Dassl is chosen but cannot be imported.
    """
    wanted = os.environ.get("INTCLIP_BASE", "auto") or "auto"
    if wanted not in BASES:
        raise UserError(not_accepted("the base (--base or INTCLIP_BASE)", wanted, BASES))
    if wanted == "builtin":
        return "builtin", "forced"
    try:
        import dassl.engine  # noqa: F401  (only whether it imports)
    except ImportError as error:
        if wanted == "dassl":
            raise UserError(
                f"the base is forced to 'dassl', but it does not import: {error}"
            ) from error
        return "builtin", f"dassl does not import: {error}"
    return "dassl", "forced" if wanted == "dassl" else "installed"


BASE, _REASON = _choose()

if BASE == "dassl":
    from dassl.data.datasets import DATASET_REGISTRY
    from dassl.engine import TRAINER_REGISTRY, SimpleTrainer, TrainerBase, TrainerX, build_trainer
    from dassl.evaluation import EVALUATOR_REGISTRY

else:
    from engine.dassl_base import SimpleTrainer, TrainerBase, TrainerX

    TRAINER_REGISTRY = Registry("TRAINER.NAME")

    def build_trainer(cfg):
        """Build and return the trainer that is registered as ``cfg.TRAINER.NAME``."""
        return TRAINER_REGISTRY.get(cfg.TRAINER.NAME)(cfg)


declare_components("TRAINER", TRAINER_REGISTRY)
declare(
    "TRAINER",
    Key(
        "NAME",
        "",
        "registered name of the trainer",
        choices=lambda: sorted(TRAINER_REGISTRY.registered_names()),
    ),
)


def sync_registries() -> None:
    """Register data sets and evaluators of Dassl with us and ours with Dassl, if it is the base.

    A name that both have keeps its own object in each registry.
    """
    if BASE != "dassl":
        return
    for ours, theirs in ((OUR_DATASETS, DATASET_REGISTRY), (OUR_EVALUATORS, EVALUATOR_REGISTRY)):
        for source, target in ((ours, theirs), (theirs, ours)):
            for name in source.registered_names():
                if name not in target.registered_names():
                    target._do_register(name, source.get(name))
    if "auto" not in EVALUATOR_REGISTRY.registered_names():
        # Dassl builds an evaluator before the data set is known; ours takes its place later.
        EVALUATOR_REGISTRY._do_register("auto", OUR_EVALUATORS.get("MultiLabel"))


def describe_base() -> str:
    """Return a log line with the base in use and the reason for it."""
    if BASE == "dassl":
        import dassl

        return f"Trainer base: Dassl {dassl.__version__} ({_REASON})"
    return f"Trainer base: builtin ({_REASON})"


sync_registries()
