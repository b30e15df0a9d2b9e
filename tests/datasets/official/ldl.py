"""Flickr_LDL and Twitter_LDL: counts of votes for eight emotions, the positive ones first.

Planted: columns that are not alphabetical, different numbers of workers, a tie, names with several
dots, and a suffix other than .jpg.
"""

from pathlib import Path

from tests.datasets.official.expected import Expected, largest, share_of_votes
from tests.datasets.official.files import draw, write_clutter, write_text

CLASSES = ["amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness"]
HEADER = "images-name Amusement Awe Contentment Excitement Anger Disgust Fear Sadness"
FLICKR = {
    "10047.jpg": (5, 0, 3, 3, 0, 0, 0, 0),
    "10052.jpg": (0, 7, 2, 1, 0, 0, 1, 0),
    "11.jpg": (0, 0, 0, 0, 4, 2, 3, 2),
    "1.2.jpg": (0, 0, 1, 0, 0, 0, 0, 10),
    "20001.jpg": (0, 0, 0, 0, 5, 5, 1, 0),
    "20002.jpg": (0, 0, 0, 11, 0, 0, 0, 0),
    "20003.jpg": (1, 1, 6, 1, 0, 0, 0, 2),
    "20004.jpg": (0, 1, 0, 0, 1, 2, 7, 0),
    "20005.png": (1, 0, 1, 0, 0, 8, 0, 1),
    "20006.jpg": (8, 1, 1, 1, 0, 0, 0, 0),
}
TWITTER = {
    "1.jpg": (1, 0, 6, 1, 0, 0, 0, 0),
    "2.jpg": (0, 0, 0, 0, 0, 3, 5, 0),
    "10.jpg": (0, 0, 0, 1, 7, 0, 0, 0),
    "11.jpg": (3, 1, 2, 2, 0, 0, 0, 0),
    "100.jpg": (0, 0, 0, 0, 0, 0, 0, 8),
    "101.jpg": (0, 5, 2, 1, 0, 0, 0, 0),
}


def write_flickr_ldl(root: Path, *, seed: int = 0, layout: str = "one_table") -> Expected:
    """Write Flickr_LDL (11 workers) below ``root``; see :func:`write_twitter_ldl`."""
    return _write(root, FLICKR, seed, layout)


def write_twitter_ldl(root: Path, *, seed: int = 0, layout: str = "one_table") -> Expected:
    """Write Twitter_LDL (8 workers) below ``root``.

    Args:
        layout: ``one_table``: ground_truth.txt; ``two_tables``: the tables of StyleEDL, one for
            each split, without a header and with the class id in a last column.
    """
    return _write(root, TWITTER, seed, layout)


def _write(root: Path, table: dict[str, tuple], seed: int, layout: str) -> Expected:
    labels, shares = {}, {}
    for file, counts in table.items():
        name = f"images/{file}"
        draw(root / name, seed=seed)
        shares[name] = share_of_votes(dict(zip(CLASSES, counts, strict=True)))
        labels[name] = largest(shares[name])
    write_clutter(root / "images")
    splits = {"all": labels}
    if layout == "one_table":
        lines = [" ".join([file, *map(str, counts)]) for file, counts in table.items()]
        write_text(root / "ground_truth.txt", [HEADER, *lines])
    else:
        splits = _write_two_tables(root, table, labels)
    return Expected(
        classnames=list(CLASSES),
        splits=splits,
        shares=shares,
        notes=(
            "classnames: in the order of the columns; alphabetical is as good.",
            "The label is the distribution; after a tie all largest classes are given here.",
        ),
    )


def _write_two_tables(
    root: Path, table: dict[str, tuple], labels: dict[str, set[str]]
) -> dict[str, dict[str, set[str]]]:
    """Write a table for each split; every fourth image is for the test."""
    lines: dict[str, list[str]] = {"train": [], "test": []}
    splits: dict[str, dict[str, set[str]]] = {"train": {}, "test": {}}
    for i, (file, counts) in enumerate(table.items()):
        split = "test" if i % 4 == 3 else "train"
        class_id = counts.index(max(counts))
        lines[split].append(" ".join([file, *map(str, counts), str(class_id)]))
        splits[split][f"images/{file}"] = labels[f"images/{file}"]
    for split, rows in lines.items():
        write_text(root / f"ground_truth_{split}.txt", rows)
    return splits
