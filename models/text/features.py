"""Text features as a component: prompts that learn, free vectors, or fixed templates.

Letters: C classes, E of the joint space.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import UserError
from models.precision import full_precision
from models.text.encoder import TextEncoder
from models.text.prompts import PromptLearner


class TextFeatures(NamedTuple):
    """Features of the positive and of the negative texts, each ``(C, E)``."""

    positive: Tensor
    negative: Tensor


class TextComponent(nn.Module):
    """Base of all text components: ``component()`` gives the :class:`TextFeatures`.

    A subclass implements :meth:`encode`. Outside :meth:`shared` every call encodes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shared: TextFeatures | None = None
        self._classes: Tensor | None = None

    def forward(self) -> TextFeatures:
        """Return the text features of all classes, or inside :meth:`only` of some."""
        if self._shared is not None:
            return self._shared
        return self._encode()

    def encode(self) -> TextFeatures:
        """Compute the text features of all classes."""
        raise NotImplementedError

    def encode_some(self, classes: Tensor) -> TextFeatures:
        """Compute the text features of the classes ``(c,)``; a subclass may spare the others."""
        return TextFeatures(*(plane[classes] for plane in self.encode()))

    @contextmanager
    def only(self, classes: Tensor) -> Iterator[None]:
        """Give the features of the classes ``(c,)`` alone inside the context, ``(c, E)`` each.

        Args:
            classes: indices in rising order, int64, on the device of the component.
        """
        assert self._shared is None and self._classes is None
        self._classes = classes
        try:
            yield
        finally:
            self._classes = None

    def _encode(self) -> TextFeatures:
        if self._classes is None:
            return self.encode()
        return self.encode_some(self._classes)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Encode the texts once for all calls inside the context.

        With gradients enabled, the gradients of all backward passes inside are summed, in float32
        at least, and sent on to the parameters once, at the end of the context. Parameters must not
        change inside. A context inside another one does nothing.
        """
        if self._shared is not None:
            yield
            return
        encoded = self._encode()
        held = TextFeatures(*(_detached(plane) for plane in encoded))
        self._shared = held
        try:
            yield
        finally:
            self._shared = None
        _send_on(encoded, held)


class PromptedText(TextComponent):
    """Prompts that learn, read by CLIP's frozen text encoder.

    Args:
        clip: a CLIP; its text encoder is frozen.
        class_texts: one text per class.
        text_chunk_size: prompts encoded at a time; see :meth:`TextEncoder.forward`.
        prompt_settings: keyword arguments of :class:`models.text.prompts.PromptLearner`.
    """

    def __init__(
        self,
        clip: open_clip.CLIP,
        class_texts: Sequence[str],
        *,
        text_chunk_size: int = -1,
        **prompt_settings: object,
    ) -> None:
        super().__init__()
        self.text_chunk_size = text_chunk_size
        self.prompts = PromptLearner(clip, class_texts, **prompt_settings)
        self.encoder = TextEncoder(clip)

    def encode(self) -> TextFeatures:
        """Encode the positive and the negative prompts of all classes."""
        features = self.encoder(self.prompts(), self.text_chunk_size)  # (2C, E)
        return TextFeatures(*features.chunk(2))

    def encode_some(self, classes: Tensor) -> TextFeatures:
        """Encode the positive and the negative prompts of the classes ``(c,)`` alone."""
        prompts = self.prompts()
        rows = torch.cat([classes, classes + self.prompts.num_classes])
        features = self.encoder(prompts.select(rows), self.text_chunk_size)  # (2c, E)
        return TextFeatures(*features.chunk(2))

    def compile_parts(self, parts: Sequence[str], backend: str = "inductor") -> set[str]:
        """Compile ``text``; return the names of the compiled parts."""
        return self.encoder.compile_parts(parts, backend)


class FreeText(TextComponent):
    """Vectors that learn, without prompts and text encoder.

    Args:
        start: text features; the vectors start in their directions, with length 1.
    """

    def __init__(self, start: TextFeatures) -> None:
        super().__init__()
        self.positive = nn.Parameter(F.normalize(start.positive.detach(), dim=-1).clone())
        self.negative = nn.Parameter(F.normalize(start.negative.detach(), dim=-1).clone())

    def encode(self) -> TextFeatures:
        """Return the vectors."""
        return TextFeatures(self.positive, self.negative)


class TemplateText(TextComponent):
    """Fixed unit features of class texts in templates; both planes are the same.

    The feature of a class is the mean over templates of unit features, normalised again (Radford et
    al. 2021, section 3.1.4).

    Args:
        clip: a CLIP; it is read once and not kept.
        class_texts: one text per class.
        templates: texts with ``{}`` for the class.

    Raises:
        UserError: there is no template, one has no ``{}``, or a text is too long for CLIP.
    """

    def __init__(
        self, clip: open_clip.CLIP, class_texts: Sequence[str], templates: Sequence[str]
    ) -> None:
        super().__init__()
        self.register_buffer("features", _template_features(clip, class_texts, templates))  # (C, E)

    def encode(self) -> TextFeatures:
        """Return the features, as positive and as negative ones."""
        return TextFeatures(self.features, self.features)


def _detached(plane: Tensor) -> Tensor:
    """Return a leaf in float32 at least, which collects a gradient where ``plane`` takes one."""
    leaf = full_precision(plane)[0].detach()
    return leaf.requires_grad_(plane.requires_grad and torch.is_grad_enabled())


def _send_on(encoded: TextFeatures, held: TextFeatures) -> None:
    """Back-propagate the gradients that ``held`` collected through ``encoded``."""
    planes, gradients = [], []
    for plane, leaf in zip(encoded, held, strict=True):
        if leaf.grad is not None:
            planes.append(plane)
            gradients.append(leaf.grad.to(plane.dtype))
    if planes:  # in one call, because both planes have one graph
        torch.autograd.backward(planes, gradients)


@torch.no_grad()
def _template_features(
    clip: open_clip.CLIP, class_texts: Sequence[str], templates: Sequence[str]
) -> Tensor:
    """Return unit text features ``(C, E)``."""
    lacking = [template for template in templates if "{}" not in template]
    if lacking or not templates:
        raise UserError(
            f"templates are {list(templates)}; expected one or more texts, each with {{}} for the "
            "class"
        )
    total = torch.zeros(())
    for template in templates:
        texts = [template.replace("{}", text.rstrip(". ")) for text in class_texts]
        total = total + F.normalize(clip.encode_text(_tokens(clip, texts)), dim=-1)  # (C, E)
    return F.normalize(total, dim=-1)


def _tokens(clip: open_clip.CLIP, texts: Sequence[str]) -> Tensor:
    """Return token ids ``(C, L)``; a text longer than L tokens is an error."""
    limit = clip.positional_embedding.shape[0]
    tokens = open_clip.tokenize(list(texts), context_length=limit + 1)  # (C, L + 1)
    for text, row in zip(texts, tokens, strict=True):
        if row[limit]:
            raise UserError(
                f"the text '{text}' has more than the {limit} tokens that fit; shorten it"
            )
    if int(tokens.max()) >= clip.token_embedding.num_embeddings:
        raise UserError(
            f"the backbone has {clip.token_embedding.num_embeddings} tokens, fewer than CLIP's "
            "tokenizer"
        )
    return tokens[:, :limit]
