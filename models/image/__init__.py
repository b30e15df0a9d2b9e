"""The image side of CLIP: branches, backbone families, frozen features.

Importing the package imports all its modules, so that every family registers itself.
"""

import sys

from core.registry import import_submodules

import_submodules(sys.modules[__name__])
