"""Registry of backbone families, and the encoder that fits a CLIP.

A family is one module beside this one: a subclass of ``SightSemantic`` with one registry line,

    @register_family(ModifiedResNet)
    class SightSemanticResNet(SightSemantic):

whose constructor takes CLIP's image encoder and ``BranchSettings``, builds ``trunk``, ``sight`` and
``semantic``, sets ``embed_dim`` and ends with ``self._freeze()``. It implements ``run_trunk``,
``read``, ``read_global``, ``split_point`` and ``build_global_pool``. A family outside the project
registers itself in the same way when it is imported (``IMPORTS``).
"""

from collections.abc import Callable

from torch import nn

from core.errors import UserError
from models.image.branches import BranchSettings, SightSemantic

_FAMILIES: dict[type[nn.Module], type[SightSemantic]] = {}


def register_family(
    visual_class: type[nn.Module],
) -> Callable[[type[SightSemantic]], type[SightSemantic]]:
    """Return a class decorator: the family is used for CLIPs whose ``visual`` is that class.

    Raises:
        KeyError: another family is registered for ``visual_class``.
    """

    def register(family: type[SightSemantic]) -> type[SightSemantic]:
        known = _FAMILIES.setdefault(visual_class, family)
        if known is not family:
            raise KeyError(
                f"{visual_class.__name__} has the family {known.__module__}.{known.__name__} "
                f"already; {family.__module__}.{family.__name__} cannot replace it"
            )
        return family

    return register


def has_family(visual_class: type[nn.Module]) -> bool:
    """Return True if image encoders of this class have a family."""
    return any(parent in _FAMILIES for parent in visual_class.__mro__)


def find_family(visual: nn.Module) -> type[SightSemantic]:
    """Return the family of CLIP's image encoder ``visual``; a subclass has its parent's family.

    Raises:
        UserError: no family is registered for it.
    """
    for visual_class in type(visual).__mro__:
        if visual_class in _FAMILIES:
            return _FAMILIES[visual_class]
    accepted = ", ".join(visual_class.__name__ for visual_class in _FAMILIES)
    raise UserError(
        f"image encoder {type(visual).__name__} has no dense form here; accepted: {accepted}. "
        "A family of your own needs its module in IMPORTS."
    )


def build_encoder(visual: nn.Module, **settings: object) -> SightSemantic:
    """Return the branches over CLIP's image encoder ``visual``.

    Args:
        visual: the image encoder of a CLIP; it is copied, not changed.
        settings: fields of :class:`models.image.branches.BranchSettings`.

    Raises:
        UserError: no family fits ``visual``, or a setting does not fit it.
    """
    return find_family(visual)(visual, BranchSettings(**settings))
