"""Images of a data set in a page."""

import io

from PIL import ImageOps

from core.errors import UserError
from datasets.images import load_rgb, open_image

from .page import data_uri

PICTURE_SIZE = 256
JPEG_QUALITY = 78


def thumbnail(path: str, *, size: int = PICTURE_SIZE) -> str:
    """Return a JPEG of an image file, at most ``size`` pixels wide and high, as a data URI.

    It is empty where there is no file or no picture in it: a report does not fail for an image.
    """
    if not path:
        return ""
    try:
        with open_image(path) as image:
            image.draft("RGB", (size, size))
            small = ImageOps.exif_transpose(load_rgb(image))
    except (UserError, OSError, SyntaxError, ValueError):
        # The last three come from damaged EXIF data.
        return ""
    small.thumbnail((size, size))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=JPEG_QUALITY)
    return data_uri("image/jpeg", content.getvalue())
