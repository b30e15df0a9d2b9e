"""The configuration tree: the only place where a key is declared, with its default, meaning and accepted values.

Keys that Dassl has keep Dassl's names and Dassl's defaults. ``get_cfg_default()`` builds the tree; ``extend_cfg(cfg)``
adds to an existing tree (Dassl's own, say) whatever it lacks and changes nothing that is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from yacs.config import CfgNode


@dataclass(frozen=True)
class Key:
    """One declared key: dotted name, default (its type is the accepted type), meaning, accepted values."""

    name: str
    default: Any
    help: str
    choices: tuple = ()  # accepted values; for a tuple default, of each element
    low: float | None = None  # smallest accepted number
    high: float | None = None  # largest accepted number
    length: int | None = None  # required length of a tuple


TRANSFORMS = (
    "random_flip",
    "random_resized_crop",
    "randaugment",
    "colorjitter",
    "cutout",
    "center_crop",
    "normalize",
)

STAGES = ("layer1", "layer2", "layer3", "layer4")


# Keys that several trainers have, under TRAINER.<NAME> in capitals


def _precision_keys(name: str) -> Iterator[Key]:
    """Yield the key of the numbers' precision."""
    choices = ("fp32", "amp", "bf16", "fp16")
    yield Key(
        f"TRAINER.{name}.PREC",
        "fp32",
        "amp is bf16 where the device has it, else fp16",
        choices=choices,
    )


def _class_text_keys(name: str, default: str) -> Iterator[Key]:
    """Yield the key that says how a class is put to the text encoder."""
    yield Key(
        f"TRAINER.{name}.CLASS_TEXT",
        default,
        "text of a class",
        choices=("name", "path", "sentence"),
    )


def _prompt_keys(name: str, *, class_text: str) -> Iterator[Key]:
    """Yield the keys of positive and negative prompts and of the logits that are read with them."""
    prefix = f"TRAINER.{name}"
    yield Key(f"{prefix}.N_CTX_POS", 16, "learnable tokens of the positive prompt", low=1)
    yield Key(f"{prefix}.N_CTX_NEG", 16, "learnable tokens of the negative prompt", low=1)
    yield Key(
        f"{prefix}.CSC", True, "class-specific contexts; False shares one set among the classes"
    )
    yield Key(
        f"{prefix}.POSITIVE_PROMPT_INIT",
        "",
        "words that initialise the positive prompt; empty: random",
    )
    yield Key(
        f"{prefix}.NEGATIVE_PROMPT_INIT",
        "",
        "words that initialise the negative prompt; empty: random",
    )
    yield from _class_text_keys(name, class_text)
    yield Key(
        f"{prefix}.LOGIT_SCALE",
        20.0,
        "scale of the cosine between location and class text",
        low=0.0,
    )
    yield Key(f"{prefix}.POOL_WEIGHT", 5.0, "factor of the pooled similarity", low=0.0)
    text = "prompts encoded at a time, recomputed in the backward pass; 0: all; -1: all up to 512, then 256 at a time"
    yield Key(f"{prefix}.TEXT_CHUNK", -1, text, low=-1)


def _dense_form_keys(name: str) -> Iterator[Key]:
    """Yield the key of a ViT's dense map."""
    text = "last block of a ViT: its value path, or with residual and MLP"
    yield Key(f"TRAINER.{name}.DENSE_FORM", "value", text, choices=("value", "residual"))


def _norm_keys(name: str) -> Iterator[Key]:
    """Yield the key of what is done to features before a linear classifier."""
    text = (
        "of each image's features: zero mean and unit variance over channels, unit length, or none"
    )
    yield Key(f"TRAINER.{name}.NORM", "standard", text, choices=("standard", "l2", "none"))


