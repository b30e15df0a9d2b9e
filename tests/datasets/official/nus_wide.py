"""NUS-WIDE: the official release, supervised and zero-shot, and two files that papers share.

Planted: backslashes and CRLF in the lists, trailing tabs in the matrices, an order of all images
that mixes train and test, tags that contradict the human labels of the same concept, concepts that
are no tags, images without a label, folder names with an underscore, and columns of unseen classes
that hold labels in training.
"""

import pickle
import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from tests.datasets.official.expected import Expected, Splits
from tests.datasets.official.files import draw, flags, read_names, write_text

# Image -> (tags among the 1,000, human labels among the 81). The tags "dog", "sky", "clouds",
# "water", "sunset", "bear", "street", "beach" and "cat" are concepts, too.
Images = Mapping[str, tuple[list[str], list[str]]]
TRAIN: Images = {
    "actor/0001_2124494179.jpg": (["actor", "portrait", "sky"], ["person"]),
    "actor/0002_174174086.jpg": (["portrait", "night"], ["person", "nighttime"]),
    "polar_bear/0010_31224.jpg": (["nature", "polar", "bear"], ["animal", "bear"]),
    "sky/0007_99887766.jpg": (["sky", "clouds"], ["sky", "clouds", "water"]),
    "beach/0003_40506070.jpg": (["blue", "sea", "beach"], ["beach", "ocean", "water"]),
    "map/0004_55554444.jpg": (["red", "bravo"], ["map"]),
    "zoo/0005_12121212.jpg": ([], ["animal", "tiger"]),
    "car/0006_77665544.jpg": (["car", "street", "cat"], []),
}
TEST: Images = {
    "actor/0003_174174999.jpg": (["portrait", "sky"], ["person"]),
    "sunset/0011_24681357.jpg": (["red", "green"], ["sunset", "sky", "clouds"]),
    "tattoo/0001_11112222.jpg": ([], ["tattoo"]),
    "dog/0002_33334444.jpg": (["dogs", "dog", "cat"], ["dog", "animal"]),
    "fog/0001_44443333.jpg": (["water", "street"], []),
    "fog/0002_44443334.jpg": ([], []),
}
TAGS_FOLDER = "NUS_WID_Tags"


def concepts() -> list[str]:
    """Return the 81 concepts in the order of Concepts81.txt."""
    return read_names("nus_wide_81.txt")


def tags() -> list[str]:
    """Return the 1,000 tags in the order of TagList1k.txt."""
    return read_names("nus_wide_tags_1000.txt")


def write_nus_wide(
    root: Path, *, seed: int = 0, layout: str = "official", missing: Collection[str] = ()
) -> Expected:
    """Write the official release; the expected labels are the human ones of the 81 concepts.

    Args:
        layout: ``official``, or ``loose``: Concepts81.txt lies in ``root`` itself.
        missing: images of the lists that are not written, as photos that left Flickr.
    """
    _write_release(root, seed, layout, missing)
    splits: Splits = {}
    for split, images in (("train", TRAIN), ("test", TEST)):
        splits[split] = {}
        for name, (_, labels) in images.items():
            splits[split][f"Flickr/{name}"] = set(labels)
    return Expected(
        classnames=concepts(),
        splits=splits,
        variants={"labelled": _labelled(splits)},
        orders={"train": list(splits["train"]), "test": list(splits["test"])},
        notes=("Images without any label: kept here, dropped in the variant labelled.",),
    )


def write_nus_wide_zsl(root: Path, *, seed: int = 0) -> Expected:
    """Write the official release; the expected labels are those of the zero-shot task.

    The 925 tags that are no concept are seen: train has their tags. The 81 concepts are unseen:
    the tests have their human labels.
    """
    _write_release(root, seed, "official", ())
    unseen = concepts()
    seen = [tag for tag in tags() if tag not in unseen]
    splits: Splits = {"train": {}, "test": {}, "test_unseen": {}}
    for name, (words, _) in TRAIN.items():
        splits["train"][f"Flickr/{name}"] = set(words) & set(seen)
    for name, (words, labels) in TEST.items():
        splits["test"][f"Flickr/{name}"] = set(words) & set(seen) | set(labels)
        splits["test_unseen"][f"Flickr/{name}"] = set(labels)
    return Expected(
        classnames=[*seen, *unseen],
        splits=splits,
        variants={"labelled": _labelled(splits)},
        unseen=set(unseen),
        notes=(
            "classnames: seen before unseen; the 1,006 in alphabetical order are as good.",
            "train: labels of unseen classes are unknown, not negative.",
            "Images without any label: kept here, dropped in the variant labelled.",
        ),
    )


