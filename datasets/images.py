"""Reading one image file."""

from PIL import Image

from core.errors import UserError


def read_image(path: str) -> Image.Image:
    """Decode an image fully and return it as RGB (palette, grey and CMYK are converted; EXIF rotation is left alone).

    Raises:
        UserError: naming the file when it is missing, truncated or no image.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).replace(repr(path), "the file").split())
        raise UserError(f"cannot read image {path}: {reason}; fetch or export the file again") from None
