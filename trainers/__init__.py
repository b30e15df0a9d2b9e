"""Layer 3: one method per file; importing the package registers all of them."""

import sys

from core.registry import import_submodules

import_submodules(sys.modules[__name__])
