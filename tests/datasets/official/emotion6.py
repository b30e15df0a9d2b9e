"""Emotion6: one folder per emotion and a table of distributions over seven classes.

Planted: the same file names in all folders, columns of valence and arousal in front, images whose
most probable class is another than their folder (also neutral), sums that miss 1 by rounding, and
CRLF at the line ends.
"""

from pathlib import Path

from tests.datasets.official.expected import Expected, largest
from tests.datasets.official.files import draw, write_clutter, write_text

CLASSES = ["anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"]
# Image -> valence, arousal, and the probabilities of the seven classes.
ROWS = {
    "disgust/1.jpg": (2.5, 3.8, 0.133333, 0.7, 0, 0.0666667, 0.1, 0, 0),
    "anger/1.jpg": (3.1, 5.2, 0.566667, 0.1, 0.0333333, 0, 0.233333, 0.0333333, 0.0333333),
    "anger/2.jpg": (4.9, 3.3, 0.2, 0.0666667, 0.1, 0, 0.1, 0.0333333, 0.5),
    "fear/1.jpg": (2.2, 6.1, 0, 0, 1, 0, 0, 0, 0),
    "fear/10.jpg": (3.3, 4.4, 0.0666667, 0.0333333, 0.4, 0, 0.333333, 0.133333, 0.0333333),
    "joy/1.jpg": (7.5, 4.5, 0, 0, 0, 0.833333, 0, 0.1, 0.0666667),
    "joy/2.jpg": (7.1, 3.0, 0, 0, 0, 0.3, 0, 0.0666667, 0.633333),
    "sadness/1.jpg": (2.9, 3.4, 0.0333333, 0, 0.1, 0, 0.8, 0, 0.0666667),
    "surprise/1.jpg": (5.6, 5.0, 0, 0, 0.333333, 0.0666667, 0, 0.6, 0),
    "surprise/2.jpg": (4.4, 4.8, 0, 0, 0.466667, 0, 0.133333, 0.3, 0.1),
}
HEADER = ["[image_filename]", "[valence]", "[arousal]", *(f"[prob. {name}]" for name in CLASSES)]


def write_emotion6(root: Path, *, seed: int = 0) -> Expected:
    """Write ``images/<emotion>/<n>.jpg`` and ``ground_truth.txt`` below ``root``."""
    lines = ["\t".join(HEADER)]
    by_folder, by_share = {}, {}
    shares, six = {}, {}
    for image, row in ROWS.items():
        lines.append("\t".join([image, *map(str, row)]))
        name = f"images/{image}"
        draw(root / name, seed=seed)
        shares[name] = dict(zip(CLASSES, map(float, row[2:]), strict=True))
        without = {key: shares[name][key] for key in CLASSES[:6]}
        six[name] = largest(without)
        by_folder[name] = {image.split("/")[0]}
        by_share[name] = largest(shares[name])
    write_text(root / "ground_truth.txt", lines, newline="\r\n")
    write_text(root / "README.txt", ["Emotion6"])
    write_clutter(root / "images" / "joy")
    return Expected(
        classnames=list(CLASSES),
        splits={"all": by_share},
        shares=shares,
        variants={"folder": {"all": by_folder}, "six_classes": {"all": six}},
        notes=(
            "No official split.",
            "The label may be the distribution, its largest class or the folder; the six classes "
            "without neutral may be scaled to the sum 1 again.",
            "Sums of the probabilities differ from 1 by up to 1e-5.",
        ),
    )
