"""Architecture: CLIP loading, image branches, text features, aggregation, pooling, networks."""

from models.aggregation import (
    AGGREGATIONS,
    ATTENTION_SOURCES,
    Aggregation,
    MeanAggregation,
    SemanticOnly,
    SightAssistedAggregation,
    SightOnly,
    build_aggregation,
    position_attention,
)
from models.base import ClipNetwork, FrozenFeatures, ImageEncoder, learnable_groups, trainable
from models.clip.configs import BACKBONES
from models.clip.load import CLIP_MEAN, CLIP_STD, image_statistics, load_clip
from models.dualcoop import DualCoOpNetwork
from models.image.branches import (
    DENSE_FORMS,
    BranchFeatures,
    BranchMaps,
    BranchSettings,
    SightSemantic,
)
from models.image.families import build_encoder, find_family, register_family
from models.image.features import FrozenEncoder, PooledFeatures, normalize_features
from models.image.resnet import DensePool, GlobalPool, SightSemanticResNet
from models.image.vit import ClassToken, SightSemanticViT
from models.intclip import IntCLIPNetwork
from models.linear import FineTuneNetwork, LinearProbeNetwork
from models.region_maps import RegionMaps
from models.region_network import REGIONS, RegionNetwork
from models.region_pooling import RegionScores, pool_regions, region_logits, region_scores
from models.text.class_text import STRATEGIES, class_texts
from models.text.encoder import TextEncoder
from models.text.features import FreeText, PromptedText, TemplateText, TextComponent, TextFeatures
from models.text.prompts import PromptLearner, Prompts
from models.zeroshot import ZeroshotCLIPNetwork

__all__ = [
    "AGGREGATIONS",
    "ATTENTION_SOURCES",
    "BACKBONES",
    "CLIP_MEAN",
    "CLIP_STD",
    "DENSE_FORMS",
    "REGIONS",
    "STRATEGIES",
    "Aggregation",
    "BranchFeatures",
    "BranchMaps",
    "BranchSettings",
    "ClassToken",
    "ClipNetwork",
    "DensePool",
    "DualCoOpNetwork",
    "FineTuneNetwork",
    "FreeText",
    "FrozenEncoder",
    "FrozenFeatures",
    "GlobalPool",
    "ImageEncoder",
    "IntCLIPNetwork",
    "LinearProbeNetwork",
    "MeanAggregation",
    "PooledFeatures",
    "PromptLearner",
    "PromptedText",
    "Prompts",
    "RegionMaps",
    "RegionNetwork",
    "RegionScores",
    "SemanticOnly",
    "SightAssistedAggregation",
    "SightOnly",
    "SightSemantic",
    "SightSemanticResNet",
    "SightSemanticViT",
    "TemplateText",
    "TextComponent",
    "TextEncoder",
    "TextFeatures",
    "ZeroshotCLIPNetwork",
    "build_aggregation",
    "build_encoder",
    "class_texts",
    "find_family",
    "image_statistics",
    "learnable_groups",
    "load_clip",
    "normalize_features",
    "pool_regions",
    "position_attention",
    "region_logits",
    "region_scores",
    "register_family",
    "trainable",
]
