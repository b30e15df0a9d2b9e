"""Losses as pure functions: for several labels per image, and for one. B: batch, C: classes.

For an entry with target y, probability p+ of the class and p- of its absence the asymmetric loss is

    - (1 - p_t) ** gamma * (y log(p+) + (1 - y) log(p-)),    p- = min(p- + clip, 1)

with p_t = p+ and gamma = gamma_pos for y = 1, p_t = p- and gamma = gamma_neg for y = 0. The factor
(1 - p_t) ** gamma is a constant for the gradient. Binary cross-entropy is the case
gamma_pos = gamma_neg = clip = 0. For one class per image there is the cross-entropy over the
classes (softmax).

All functions return the *sum* over known entries, not a mean. They compute in float32 (float64 for
logits in float64), also under autocast.

Sources: Ben-Baruch et al., "Asymmetric Loss For Multi-Label Classification", ICCV 2021, section 2;
the form on pairs of logits: DualCoOp (Sun et al., NeurIPS 2022), IntCLIP (Yang et al., ECCV 2024).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.labels import NEGATIVE, POSITIVE, UNKNOWN


def asymmetric_pair_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_neg: float = 2.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
    eps: float = 1e-6,
) -> Tensor:
    """Return the asymmetric loss on pairs of logits, a scalar.

    Args:
        logits: ``(B, 2, C)``, plane 0 negative, plane 1 positive; p- and p+ are the softmax over
            the pair.
        target: ``(B, C)``: 0 or 1, a value between them for soft labels, -1 for unknown.
        gamma_neg: focusing exponent of negative entries.
        gamma_pos: focusing exponent of positive entries.
        clip: probability margin that is added to p-, so that easy negatives cost nothing.
        eps: lower bound of a probability inside the logarithm.

    Raises:
        ValueError: the shapes do not fit.
    """
    expected = (*target.shape[:1], 2, *target.shape[1:])
    if logits.dim() != 3 or tuple(logits.shape) != expected:
        raise ValueError(_shapes("(B, 2, C)", logits, target))
    with torch.autocast(device_type=logits.device.type, enabled=False):
        known = target != UNKNOWN  # (B, C)
        # A logit of an unknown entry may be NaN. Zero times NaN is NaN, so it is replaced first.
        safe = torch.where(known.unsqueeze(1), _at_least_float32(logits), 0.0)  # (B, 2, C)
        prob = safe.softmax(dim=1)  # (B, 2, C)
        return _asymmetric_sum(
            prob[:, POSITIVE],
            prob[:, NEGATIVE],
            target,
            gamma_neg=gamma_neg,
            gamma_pos=gamma_pos,
            clip=clip,
            eps=eps,
        )


def asymmetric_sigmoid_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
    eps: float = 1e-8,
) -> Tensor:
    """Return the asymmetric loss in its published form, on single logits; a scalar.

    Args:
        logits: ``(B, C)``; p+ is the sigmoid, p- is 1 - p+.
        target: ``(B, C)``: 0 or 1, a value between them for soft labels, -1 for unknown.
        gamma_neg: focusing exponent of negative entries.
        gamma_pos: focusing exponent of positive entries.
        clip: probability margin that is added to p-.
        eps: lower bound of a probability inside the logarithm.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check_single(logits, target)
    with torch.autocast(device_type=logits.device.type, enabled=False):
        safe = torch.where(target != UNKNOWN, _at_least_float32(logits), 0.0)  # (B, C)
        # sigmoid(-x) equals 1 - sigmoid(x), without its loss of digits for large x.
        return _asymmetric_sum(
            safe.sigmoid(),
            (-safe).sigmoid(),
            target,
            gamma_neg=gamma_neg,
            gamma_pos=gamma_pos,
            clip=clip,
            eps=eps,
        )


