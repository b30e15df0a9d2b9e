"""Twitter I: one folder, lists of the images on which three, four or five workers agree.

Planted: images outside the smaller lists, a name with capital letters, two namings of the lists,
and files that are no images.
"""

from pathlib import Path

from tests.datasets.official.expected import Expected
from tests.datasets.official.files import draw, write_clutter, write_text

CLASSES = ["negative", "positive"]
# Image -> number of the five workers who chose positive.
VOTES = {
    "0001.jpg": 5,
    "0002.jpg": 3,
    "0010.jpg": 0,
    "0011.jpg": 1,
    "0101.jpg": 4,
    "0102.jpg": 2,
    "0999.jpg": 5,
    "A1K2AwRCEAAY9hJ.jpg": 5,
    "A2JUVPfCYAATxyz.jpg": 0,
    "B_QiQ4nCIAAuq_y.jpg": 4,
}
WORDS = {3: "three", 4: "four", 5: "five"}


def write_twitter1(root: Path, *, seed: int = 0, naming: str = "short") -> Expected:
    """Write ``Agg_AMT_Candidates/*.jpg``, three lists and the table of votes below ``root``.

    Args:
        naming: ``short``: three_agree.txt, ...; ``long``: twitter_three_agrees.txt, ...
    """
    subsets: dict[int, dict[str, set[str]]] = {}
    for agree, word in WORDS.items():
        lines, labels = [], {}
        for file, votes in VOTES.items():
            if max(votes, 5 - votes) >= agree:
                is_positive = votes > 2
                lines.append(f"{file} {int(is_positive)}")
                labels[f"Agg_AMT_Candidates/{file}"] = {CLASSES[is_positive]}
        list_file = f"{word}_agree.txt" if naming == "short" else f"twitter_{word}_agrees.txt"
        write_text(root / list_file, lines)
        subsets[agree] = labels
    lines = ["image,votes,negative,positive"]
    shares = {}
    for file, votes in VOTES.items():
        name = f"Agg_AMT_Candidates/{file}"
        draw(root / name, seed=seed)
        lines.append(f"{file},5,{5 - votes},{votes}")
        shares[name] = {"negative": (5 - votes) / 5, "positive": votes / 5}
    write_text(root / "amt_result.csv", lines)
    write_clutter(root / "Agg_AMT_Candidates")
    return Expected(
        classnames=list(CLASSES),
        splits={"all": subsets[3]},
        shares=shares,
        variants={"four": {"all": subsets[4]}, "five": {"all": subsets[5]}},
        notes=(
            "No official split.",
            "Header of amt_result.csv and the order of its two counts are not published.",
        ),
    )
