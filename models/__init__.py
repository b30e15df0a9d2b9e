"""Architecture: CLIP loading, the two image branches, prompts, aggregation, region pooling and their composition."""

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
from models.class_text import STRATEGIES, class_texts
from models.clip import BACKBONES, CLIP_MEAN, CLIP_STD, image_statistics, load_clip
from models.encoder import DensePool, SightSemanticResNet, SightSemanticViT, build_encoder
from models.intclip import IntCLIP
from models.prompts import PromptLearner, TextEncoder
from models.region_pooling import NEGATIVE, POSITIVE, region_logits

__all__ = [
    "AGGREGATIONS",
    "ATTENTION_SOURCES",
    "BACKBONES",
    "CLIP_MEAN",
    "CLIP_STD",
    "NEGATIVE",
    "POSITIVE",
    "STRATEGIES",
    "DensePool",
    "IntCLIP",
    "MeanAggregation",
    "PromptLearner",
    "SemanticOnly",
    "SightAssistedAggregation",
    "SightOnly",
    "SightSemanticResNet",
    "SightSemanticViT",
    "TextEncoder",
    "build_aggregation",
    "build_encoder",
    "class_texts",
    "image_statistics",
    "load_clip",
    "position_attention",
    "region_logits",
]
