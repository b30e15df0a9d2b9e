"""Artphoto: one folder; the emotion is the start of the file name.

Planted: the prefix ``sad`` of sadness, a suffix in upper case, and files that are no images.
"""

from pathlib import Path

from tests.datasets.official.expected import Expected
from tests.datasets.official.files import draw, write_clutter

CLASSES = ["amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"]
FILES = [
    "amusement_0001.jpg", "amusement_0523.jpg", "anger_0002.jpg", "awe_0010.jpg", "awe_0011.jpg",
    "contentment_0004.JPG", "disgust_0006.jpg", "excitement_0007.jpg", "fear_0008.jpg",
    "sad_0009.jpg", "sad_0010.jpg", "anger_0805.jpg",
]  # fmt: skip


def write_artphoto(root: Path, *, seed: int = 0) -> Expected:
    """Write ``testImages_artphoto/<emotion>_<n>.jpg`` below ``root``."""
    labels = {}
    for file in FILES:
        prefix = file.split("_")[0]
        name = f"testImages_artphoto/{file}"
        draw(root / name, seed=seed)
        labels[name] = {"sadness" if prefix == "sad" else prefix}
    write_clutter(root / "testImages_artphoto")
    return Expected(classnames=list(CLASSES), splits={"all": labels}, notes=("No official split.",))
