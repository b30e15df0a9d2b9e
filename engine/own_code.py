"""The user's own modules under ``IMPORTS``: were they changed since a checkpoint was trained?"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.distributed import is_main
from core.files import digest_file
from core.logging import get_logger

log = get_logger()


class OwnCode:
    """Digests of the user's own modules at the start of a run.

    Only the modules that ``IMPORTS`` names are compared, not those that they import themselves.

    Args:
        names: ``IMPORTS`` of the configuration; the modules are imported.

    Attributes:
        digests: digest of the file of each module, by the module's name.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.digests = by_module(digest_modules(names))
        self._reported: set[str] = set()

    def warn_of_changes(self, before: Mapping[str, str], since: str) -> None:
        """Log one warning with the modules that have another content than they had before.

        A module is reported once. It is no error, because a new comment changes the digest, too.

        Args:
            before: digests of the earlier run, as in :attr:`digests`; a module that is missing
                there is not compared.
            since: what the earlier run did, for the warning.
        """
        changed = []
        for name, digest in self.digests.items():
            if before.get(name, digest) != digest and name not in self._reported:
                changed.append(name)
        self._reported.update(changed)
        if changed and is_main():
            log.warning(
                "IMPORTS: the code of %s has changed since %s; the numbers can differ",
                ", ".join(f"'{name}'" for name in changed),
                since,
            )

    def warn_of_changed_card(self, card: Mapping[str, Any], folder: Path) -> None:
        """Compare with the run card of ``folder``, for a run without a checkpoint."""
        imports = card["code"].get("imports", {})
        self.warn_of_changes(by_module(imports), f"the results in {folder} were written")


def by_module(digests: Mapping[str, str]) -> dict[str, str]:
    """Return digests by the names of modules: ``./focal.py`` and ``focal`` are one module."""
    named = {}
    for name, digest in digests.items():
        named[Path(name).stem if name.endswith(".py") else name] = digest
    return named


def digest_modules(names: Iterable[str]) -> dict[str, str]:
    """Return the digest of the file of each imported module; one that is not found has none."""
    digests = {}
    for name in names:
        module = sys.modules.get(Path(name).stem if name.endswith(".py") else name)
        file = Path(getattr(module, "__file__", None) or "")
        if file.is_file():
            digests[name] = digest_file(file)
    return digests
