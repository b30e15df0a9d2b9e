"""Check of the first loss of a run: a mistake in a user's own loss or network is one line.

Letters: B images of the batch, C classes.
"""

from typing import Any

from torch import Tensor, nn

from core.errors import UserError


def first_loss(loss: nn.Module, output: Any, label: Tensor) -> Tensor:
    """Return the loss of a batch, after a check of its form.

    Args:
        loss: the loss.
        output: of the network, as a rule logits ``(B, C)`` or ``(B, 2, C)``.
        label: ``(B, C)``.

    Raises:
        UserError: the loss fails on an output of another shape, is no scalar, or has no gradient.
    """
    name = type(loss).__name__
    try:
        value = loss(output, label)
    except UserError:
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        expected = _expected_shapes(loss, label)
        shape = tuple(getattr(output, "shape", ()))
        if shape in expected:
            raise
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the loss {name} fails on the output {shape} of the network; expected for labels "
            f"{tuple(label.shape)}: {' or '.join(map(str, expected))} ({reason})"
        ) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        given = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise UserError(
            f"the loss {name} returned {given}; expected a scalar tensor, the sum or the mean over "
            "the images of the batch"
        )
    if not value.requires_grad:
        raise UserError(
            f"the loss {name} does not depend on the learnable parameters, so nothing would be "
            "learnt; compute it from the logits with operations of torch, and detach nothing"
        )
    return value


def _expected_shapes(loss: nn.Module, label: Tensor) -> list[tuple[int, ...]]:
    """Return the shapes of logits that the loss takes; both where it does not say which."""
    num_images, num_classes = label.shape
    single, pairs = (num_images, num_classes), (num_images, 2, num_classes)
    takes_pairs = getattr(loss, "takes_pairs", None)
    if takes_pairs is None:
        return [single, pairs]
    return [pairs] if takes_pairs else [single]
