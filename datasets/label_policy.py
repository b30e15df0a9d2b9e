"""Targets of several classes from the marks of several annotators."""

from collections.abc import Callable

import numpy as np

from core.config import Key, declare

# Name in DATASET.LABEL_POLICY -> targets (N, C) from the shares of annotators (N, C).
LABEL_POLICIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "any": lambda shares: shares > 0,
    "majority": lambda shares: shares > 0.5,
    "soft": lambda shares: shares,
}

declare(
    "DATASET",
    Key(
        "LABEL_POLICY",
        "any",
        "train labels from several annotators: marked by any, by more than half (majority), or "
        "their share (soft)",
        choices=tuple(LABEL_POLICIES),
    ),
)


def apply_policy(shares: np.ndarray, policy: str) -> np.ndarray:
    """Turn shares of annotators into targets.

    Args:
        shares: (N, C) from 0 to 1.
        policy: one of :data:`LABEL_POLICIES`.

    Returns:
        float32 (N, C).
    """
    return LABEL_POLICIES[policy](shares).astype(np.float32)


def held_out_policy(policy: str) -> str:
    """Return the policy of val and test: their targets are 0 or 1 under every policy."""
    return "any" if policy == "soft" else policy
