"""Write explanations while predictions come: a picture per image, their numbers, the prompts."""

import hashlib
import json
import os
from pathlib import Path
from typing import IO, Any

from core.distributed import is_main
from core.errors import UserError
from core.files import write_text
from inference.draw_maps import WIDTH, draw_explanation
from inference.explanation import check_maps
from inference.files import MAPS_FILE
from inference.predictor import IntentPredictor
from inference.results import Prediction
from inference.words import PromptWords, describe_words

PROMPTS_FILE = "prompts.txt"
LONGEST = 48  # signs of an image's name in the name of its picture
NUM_DIGITS = 10  # of the digest after it
WORDS = 3  # per vector

PROMPTS_HEAD = """\
Nearest tokens of CLIP's vocabulary to each learnt vector, with the Euclidean distance.
The vectors lie between words; do not read the words as a sentence (docs/explain.md).
A hyphen marks a part of a longer word.

"""


class ExplanationFolder:
    """A folder of explained images; use it in a ``with`` block.

    It has a picture per image, ``explanations.jsonl`` with the numbers of one image per line, and,
    where prompts learn, ``prompts.txt`` with their nearest words for all classes. Of several
    processes, each draws pictures, and the main one writes the two other files.

    Args:
        folder: it is created.
        predictor: of a trainer with maps.
        top: intents per image.
        width: of the pictures, in pixels.

    Raises:
        UserError: the trainer has no maps; when it is entered, the folder cannot be made.
    """

    def __init__(
        self, folder: str | Path, predictor: IntentPredictor, *, top: int = 3, width: int = WIDTH
    ) -> None:
        check_maps(predictor.trainer)
        self.folder = Path(folder)
        self.predictor = predictor
        self.top = top
        self.width = width
        self._words: dict[str, PromptWords] = {}
        self._numbers: IO[str] | None = None

    def __enter__(self) -> "ExplanationFolder":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--explain {self.folder} cannot be made: {error.strerror}") from None
        if is_main():
            if self.predictor.prompts.has_prompts:
                self._write_prompts()
            self._numbers = (self.folder / MAPS_FILE).open("w", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        if self._numbers is not None:
            self._numbers.close()

    def draw(self, prediction: Prediction) -> dict[str, Any]:
        """Draw the image of a prediction; return its numbers for :meth:`write`.

        Raises:
            UserError: the image cannot be read any more.
        """
        explanation = self.predictor.explain(prediction.image, top=self.top, prediction=prediction)
        path = self.folder / picture_name(prediction.image)
        draw_explanation(explanation, path, width=self.width)
        return {"picture": path.name, **explanation.as_dict()}

    def write(self, numbers: dict[str, Any]) -> None:
        """Write the numbers of an image as a line; only on the main process."""
        for intent in numbers["intents"]:
            words = self._words.get(intent["class"])
            if words is not None:
                intent["prompts"] = {"positive": words.positive, "negative": words.negative}
        self._numbers.write(json.dumps(numbers, ensure_ascii=True) + "\n")
        self._numbers.flush()

    def _write_prompts(self) -> None:
        classes = self.predictor.classes
        blocks = []
        for key, name in zip(classes.classnames, classes.hierarchy.names, strict=True):
            self._words[key] = self.predictor.prompt_words(key, k=WORDS)
            blocks.append(describe_words(self._words[key], name))
        write_text(self.folder / PROMPTS_FILE, PROMPTS_HEAD + "\n\n".join(blocks) + "\n")


def picture_name(image: str) -> str:
    """Return a safe name for the picture of an image file; other paths give other names.

    Letters, digits and some signs of the file's name stay; a digest of the whole path follows.
    """
    stem = os.path.splitext(os.path.basename(image))[0]
    safe = "".join(sign if _is_safe(sign) else "_" for sign in stem)[:LONGEST]
    digest = hashlib.blake2b(os.fsencode(image), digest_size=NUM_DIGITS // 2).hexdigest()
    return f"{safe or 'image'}-{digest}.png"


def _is_safe(sign: str) -> bool:
    return sign.isascii() and (sign.isalnum() or sign in "-_")
