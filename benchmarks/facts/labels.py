"""Facts of the labels alone: their frequencies in each split, and the annotators' ceiling."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from benchmarks.methods.runs import Runner
from core.config_merge import setup_cfg
from datasets import build_annotations
from evaluation.metrics import mean_average_precision
from evaluation.ranking import rank_classes, top1_accuracy
from tools.scenes import get_world
from tools.scenes.make import sample_labelled

NUM_READINGS = 25  # of every picture by three new annotators