def _loss_keys(name: str, loss: str, *, gamma_neg: float = 2.0, eps: float = 1e-6) -> Iterator[Key]:
    """Yield the keys of the loss; those of the asymmetric form are ignored, and said to be, by other losses."""
    prefix = f"TRAINER.{name}"
    yield Key(f"{prefix}.LOSS", loss, "registered name of the loss")
    yield Key(f"{prefix}.LOSS_WEIGHT", 0.03, "factor of the summed loss", low=0.0)
    yield Key(f"{prefix}.ASL_GAMMA_NEG", gamma_neg, "focusing of negatives", low=0.0)
    yield Key(f"{prefix}.ASL_GAMMA_POS", 1.0, "focusing of positives", low=0.0)
    yield Key(f"{prefix}.ASL_CLIP", 0.05, "probability margin of negatives", low=0.0, high=1.0)
    yield Key(f"{prefix}.ASL_EPS", eps, "smallest probability under the logarithm", low=1e-12)


KEYS = (
    Key("VERSION", 1, "version of the configuration tree"),
    Key("OUTPUT_DIR", "./output", "folder of log, checkpoints and metrics"),
    Key(
        "RESUME",
        "",
        "output folder of an interrupted run to go on from (empty: OUTPUT_DIR, where it holds one)",
    ),
    Key("SEED", -1, "seed of every random stream; 0 is a seed, -1 leaves the run random", low=-1),
    Key("USE_CUDA", True, "use the CUDA device where there is one"),
    Key("VERBOSE", True, "log details while building"),
    Key(
        "IMPORTS", (), "Python modules to import first: out-of-tree trainers, data sets, evaluators"
    ),
    # Images
    Key(
        "INPUT.SIZE",
        (224, 224),
        "height and width in pixels; 32 at least; a multiple of a ViT's patch",
        low=32,
        length=2,
    ),
    Key(
        "INPUT.INTERPOLATION", "bilinear", "of resizing", choices=("bilinear", "bicubic", "nearest")
    ),
    Key(
        "INPUT.REDUCED_DECODE",
        True,
        "decode a large JPEG at 1/2, 1/4 or 1/8 where that leaves 1.25 x the wanted size; faster, and pixels differ "
        "slightly from a full decode (some 1 to 3 of 255, docs/performance.md); smaller images are the same",
    ),
    Key("INPUT.TRANSFORMS", (), "training augmentation, in this order", choices=TRANSFORMS),
    Key("INPUT.NO_TRANSFORM", False, "resize and normalise only, in training too"),
    Key(
        "INPUT.NORMALIZATION",
        "backbone",
        "mean and std: the backbone's, or PIXEL_*",
        choices=("backbone", "pixel"),
    ),
    Key("INPUT.PIXEL_MEAN", [0.485, 0.456, 0.406], "used with NORMALIZATION 'pixel'", length=3),
    Key(
        "INPUT.PIXEL_STD",
        [0.229, 0.224, 0.225],
        "used with NORMALIZATION 'pixel'",
        low=1e-6,
        length=3,
    ),
    Key(
        "INPUT.RRCROP_SCALE",
        (0.08, 1.0),
        "area range of random_resized_crop",
        low=0.0,
        high=1.0,
        length=2,
    ),
    Key("INPUT.CUTOUT_N", 1, "holes per image", low=0),
    Key("INPUT.CUTOUT_LEN", 16, "side of a hole in pixels", low=1),
    Key(
        "INPUT.CUTOUT_RATIO",
        0.0,
        "side of a hole as a share of the image's side; 0 uses CUTOUT_LEN",
        low=0.0,
        high=1.0,
    ),
    Key("INPUT.RANDAUGMENT_N", 2, "operations per image", low=0),
    Key("INPUT.RANDAUGMENT_M", 10, "magnitude", low=0, high=30),
    Key("INPUT.COLORJITTER_B", 0.4, "brightness", low=0.0),
    Key("INPUT.COLORJITTER_C", 0.4, "contrast", low=0.0),
    Key("INPUT.COLORJITTER_S", 0.4, "saturation", low=0.0),
    Key("INPUT.COLORJITTER_H", 0.1, "hue", low=0.0, high=0.5),
    # Data set
    Key("DATASET.ROOT", "", "folder of the data set (annotations/ and images)"),
    Key("DATASET.NAME", "", "registered name of the data set class"),
    Key("DATASET.SOURCE_DOMAINS", (), "Dassl's; unused by multi-label data sets"),
    Key("DATASET.TARGET_DOMAINS", (), "Dassl's; unused by multi-label data sets"),
    Key(
        "DATASET.HIERARCHY",
        "",
        "name under datasets/hierarchies/ or path of a YAML file; empty: the data set's name",
    ),
    Key(
        "DATASET.LABEL_POLICY",
        "any",
        "train labels from three annotators: any of them, more than half, or their share as soft target",
        choices=("any", "majority", "soft"),
    ),
    Key(
        "DATASET.PREPARED",
        "auto",
        "resized copies of the images (tools/prepare_images.py): auto reads <root>/prepared-<size> where one is large "
        "enough for INPUT.SIZE, a size reads that one, off reads none; a changed original is read itself",
    ),
    # Loading
    Key(
        "DATALOADER.NUM_WORKERS",
        4,
        "loaders of each process; -1: its share of the usable cores less one, 16 at most, 0 on two",
        low=-1,
    ),
    Key("DATALOADER.PREFETCH_FACTOR", 2, "batches that each worker holds ready", low=1),
    Key("DATALOADER.PERSISTENT_WORKERS", True, "keep train and val workers between epochs"),
    Key(
        "DATALOADER.PIN_MEMORY",
        True,
        "page-locked batches, which a CUDA device copies while it computes",
    ),
    Key(
        "DATALOADER.TRAIN_X.SAMPLER",
        "RandomSampler",
        "order of training images",
        choices=("RandomSampler", "SequentialSampler"),
    ),
    Key(
        "DATALOADER.TRAIN_X.BATCH_SIZE",
        32,
        "images per training step, of all processes together",
        low=1,
    ),
    Key(
        "DATALOADER.TEST.SAMPLER",
        "SequentialSampler",
        "order of evaluation",
        choices=("SequentialSampler",),
    ),
    Key("DATALOADER.TEST.BATCH_SIZE", 32, "images per evaluation step and process", low=1),
    # Backbone
    Key("MODEL.INIT_WEIGHTS", "", "Dassl's; unused (see MODEL.BACKBONE.PATH)"),
    Key(
        "MODEL.BACKBONE.NAME",
        "",
        "CLIP backbone: RN50, RN101, RN50x4, ViT-B/16, ..., any open_clip architecture",
    ),
    Key("MODEL.BACKBONE.PRETRAINED", True, "load weights; False starts from random ones (tests)"),
    Key(
        "MODEL.BACKBONE.PATH",
        "",
        "checkpoint file: TorchScript archive, state dict or safetensors; empty: by name",
    ),
    Key(
        "MODEL.BACKBONE.ARCH", "", "architecture file of your own (open_clip JSON); overrides NAME"
    ),
    # Optimisation
    Key("OPTIM.NAME", "adam", "optimiser", choices=("sgd", "adam", "adamw")),
    Key(
        "OPTIM.LR",
        3e-4,
        "learning rate of the prompts (and of groups without a multiplier)",
        low=0.0,
    ),
    Key("OPTIM.WEIGHT_DECAY", 5e-4, "L2 penalty (decoupled in adamw)", low=0.0),
    Key("OPTIM.MOMENTUM", 0.9, "of sgd", low=0.0, high=1.0),
    Key("OPTIM.SGD_DAMPNING", 0, "of sgd", low=0.0),
    Key("OPTIM.SGD_NESTEROV", False, "of sgd"),
    Key("OPTIM.ADAM_BETA1", 0.9, "of adam and adamw", low=0.0, high=1.0),
    Key("OPTIM.ADAM_BETA2", 0.999, "of adam and adamw", low=0.0, high=1.0),
    Key(
        "OPTIM.LR_SCHEDULER",
        "single_step",
        "by epoch",
        choices=("single_step", "multi_step", "cosine"),
    ),
    Key("OPTIM.STEPSIZE", (-1,), "epochs per step, or the milestones of multi_step; -1: MAX_EPOCH"),
    Key("OPTIM.GAMMA", 0.1, "factor of a step", low=0.0),
    Key("OPTIM.MAX_EPOCH", 10, "epochs", low=1),
    Key("OPTIM.WARMUP_EPOCH", -1, "epochs of warm-up; -1 for none"),
    Key("OPTIM.WARMUP_TYPE", "linear", "of warm-up", choices=("linear", "constant")),
    Key("OPTIM.WARMUP_CONS_LR", 1e-5, "learning rate of every group in constant warm-up", low=0.0),
    Key(
        "OPTIM.WARMUP_MIN_LR",
        1e-5,
        "learning rate of every group in the first epoch of linear warm-up",
        low=0.0,
    ),
    Key(
        "OPTIM.WARMUP_RECOUNT",
        True,
        "start the schedule after warm-up (True) or run it from epoch 0",
    ),
    Key(
        "OPTIM.SEMANTIC_LR_MULT",
        0.1,
        "of OPTIM.LR, for the learnable copy of the deep layers",
        low=0.0,
    ),
    Key("OPTIM.AGGREGATION_LR_MULT", 0.1, "of OPTIM.LR, for sight-assisted aggregation", low=0.0),
    Key("OPTIM.CLIP_GRAD_NORM", 0.0, "largest norm of the gradient; 0 does not clip", low=0.0),
    # Training
    Key(
        "TRAIN.FEATURE_CACHE",
        "",
        "folder for the frozen features of every image, computed once for all runs of the same backbone, images and "
        "INPUT; needs deterministic INPUT.TRANSFORMS; empty: none",
    ),
    Key("TRAIN.CHECKPOINT_FREQ", 0, "also keep a checkpoint every N epochs; 0 keeps last and best"),
    Key("TRAIN.PRINT_FREQ", 10, "batches between two log lines", low=1),
    Key(
        "TRAIN.TIMEOUT",
        10.0,
        "minutes that processes wait for each other before the run ends",
        low=0.1,
    ),
    # Speed and memory: none of these changes what is learnt, but for rounding
    Key(
        "SPEED.CHANNELS_LAST",
        True,
        "keep the channels of a location together in memory, for convolutions",
    ),
    Key(
        "SPEED.MICRO_BATCH",
        0,
        "images per pass, on one process; the step stays the batch's; 0: all",
        low=0,
    ),
    Key(
        "SPEED.RECOMPUTE_SEMANTIC",
        False,
        "recompute the learnt layers' activations instead of keeping them",
    ),
    Key(
        "SPEED.COMPILE", (), "parts to give to torch.compile", choices=("trunk", "semantic", "text")
    ),
    Key(
        "SPEED.TF32",
        "torch",
        "TF32 (10 bits of mantissa) in fp32 products on CUDA; torch: as torch has it, for convolutions alone",
        choices=("torch", "on", "off"),
    ),
    # Evaluation
    Key("TEST.EVALUATOR", "MultiLabel", "registered name of the evaluator"),
    Key("TEST.NO_TEST", False, "train only: no evaluation, so no best checkpoint"),
    Key("TEST.SPLIT", "test", "split of the final evaluation", choices=("val", "test")),
    Key(
        "TEST.FINAL_MODEL",
        "last_step",
        "checkpoint of the final evaluation",
        choices=("last_step", "best_val"),
    ),
    Key("TEST.PER_CLASS_RESULT", False, "Dassl's; per_class.csv is always written"),
    Key(
        "TEST.PREDICTIONS",
        False,
        "write predictions.csv: each image's true and predicted classes, all scores",
    ),
    Key(
        "TEST.COMPUTE_CMAT", False, "Dassl's; a confusion matrix is not defined for several labels"
    ),
    Key(
        "TEST.SELECT_METRIC",
        "mean",
        "metric on val that picks the best epoch; 'mean': of three F1 and mAP",
    ),
    # Trainer
    Key("TRAINER.NAME", "", "registered name of the trainer"),
    *_precision_keys("INTCLIP"),
    *_prompt_keys("INTCLIP", class_text="sentence"),
    Key(
        "TRAINER.INTCLIP.SEMANTIC_LAYERS",
        ("layer3", "layer4"),
        "learnable stages of a ResNet (the last ones)",
        choices=STAGES,
    ),
    Key("TRAINER.INTCLIP.SEMANTIC_BLOCKS", 2, "learnable blocks of a ViT (the last ones)", low=1),
    *_dense_form_keys("INTCLIP"),
    Key(
        "TRAINER.INTCLIP.AGGREGATION",
        "sight_assisted",
        "how the two maps become one",
        choices=("sight_assisted", "mean", "sight", "semantic"),
    ),
    Key(
        "TRAINER.INTCLIP.ATTENTION_FROM",
        "semantic",
        "query and key, value: semantic, sight / sight, semantic / cross: query semantic, key and value sight",
        choices=("semantic", "sight", "cross"),
    ),
    *_loss_keys("INTCLIP", "AsymmetricPairLoss"),
    *_precision_keys("DUALCOOP"),
    *_prompt_keys("DUALCOOP", class_text="name"),
    *_dense_form_keys("DUALCOOP"),
    *_loss_keys("DUALCOOP", "AsymmetricPairLoss"),
    *_precision_keys("ZEROSHOTCLIP"),
    *_class_text_keys("ZEROSHOTCLIP", "name"),
    Key(
        "TRAINER.ZEROSHOTCLIP.TEMPLATES",
        ("a photo of {}.",),
        "texts, {} being the class; their features are averaged",
    ),
    Key(
        "TRAINER.ZEROSHOTCLIP.FEATURES",
        "global",
        "CLIP's own image embedding, or the dense map pooled for each class",
        choices=("global", "region"),
    ),
    Key(
        "TRAINER.ZEROSHOTCLIP.LOGIT_SCALE",
        50.0,
        "of the cosine's distance from its mean over classes",
        low=0.0,
    ),
    Key(
        "TRAINER.ZEROSHOTCLIP.REGION_SCALE",
        20.0,
        "of the cosine in the softmax over locations",
        low=1e-6,
    ),
    *_precision_keys("LINEARPROBE"),
    Key(
        "TRAINER.LINEARPROBE.FEATURES",
        "global",
        "CLIP's own image embedding, the mean of the dense map, or both",
        choices=("global", "mean", "concat"),
    ),
    *_norm_keys("LINEARPROBE"),
    *_loss_keys("LINEARPROBE", "BinarySigmoidLoss", gamma_neg=4.0, eps=1e-8),
    *_precision_keys("FINETUNE"),
    Key(
        "TRAINER.FINETUNE.LAYERS",
        ("layer3", "layer4"),
        "learnable stages of a ResNet (the last ones; all four: everything but the stem and the pool)",
        choices=STAGES,
    ),
    Key("TRAINER.FINETUNE.BLOCKS", 2, "learnable blocks of a ViT (the last ones)", low=1),
    *_dense_form_keys("FINETUNE"),
    *_norm_keys("FINETUNE"),
    *_loss_keys("FINETUNE", "AsymmetricSigmoidLoss", gamma_neg=4.0, eps=1e-8),
)


def get_cfg_default() -> CfgNode:
    """Return a fresh tree of all declared keys."""
    cfg = CfgNode()
    extend_cfg(cfg)
    return cfg


def extend_cfg(cfg: CfgNode) -> None:
    """Add every declared key that ``cfg`` lacks, in place; values that are there stay."""
    for key in KEYS:
        node = cfg
        *parents, leaf = key.name.split(".")
        for parent in parents:
            if parent not in node:
                node[parent] = CfgNode()
            node = node[parent]
        if leaf not in node:
            node[leaf] = list(key.default) if isinstance(key.default, list) else key.default