def write_nus_wide_npy(root: Path, *, seed: int = 0) -> Expected:
    """Write the zero-shot files that DualCoOp reads: lists and label matrices in .npy files."""
    unseen = concepts()
    names = sorted({*tags(), *unseen})
    random.Random(f"{seed} order of classes").shuffle(names)
    folder = root / "annotations"
    write_text(folder / "Tag_all" / "all_labels.txt", names)
    index = {name: i for i, name in enumerate(names)}
    unseen_ids = [index[name] for name in unseen]
    ids = {"seen": sorted(set(index.values()) - set(unseen_ids)), "unseen": unseen_ids}
    (folder / "zsl").mkdir(exist_ok=True)
    (folder / "zsl" / "cls_id.pickle").write_bytes(pickle.dumps(ids))
    small = dict(list(TEST.items())[:3])
    # Only the labels of the first two have "all" in their names.
    files = {
        "train": ("formatted_train_all_{}_filtered", TRAIN),
        "test_unseen": ("formatted_val_all_{}_filtered", TEST),
        "test": ("formatted_val_gzsl_{}_filtered", TEST),
        "small": ("formatted_val_gzsl_{}_filtered_small", small),
    }
    splits: Splits = {}
    for split, (file, images) in files.items():
        known = {"train": set(index) - set(unseen), "test_unseen": set(unseen)}
        splits[split] = {}
        rows, entries = [], []
        for name, (words, labels) in images.items():
            positive = set(words) - set(unseen) | set(labels)
            expected = positive & known.get(split, set(index))
            if not expected:  # "filtered" in the names of the files
                continue
            row = np.zeros(len(names), dtype=np.float32)
            row[[index[name] for name in positive]] = 1
            rows.append(row)
            entries.append(name.replace("/", "_"))
            splits[split][f"images/{entries[-1]}"] = expected
            draw(root / "images" / entries[-1], seed=seed, padded=True)
        np.save(folder / "zsl" / f"{file.format('labels')}.npy", np.stack(rows))
        # The lists of images lack the "all" of the label files.
        images_file = file.replace("_all", "").format("images")
        np.save(folder / "zsl" / f"{images_file}.npy", np.array(entries))
    small_test = splits.pop("small")
    return Expected(
        classnames=names,
        splits=splits,
        variants={"small": {"test": small_test}},
        unseen=set(unseen),
        notes=("The variant small is the part on which DualCoOp chooses the best epoch.",),
    )


def write_nus_wide_csv(
    root: Path, *, seed: int = 0, header: Sequence[str] = ("filepath", "label", "split_name")
) -> Expected:
    """Write nus_wid_data.csv (the file of ASL): path, Python list of labels as text, split.

    Args:
        header: names of the three columns; readers go by their positions.
    """
    lines = [",".join(header)]
    splits: Splits = {"train": {}, "test": {}}
    for split, word, images in (("train", "train", TRAIN), ("test", "val", TEST)):
        for name, (_, labels) in images.items():
            if labels:
                lines.append(f'{name},"{labels}",{word}')
                splits[split][name] = set(labels)
            draw(root / name, seed=seed, padded=True)
    write_text(root / "nus_wid_data.csv", lines)
    used = set().union(*splits["train"].values(), *splits["test"].values())
    return Expected(
        classnames=sorted(used),
        splits=splits,
        notes=(
            "The split val of the file is the test set of the literature.",
            "classnames: only classes in use here; the real file has all 81.",
        ),
    )


def _write_release(root: Path, seed: int, layout: str, missing: Collection[str]) -> None:
    """Write the lists, both label sets and the images of the official release."""
    mixed = [*TRAIN.items(), *TEST.items()]
    random.Random(f"{seed} order of images").shuffle(mixed)
    parts = {"": dict(mixed), "Train": TRAIN, "Test": TEST}
    names = concepts()
    folder = root if layout == "loose" else root / "ConceptsList"
    write_text(folder / "Concepts81.txt", names, newline="\r\n")
    write_text(root / TAGS_FOLDER / "TagList1k.txt", tags(), newline="\r\n")
    for part, images in parts.items():
        lines = [name.replace("/", "\\") for name in images]
        write_text(root / "ImageList" / f"{part}Imagelist.txt", lines, newline="\r\n")
        _write_labels(root / "Groundtruth", part, images)
        file = f"{part}_Tags1k.dat" if part else "AllTags1k.txt"
        _write_tags(root / TAGS_FOLDER / file, images, tags())
        file = f"{part}_Tags81.txt" if part else "AllTags81.txt"
        _write_tags(root / TAGS_FOLDER / file, images, names)
    for name, _ in mixed:
        if name not in missing:
            draw(root / "Flickr" / name, seed=seed, padded=True)


def _write_labels(folder: Path, part: str, images: Images) -> None:
    """Write one file of human labels for each concept."""
    for concept in concepts():
        lines = []
        for _, labels in images.values():
            lines += flags(labels, [concept])
        if part:
            path = folder / "TrainTestLabels" / f"Labels_{concept}_{part}.txt"
        else:
            path = folder / "AllLabels" / f"Labels_{concept}.txt"
        write_text(path, lines)


def _write_tags(path: Path, images: Images, columns: Sequence[str]) -> None:
    """Write a matrix of tags with a tab after each value, also after the last one."""
    lines = []
    for words, _ in images.values():
        lines.append("\t".join([*flags(words, columns), ""]))
    write_text(path, lines, newline="\r\n")


def _labelled(splits: Splits) -> Splits:
    """Return the splits without the images that have no label."""
    kept: Splits = {}
    for split, images in splits.items():
        kept[split] = {name: labels for name, labels in images.items() if labels}
    return kept
