"""Class texts: the words that stand for a class in CLIP's text encoder."""

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
    """Return one text per class: its ``name``, its ``path`` or its ``sentence``.

    Underscores become spaces.

    Args:
        strategy: ``name``, ``path`` or ``sentence``.
        names: names of the classes.
        paths: each class's chain of the hierarchy, most general first and leaf included, e.g.
            ``("security and belonging", "stability", "attractive")``, which gives the text
            "security and belonging, stability, attractive".
        sentences: one sentence per class.

    Raises:
        UserError: the strategy is unknown, or a text is missing or empty.
    """
    if strategy not in STRATEGIES:
        raise UserError(not_accepted("class text strategy", strategy, STRATEGIES))
    chains = [path if isinstance(path, str) else ", ".join(path) for path in paths]
    texts = {"name": list(names), "path": chains, "sentence": list(sentences)}[strategy]
    if len(texts) != len(names):
        raise UserError(
            f"class text strategy '{strategy}' needs one {strategy} for each of the {len(names)} "
            f"classes, but the hierarchy has {len(texts)}"
        )
    texts = [" ".join(text.replace("_", " ").split()) for text in texts]
    empty = [name for name, text in zip(names, texts, strict=True) if not text]
    if empty:
        raise UserError(
            f"class text strategy '{strategy}' gives an empty text for: {', '.join(empty[:5])}"
        )
    return texts
