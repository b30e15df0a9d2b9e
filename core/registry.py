"""Registries that map names to classes, with the interface of Dassl's (and fvcore's) registry."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any

from core.errors import UserError, not_registered


class Registry:
    """Map the ``__name__`` of a class or function to the object.

    The interface is that of ``dassl.utils.Registry``. Example::

        THINGS = Registry("THING")

        @THINGS.register()
        class Mine: ...

        THINGS.get("Mine")

    Args:
        name: key or kind of the objects, for errors.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._obj_map: dict[str, Any] = {}

    def _do_register(self, name: str, obj: Any, force: bool = False) -> None:
        known = self._obj_map.get(name)
        if known is not None and known is not obj and not force:
            raise KeyError(
                f"{self._name} '{name}' of {_source(obj)} is already registered by "
                f"{_source(known)}; rename one of them"
            )
        self._obj_map[name] = obj

    def register(self, obj: Any = None, force: bool = False) -> Any:
        """Register ``obj``; without it, return a decorator that registers.

        Args:
            obj: class or function.
            force: replace an object of the same name.

        Raises:
            KeyError: another object has the name; the error names the files of both.
        """
        if obj is not None:
            self._do_register(obj.__name__, obj, force=force)
            return obj

        def decorator(decorated: Callable) -> Callable:
            self._do_register(decorated.__name__, decorated, force=force)
            return decorated

        return decorator

    def get(self, name: str) -> Any:
        """Return the object registered as ``name``.

        Raises:
            UserError: there is none; the error names the accepted names and the nearest match.
        """
        if name not in self._obj_map:
            raise UserError(not_registered(self._name, name, self._obj_map))
        return self._obj_map[name]

    def registered_names(self) -> list[str]:
        """Return all names in order of registration."""
        return list(self._obj_map)


def import_submodules(package: ModuleType) -> None:
    """Import every module of ``package``, so that its registration decorators run."""
    for info in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{info.name}")


def _source(obj: Any) -> str:
    try:
        return inspect.getsourcefile(obj) or repr(obj)
    except TypeError:  # built-in and dynamically created objects have no file
        return repr(obj)
