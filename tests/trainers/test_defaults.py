"""An argument of a network has the default of the key that sets it."""

import inspect

import pytest

import trainers  # noqa: F401  (declares the keys)
from core.config import declared_keys
from models import FineTuneNetwork, IntCLIPNetwork, LinearProbeNetwork, ZeroshotCLIPNetwork
from models.image.branches import BranchSettings
from models.text.features import PromptedText
from models.text.prompts import PromptLearner

PAIRS = [
    (IntCLIPNetwork, "INTCLIP", "semantic_layers", "SEMANTIC_LAYERS"),
    (IntCLIPNetwork, "INTCLIP", "num_semantic_blocks", "SEMANTIC_BLOCKS"),
    (IntCLIPNetwork, "INTCLIP", "dense_form", "DENSE_FORM"),
    (IntCLIPNetwork, "INTCLIP", "aggregation", "AGGREGATION"),
    (IntCLIPNetwork, "INTCLIP", "attention_from", "ATTENTION_FROM"),
    (IntCLIPNetwork, "INTCLIP", "regions", "REGIONS"),
    (IntCLIPNetwork, "INTCLIP", "logit_scale", "LOGIT_SCALE"),
    (IntCLIPNetwork, "INTCLIP", "pool_weight", "POOL_WEIGHT"),
    (BranchSettings, "INTCLIP", "num_semantic_blocks", "SEMANTIC_BLOCKS"),
    (BranchSettings, "INTCLIP", "semantic_layers", "SEMANTIC_LAYERS"),
    (PromptedText, "DUALCOOP", "text_chunk_size", "TEXT_CHUNK"),
    (PromptLearner, "DUALCOOP", "num_ctx_pos", "N_CTX_POS"),
    (PromptLearner, "DUALCOOP", "num_ctx_neg", "N_CTX_NEG"),
    (PromptLearner, "DUALCOOP", "class_specific", "CSC"),
    (FineTuneNetwork, "FINETUNE", "num_blocks", "BLOCKS"),
    (FineTuneNetwork, "FINETUNE", "layers", "LAYERS"),
    (FineTuneNetwork, "FINETUNE", "norm", "NORM"),
    (LinearProbeNetwork, "LINEARPROBE", "features", "FEATURES"),
    (ZeroshotCLIPNetwork, "ZEROSHOTCLIP", "logit_scale", "LOGIT_SCALE"),
]


@pytest.mark.parametrize(("owner", "section", "argument", "option"), PAIRS)
def test_the_default_of_an_argument_is_that_of_its_key(owner, section, argument, option):
    default = inspect.signature(owner).parameters[argument].default
    assert default == declared_keys()[f"TRAINER.{section}.{option}"].default
