"""Download OpenAI's weights of CLIP with open_clip's client, without its many warnings."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import open_clip

from core.errors import UserError
from models.clip.weights import FORMATS

PATIENCE = 5.0  # seconds until a line says what the user waits for


def download_openai(name: str, key: str) -> open_clip.CLIP:
    """Return OpenAI's CLIP in float32; its file is in open_clip's cache after the first download.

    Args:
        name: of the backbone, for messages.
        key: open_clip's name of it.

    Raises:
        UserError: the file is neither in the cache nor can it be downloaded.
    """
    waits = f"waiting for the weights of {name}: open_clip downloads them, or tries to ..."
    try:
        with _note(waits), _no_log():
            return open_clip.create_model(
                key, pretrained="openai", precision="fp32", force_quick_gelu=True
            )
    except Exception as error:  # network and cache raise errors of many kinds
        raise UserError(
            f"The weights of MODEL.BACKBONE.NAME '{name}' could not be downloaded "
            f"({type(error).__name__}); fetch the file elsewhere and give it as "
            f"MODEL.BACKBONE.PATH FILE, to predict.py as --set MODEL.BACKBONE.PATH FILE: {FORMATS}"
        ) from error


@contextmanager
def _note(text: str) -> Iterator[None]:
    """Print a line if the block takes long, as without a connection, where clients try again."""
    timer = threading.Timer(PATIENCE, print, [text], {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _no_log() -> Iterator[None]:
    """Log nothing in the block: the clients repeat for each try what one error says at the end."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
