"""Options of several trainers; each trainer declares the ones that it reads in its own section."""

from functools import partial

from core.config import Key
from engine.precision import PRECISIONS
from losses import about_loss, loss_names
from models.image.branches import DENSE_FORMS
from models.image.features import NORMS
from models.region_network import REGIONS
from models.text.class_text import STRATEGIES


def precision_keys() -> list[Key]:
    """Return the key of the numeric precision."""
    return [
        Key(
            "PREC",
            "fp32",
            "precision of the forward pass; amp is bf16 where the device has it, else fp16",
            choices=tuple(PRECISIONS),
        )
    ]


def class_text_keys(default: str) -> list[Key]:
    """Return the key that chooses the text of a class; ``default`` is a strategy."""
    return [
        Key(
            "CLASS_TEXT",
            default,
            "text of a class: its name, its path in the hierarchy, or its sentence",
            choices=STRATEGIES,
        )
    ]


def prompt_keys(*, class_text: str) -> list[Key]:
    """Return the keys of positive and negative prompts and of the logits over regions.

    Args:
        class_text: default of ``CLASS_TEXT``.
    """
    return [
        Key("N_CTX_POS", 16, "learnable tokens of the positive prompt", low=1),
        Key("N_CTX_NEG", 16, "learnable tokens of the negative prompt", low=1),
        Key("CSC", True, "class-specific contexts; False shares one set among the classes"),
        Key("POSITIVE_PROMPT_INIT", "", "words that initialise the positive prompt; empty: random"),
        Key("NEGATIVE_PROMPT_INIT", "", "words that initialise the negative prompt; empty: random"),
        *class_text_keys(class_text),
        Key("LOGIT_SCALE", 20.0, "scale of the cosine between region and class text", low=0.0),
        Key("POOL_WEIGHT", 5.0, "factor of the pooled similarity", low=0.0),
        Key(
            "REGIONS",
            "locations",
            "regions that are scored: the locations of the map, or CLIP's global token in front "
            "of them",
            choices=REGIONS,
        ),
        Key(
            "TEXT_CHUNK",
            -1,
            "prompts encoded at a time, recomputed in the backward pass; 0: all; -1: all up to "
            "512, then 256",
            low=-1,
            may_change=True,
        ),
    ]


def dense_form_keys() -> list[Key]:
    """Return the key of a ViT's dense map."""
    return [
        Key(
            "DENSE_FORM",
            "value",
            "last block of a ViT: its value path, or with residual and MLP",
            choices=DENSE_FORMS,
        )
    ]


def norm_keys() -> list[Key]:
    """Return the key of the normalisation before a linear classifier."""
    return [
        Key(
            "NORM",
            "standard",
            "of each image's features: zero mean and unit variance over channels, unit length, or "
            "none",
            choices=NORMS,
        )
    ]


def loss_keys(default: str, *, takes_pairs: bool) -> list[Key]:
    """Return the key that chooses the loss; a loss has its options in ``LOSS.<NAME>``.

    Args:
        default: registered name of a loss.
        takes_pairs: True if the logits of the trainer are pairs ``(B, 2, C)``, False if they are
            ``(B, C)``.
    """
    form = "pairs of logits" if takes_pairs else "one logit per class"
    return [
        Key(
            "LOSS",
            default,
            f"registered name of a loss over {form}",
            choices=partial(loss_names, takes_pairs=takes_pairs),
            hint=partial(about_loss, takes_pairs=takes_pairs),
        )
    ]