def binary_pair_loss(logits: Tensor, target: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Return binary cross-entropy on pairs of logits, a scalar.

    Args:
        logits: ``(B, 2, C)``, plane 0 negative, plane 1 positive.
        target: ``(B, C)``: 0 or 1, a value between them for soft labels, -1 for unknown.
        eps: lower bound of a probability inside the logarithm.

    Raises:
        ValueError: the shapes do not fit.
    """
    return asymmetric_pair_loss(logits, target, gamma_neg=0.0, gamma_pos=0.0, clip=0.0, eps=eps)


def binary_sigmoid_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return binary cross-entropy on single logits, a scalar.

    It is computed from the logits, not from probabilities, so it needs no ``eps``.

    Args:
        logits: ``(B, C)``; p+ is the sigmoid.
        target: ``(B, C)``: 0 or 1, a value between them for soft labels, -1 for unknown.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check_single(logits, target)
    with torch.autocast(device_type=logits.device.type, enabled=False):
        known = target != UNKNOWN  # (B, C)
        safe = torch.where(known, _at_least_float32(logits), 0.0)
        y = torch.where(known, target, 0).to(safe.dtype)
        entries = F.binary_cross_entropy_with_logits(safe, y, reduction="none")  # (B, C)
        return torch.where(known, entries, 0.0).sum()


def softmax_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return cross-entropy over the classes, summed over the images, a scalar.

    Args:
        logits: ``(B, C)``; the probabilities are their softmax over the known classes.
        target: ``(B, C)``: one class with 1, or a distribution; -1 for unknown. Each row is divided
            by its sum; a row without a positive class adds nothing.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check_single(logits, target)
    with torch.autocast(device_type=logits.device.type, enabled=False):
        known = target != UNKNOWN  # (B, C)
        logits = _at_least_float32(logits)
        # Not -inf: a row without a known class would give NaN, and NaN times zero is NaN.
        safe = torch.where(known, logits, torch.finfo(logits.dtype).min)
        y = torch.where(known, target, 0).to(safe.dtype)
        y = y / y.sum(dim=1, keepdim=True).clamp(min=torch.finfo(y.dtype).tiny)
        log_prob = torch.where(known, safe.log_softmax(dim=1), 0.0)  # (B, C)
        return -(y * log_prob).sum()


def softmax_pair_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return :func:`softmax_loss` on the difference of the planes of ``logits``.

    Args:
        logits: ``(B, 2, C)``, plane 0 negative, plane 1 positive.
        target: ``(B, C)``, see :func:`softmax_loss`.

    Raises:
        ValueError: the shapes do not fit.
    """
    expected = (*target.shape[:1], 2, *target.shape[1:])
    if logits.dim() != 3 or tuple(logits.shape) != expected:
        raise ValueError(_shapes("(B, 2, C)", logits, target))
    return softmax_loss(logits[:, POSITIVE] - logits[:, NEGATIVE], target)


def class_probabilities(logits: Tensor) -> Tensor:
    """Return the softmax of ``(B, C)`` over the classes, in float32 at least."""
    return _at_least_float32(logits).softmax(dim=1)


def _asymmetric_sum(
    pos_prob: Tensor,
    neg_prob: Tensor,
    target: Tensor,
    *,
    gamma_neg: float,
    gamma_pos: float,
    clip: float,
    eps: float,
) -> Tensor:
    """Return the asymmetric loss from p+, p- and the target, ``(B, C)`` each."""
    known = target != UNKNOWN
    y = torch.where(known, target, 0).to(pos_prob.dtype)
    neg_prob = (neg_prob + clip).clamp(max=1.0)
    log_prob = y * pos_prob.clamp(min=eps).log() + (1 - y) * neg_prob.clamp(min=eps).log()
    # Detached: the weight selects hard entries, it must not be lowered itself.
    weight = _focusing_weight(pos_prob.detach(), neg_prob.detach(), y, gamma_neg, gamma_pos)
    return -torch.where(known, log_prob * weight, 0.0).sum()


def _focusing_weight(
    pos_prob: Tensor, neg_prob: Tensor, y: Tensor, gamma_neg: float, gamma_pos: float
) -> Tensor:
    """Return ``(1 - p_t) ** gamma``, ``(B, C)``; a soft label interpolates p_t and gamma."""
    true_prob = y * pos_prob + (1 - y) * neg_prob
    gamma = gamma_pos * y + gamma_neg * (1 - y)
    # Rounding can leave p_t a little above 1, and a negative base has no real power.
    return (1 - true_prob).clamp(min=0.0) ** gamma


def _at_least_float32(logits: Tensor) -> Tensor:
    if logits.dtype == torch.float64:
        return logits
    return logits.float()


def _check_single(logits: Tensor, target: Tensor) -> None:
    if logits.dim() != 2 or logits.shape != target.shape:
        raise ValueError(_shapes("(B, C)", logits, target))


def _shapes(expected: str, logits: Tensor, target: Tensor) -> str:
    got = f"{tuple(logits.shape)} and {tuple(target.shape)}"
    return f"logits must be {expected} and target (B, C); got {got}"
