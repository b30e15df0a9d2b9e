"""Losses for multi-label classification as pure functions: asymmetric, and plain binary
cross-entropy.

Source: Ben-Baruch et al., "Asymmetric Loss For Multi-Label Classification", ICCV 2021; the form on
    pairs of logits is
that of DualCoOp (Sun et al., NeurIPS 2022) and IntCLIP (Yang et al., ECCV 2024). B: batch, C:
classes.

All functions return the negated *sum* over known entries (not a mean), and never compute below
float32.
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
        logits: ``(B, 2, C)``, plane 0 negative, plane 1 positive; the probability is the softmax
            over the pair.
        target: ``(B, C)``, 0 or 1, any value between for soft labels, -1 for unknown.
        gamma_neg: focusing exponent of negative entries.
        gamma_pos: focusing exponent of positive entries.
        clip: probability margin added to p-, so that easy negatives cost nothing.
        eps: lower bound of a probability within the logarithm.
    """
    if (
        logits.dim() != 3
        or logits.shape[1] != 2
        or (logits.shape[0], logits.shape[2]) != tuple(target.shape)
    ):
        raise ValueError(_shapes("(B, 2, C)", logits, target))
    with torch.autocast(device_type=logits.device.type, enabled=False):
        known = target != UNKNOWN  # (B, C)
        prob = torch.where(known.unsqueeze(1), _at_least_float32(logits), 0.0).softmax(
            dim=1
        )  # (B, 2, C)
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
    """Return the published asymmetric loss (p+ = sigmoid, p- = 1 - p+) on ``(B, C)`` logits, a
    scalar.

    The other arguments are those of :func:`asymmetric_pair_loss`.
    """
    _check_single(logits, target)
    with torch.autocast(device_type=logits.device.type, enabled=False):
        safe = torch.where(target != UNKNOWN, _at_least_float32(logits), 0.0)  # (B, C)
        # sigmoid(-x) is 1 - sigmoid(x) without its cancellation
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
    """Return plain binary cross-entropy on ``(B, 2, C)`` pairs: no focusing, no margin; a scalar."""
    return asymmetric_pair_loss(logits, target, gamma_neg=0.0, gamma_pos=0.0, clip=0.0, eps=eps)


def binary_sigmoid_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return plain binary cross-entropy on ``(B, C)`` logits (p+ = sigmoid), a scalar.

    ``target`` is that of :func:`asymmetric_pair_loss`. Computed from the logits, so no probability
    needs a bound.
    """
    _check_single(logits, target)
    with torch.autocast(device_type=logits.device.type, enabled=False):
        known = target != UNKNOWN  # (B, C)
        safe = torch.where(known, _at_least_float32(logits), 0.0)
        y = torch.where(known, target, 0).to(safe.dtype)
        entries = F.binary_cross_entropy_with_logits(safe, y, reduction="none")  # (B, C)
        return torch.where(known, entries, 0.0).sum()


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
    """Return the negated, weighted sum of log-probabilities over known entries; all tensors ``(B,
    C)``.
    """
    known = target != UNKNOWN
    y = torch.where(known, target, 0).to(pos_prob.dtype)
    neg_prob = (neg_prob + clip).clamp(max=1.0)
    log_prob = y * pos_prob.clamp(min=eps).log() + (1 - y) * neg_prob.clamp(min=eps).log()
    weight = _focusing_weight(pos_prob.detach(), neg_prob.detach(), y, gamma_neg, gamma_pos)
    return -torch.where(known, log_prob * weight, 0.0).sum()


def _focusing_weight(
    pos_prob: Tensor, neg_prob: Tensor, y: Tensor, gamma_neg: float, gamma_pos: float
) -> Tensor:
    """Return ``(1 - p_t) ** gamma``; both follow a soft label linearly from the negative to the
    positive form.
    """
    true_prob = y * pos_prob + (1 - y) * neg_prob
    gamma = gamma_pos * y + gamma_neg * (1 - y)
    return (1 - true_prob).clamp(min=0.0) ** gamma  # rounding may leave p_t a little above 1


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def _check_single(logits: Tensor, target: Tensor) -> None:
    if logits.dim() != 2 or logits.shape != target.shape:
        raise ValueError(_shapes("(B, C)", logits, target))


def _shapes(expected: str, logits: Tensor, target: Tensor) -> str:
    return f"logits must be {expected} and target (B, C); got {tuple(logits.shape)} and {tuple(target.shape)}"
