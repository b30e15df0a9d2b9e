"""Print the intents of photos by an exported model: python onnx_predict.py model.onnx photo.jpg"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def read_photo(path: str, how: dict) -> np.ndarray:
    """Return float32 RGB from 0 to 1, ``(3, H, W)``."""
    image = Image.open(path)
    if image.mode[0] in "IF":  # 16 or 32 bits, which convert() would clip
        raise SystemExit(f"{path}: save it with 8 bits per channel first")
    image = ImageOps.exif_transpose(image).convert("RGB")
    width, height = size = how["width"], how["height"]
    if how["resize"] == "cover":  # the shorter side gets the larger of both
        size = [max(size) * length // min(image.size) for length in image.size]
    image = image.resize(size, Image.Resampling[how["interpolation"].upper()])
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    image = image.crop((left, top, left + width, top + height))
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255


if __name__ == "__main__":
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    info = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}
    thresholds = info["thresholds"] or [1.0] * len(info["classes"])
    for path in sys.argv[2:]:
        image = read_photo(path, info["preparation"])
        scores = session.run(["probabilities"], {"images": image[None]})[0][0]
        print(path)
        for c in np.argsort(-scores, kind="stable")[:5]:
            mark = "*" if float(scores[c]) > thresholds[c] else " "
            print(f"  {scores[c]:.4f} {mark} {info['names'][c]}")
