"""Class texts: how a label of the hierarchy is put to CLIP's text encoder."""

from collections.abc import Sequence

from core.errors import UserError, not_accepted

STRATEGIES = ("name", "path", "sentence")


def class_texts(
    strategy: str,
    *,
    names: Sequence[str],
    paths: Sequence[Sequence[str]] = (),
    sentences: Sequence[str] = (),
) -> list[str]:
    """Return one text per class: its ``name``, its ``path`` (most general first) or its ``sentence``.

    Underscores become spaces. ``paths`` holds each class's chain, leaf included, e.g. ``("security and belonging",
    "stability", "attractive")``, which gives "security and belonging, stability, attractive".
    """
    if strategy not in STRATEGIES:
        raise UserError(not_accepted("class text strategy", strategy, STRATEGIES))
    chains = [path if isinstance(path, str) else ", ".join(path) for path in paths]
    texts = {"name": list(names), "path": chains, "sentence": list(sentences)}[strategy]
    if len(texts) != len(names):
        raise UserError(
            f"class text strategy '{strategy}' needs one {strategy} for each of the {len(names)} classes, but the "
            f"hierarchy has {len(texts)}"
        )
    texts = [" ".join(text.replace("_", " ").split()) for text in texts]
    empty = [name for name, text in zip(names, texts, strict=True) if not text]
    if empty:
        raise UserError(
            f"class text strategy '{strategy}' gives an empty text for: {', '.join(empty[:5])}"
        )
    return texts
