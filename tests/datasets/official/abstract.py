"""Abstract: one folder of paintings and a table of votes for eight emotions.

Planted: quotes around names and headers, ``Content`` and ``Sad`` for contentment and sadness, and
ties of two and of three emotions.
"""

from pathlib import Path

from tests.datasets.official.expected import Expected, largest, share_of_votes
from tests.datasets.official.files import draw, write_clutter, write_text

CLASSES = ["amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"]
COLUMNS = ["Amusement", "Anger", "Awe", "Content", "Disgust", "Excitement", "Fear", "Sad"]
ROWS = {
    "abstract_0001.jpg": (1, 0, 2, 7, 0, 3, 0, 1),
    "abstract_0002.jpg": (0, 1, 0, 1, 0, 0, 3, 9),
    "abstract_0005.jpg": (4, 0, 1, 4, 0, 2, 0, 0),
    "abstract_0010.jpg": (10, 0, 0, 0, 0, 3, 0, 1),
    "abstract_0011.jpg": (0, 6, 0, 0, 2, 1, 4, 1),
    "abstract_0012.jpg": (0, 1, 0, 1, 8, 0, 3, 1),
    "abstract_0100.jpg": (0, 3, 0, 0, 3, 0, 3, 2),
    "abstract_0101.jpg": (2, 0, 5, 4, 0, 0, 1, 0),
    "abstract_0102.jpg": (3, 1, 2, 0, 0, 8, 0, 0),
    "abstract_0279.jpg": (0, 2, 1, 0, 1, 0, 7, 5),
}


def write_abstract(root: Path, *, seed: int = 0, header: bool = True) -> Expected:
    """Write ``testImages_abstract/`` with the paintings and the table below ``root``."""
    folder = root / "testImages_abstract"
    lines = []
    if header:
        lines.append(",".join(["''", *(f"'{column}'" for column in COLUMNS)]))
    labels, shares, tied = {}, {}, {}
    for file, row in ROWS.items():
        lines.append(f"'{file}',{','.join(map(str, row))}")
        draw(folder / file, seed=seed)
        name = f"testImages_abstract/{file}"
        shares[name] = share_of_votes(dict(zip(CLASSES, row, strict=True)))
        winners = largest(shares[name])
        if len(winners) == 1:
            labels[name] = winners
        tied[name] = winners
    write_text(folder / "ABSTRACT_groundTruth.csv", lines)
    write_clutter(folder)
    return Expected(
        classnames=list(CLASSES),
        splits={"all": labels},
        shares=shares,
        variants={"with_ties": {"all": tied}},
        notes=(
            "No official split.",
            "Images with a tie are dropped; the variant with_ties has all their classes.",
            "The table lies beside the images, as in the release; copies have it above them.",
        ),
    )
