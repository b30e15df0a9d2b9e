"""Architecture: CLIP loading, image branches, prompts, aggregation, region pooling, and their compositions."""

from models.aggregation import (
    AGGREGATIONS,
    ATTENTION_SOURCES,
    MeanAggregation,
    SemanticOnly,
    SightAssistedAggregation,
    SightOnly,
    build_aggregation,
    position_attention,
)
from models.base import ClipNetwork, FrozenFeatures, assert_partition
from models.clip.load import BACKBONES, CLIP_MEAN, CLIP_STD, image_statistics, load_clip
from models.dualcoop import DualCoOp
from models.image.branches import DensePool, SightSemanticResNet, SightSemanticViT, build_encoder
from models.image.features import ClassToken, FrozenEncoder, GlobalPool, normalize_features
from models.intclip import IntCLIP
from models.linear import FineTune, LinearProbe
from models.region_pooling import region_logits
from models.text.class_text import STRATEGIES, class_texts
from models.text.encoder import TextEncoder
from models.text.prompts import PromptLearner, Prompts
from models.zeroshot import ZeroshotCLIP, template_features

__all__ = [
    "AGGREGATIONS",
    "ATTENTION_SOURCES",
    "BACKBONES",
    "CLIP_MEAN",
    "CLIP_STD",
    "STRATEGIES",
    "ClassToken",
    "ClipNetwork",
    "DensePool",
    "DualCoOp",
    "FineTune",
    "FrozenEncoder",
    "FrozenFeatures",
    "GlobalPool",
    "IntCLIP",
    "LinearProbe",
    "MeanAggregation",
    "PromptLearner",
    "Prompts",
    "SemanticOnly",
    "SightAssistedAggregation",
    "SightOnly",
    "SightSemanticResNet",
    "SightSemanticViT",
    "TextEncoder",
    "ZeroshotCLIP",
    "assert_partition",
    "build_aggregation",
    "build_encoder",
    "class_texts",
    "image_statistics",
    "load_clip",
    "normalize_features",
    "position_attention",
    "region_logits",
    "template_features",
]
