"""Class texts that do not fit into the text encoder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

CONTEXT_LENGTH = 77  # positions of CLIP's text encoder


@dataclass(frozen=True)
class LongText:
    """A text that is too long.

    Attributes:
        classname: key of the class.
        num_tokens: tokens of the whole prompt.
        text: the class text.
        cut: the words that do not fit.
    """

    classname: str
    num_tokens: int
    text: str
    cut: str


@dataclass(frozen=True)
class TextCheck:
    """Lengths of the class texts.

    Attributes:
        around: tokens of a prompt beside the class text: start, end, context or template.
        longest: form of the text (name, path, sentence) -> tokens of its longest prompt.
        too_long: form of the text -> the texts that do not fit.
    """

    around: int
    longest: Mapping[str, int]
    too_long: Mapping[str, Sequence[LongText]]


def check_texts(
    texts: Mapping[str, Sequence[str]],
    classnames: Sequence[str],
    *,
    encode: Callable[[str], list[int]],
    decode: Callable[[list[int]], str],
    around: int,
) -> TextCheck:
    """Return which class texts do not fit, with the words that are beyond the end.

    Args:
        texts: form -> C texts.
        classnames: C keys.
        encode: returns the tokens of a text, without start and end.
        decode: returns the text of tokens.
        around: tokens of the prompt beside the class text.
    """
    longest, too_long = {}, {}
    room = max(CONTEXT_LENGTH - around, 0)
    for form, lines in texts.items():
        lengths, long_texts = [], []
        for classname, text in zip(classnames, lines, strict=True):
            tokens = encode(text)
            lengths.append(around + len(tokens))
            if len(tokens) > room:
                cut = decode(tokens[room:]).strip()
                long_texts.append(LongText(classname, lengths[-1], text, cut))
        longest[form] = max(lengths)
        too_long[form] = long_texts
    return TextCheck(around, longest, too_long)
