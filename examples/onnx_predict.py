"""Print the intents of photos by an exported model, with onnxruntime, Pillow and NumPy alone.

python onnx_predict.py model.onnx photo.jpg
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def read_photo(path: str, how: dict) -> np.ndarray:
    """Return float32 RGB from 0 to 1, ``(3, H, W)``."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    height, width = how["height"], how["width"]
    kind = Image.Resampling[how["interpolation"].upper()]
    if how["resize"] == "squash":
        image = image.resize((width, height), kind)
    else:  # cover: the shorter side gets the larger of both, then the centre is cut out
        side, short = max(height, width), min(image.size)
        image = image.resize([side * length // short for length in image.size], kind)
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        image = image.crop((left, top, left + width, top + height))
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255


def main(model: str, photos: list[str]) -> None:
    """Print the five best intents of each photo; ``*`` marks those above their threshold."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    info = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}
    thresholds = info["thresholds"] or [1.0] * len(info["classes"])
    for path in photos:
        image = read_photo(path, info["preparation"])
        scores = session.run(["probabilities"], {"images": image[None]})[0][0]
        print(path)
        for c in np.argsort(-scores, kind="stable")[:5]:
            mark = "*" if float(scores[c]) > thresholds[c] else " "
            print(f"  {scores[c]:.4f} {mark} {info['names'][c]}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
