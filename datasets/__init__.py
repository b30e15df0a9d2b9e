"""Data sets, label hierarchies, transforms and loaders.

Importing the package registers every data set in it.
"""

import sys

from core.registry import import_submodules
from datasets.base import IntentDataset
from datasets.build import DATASET_REGISTRY, build_annotations, build_dataset
from datasets.hierarchy import Hierarchy, load_hierarchy
from datasets.loading import DataManager
from datasets.records import Record, image_names, multi_hot

import_submodules(sys.modules[__name__])

__all__ = [
    "DATASET_REGISTRY",
    "DataManager",
    "Hierarchy",
    "IntentDataset",
    "Record",
    "build_annotations",
    "build_dataset",
    "image_names",
    "load_hierarchy",
    "multi_hot",
]
