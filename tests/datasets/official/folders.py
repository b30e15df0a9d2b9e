"""Data sets whose folders are the classes: FI, EmotionROI, UnBiasedEmo, Emotion-6, and WSCNet's.

Planted: the same file names in all folders, a second tree of maps with the names of the images, a
folder name with a spelling mistake, suffixes in upper case and of PNG, several levels of folders,
empty folders, and files that are no images.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.datasets.official.expected import Expected, Splits
from tests.datasets.official.files import draw, write_clutter, write_text

MIKELS = ["amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"]
EKMAN = ["anger", "disgust", "fear", "joy", "sadness", "surprise"]
UNBIASED = ["anger", "fear", "joy", "love", "sadness", "surprise"]
POLARITY = ["negative", "positive"]
# Images of each class in FI's release.
FI_FILES = {
    "amusement": ["amusement_0001.jpg", "1.jpg"],
    "anger": ["1.jpg"],
    "awe": ["1.jpg", "2.JPG"],
    "contentment": ["1.jpg", "2.jpeg"],
    "disgust": ["1.jpg"],
    "excitement": ["1.png"],
    "fear": ["1.jpg"],
    "sadness": ["1.jpg", "sad_2.jpg"],
}
# Test images of EmotionROI are those with an even number.
ROI_NUMBERS = [1, 2, 3, 10]
NO_SPLIT = ("No official split.",)


def write_fi(root: Path, *, seed: int = 0) -> Expected:
    """Write FI as released: ``emotion_dataset/<emotion>/*.jpg``, without splits."""
    labels = _write_classes(root, "emotion_dataset", FI_FILES, seed)
    write_clutter(root / "emotion_dataset")
    write_clutter(root / "emotion_dataset" / "awe")
    return Expected(classnames=MIKELS, splits={"all": labels}, notes=NO_SPLIT)


def write_emotionroi(root: Path, *, seed: int = 0) -> Expected:
    """Write EmotionROI: images, maps with the same names, and the official lists."""
    lists: dict[str, list[str]] = {"train": [], "test": []}
    splits: Splits = {"train": {}, "test": {}}
    for emotion in EKMAN:
        for number in ROI_NUMBERS:
            file = f"{emotion}/{number}.jpg"
            split = "test" if number % 2 == 0 else "train"
            draw(root / "images" / file, seed=seed)
            draw(root / "ground_truth" / file, seed=seed + 1)
            lists[split].append(file)
            splits[split][f"images/{file}"] = {emotion}
    folder = root / "training_testing_split"
    write_text(folder / "training.txt", lists["train"], newline="\r\n")
    write_text(folder / "testing.txt", [*lists["test"], ""])
    write_clutter(root / "images" / "joy")
    return Expected(
        classnames=EKMAN,
        splits=splits,
        orders={split: [f"images/{file}" for file in lists[split]] for split in lists},
    )


def write_unbiasedemo(root: Path, *, seed: int = 0) -> Expected:
    """Write ``UnBiasedEmo/images/<emotion>/<object>/*.jpg`` below ``root``."""
    labels = {}
    for i, emotion in enumerate(UNBIASED):
        # The folders of the objects have the same names under all emotions.
        files = {"dog": ["1.jpg", "2.jpg"], "birthday cake": ["1.jpg"]}
        folder = f"UnBiasedEmo/images/{emotion}"
        labels |= _write_classes(root, folder, files, 100 * seed + i, emotion)
    write_clutter(root / "UnBiasedEmo" / "images" / "love" / "dog")
    return Expected(
        classnames=UNBIASED,
        splits={"all": labels},
        notes=(*NO_SPLIT, "The root may also be the folder UnBiasedEmo."),
    )


def write_emotion_6(root: Path, *, seed: int = 0) -> Expected:
    """Write Emotion-6 of Panda et al.: ``Emotion-6/images/<level 1>/<2>/<3>/*.jpg``.

    The classes are those of the first level. ``variants`` has those of the second one, where the
    folder name of disgust is misspelt.
    """
    tree = {
        "anger/anger/rage": ["1.jpg"],
        "anger/digust/disgust": ["1.jpg", "2.jpg"],
        "fear/nervousness/anxiety": ["1.jpg"],
        "joy/optimism/hope": ["1.jpg", "2.JPG"],
        "love/affection/affection": ["1.jpg"],
        "sadness/shame/guilt": ["1.jpg"],
        "surprise/surprise/surprise": ["1.jpg"],
    }
    first, second = {}, {}
    for path, files in tree.items():
        top, middle, _ = path.split("/")
        for file in files:
            name = f"Emotion-6/images/{path}/{file}"
            draw(root / name, seed=seed)
            first[name] = {top}
            second[name] = {"disgust" if middle == "digust" else middle}
    write_clutter(root / "Emotion-6" / "images" / "anger" / "digust")
    return Expected(
        classnames=UNBIASED,
        splits={"all": first},
        variants={"level_2": {"all": second}},
        notes=(*NO_SPLIT, "level_2: a loader by folder names alone has the class digust."),
    )


def write_wscnet_fi(root: Path, *, seed: int = 0) -> Expected:
    """Write ``FI/{train,val,test}/<emotion>/*.jpg`` below ``root``."""
    return _write_wscnet(root, "FI", MIKELS, ("train", "val", "test"), seed)


def write_wscnet_fi_2(root: Path, *, seed: int = 0) -> Expected:
    """Write ``FI_2/{train,val,test}/{negative,positive}/*.jpg`` below ``root``."""
    return _write_wscnet(root, "FI_2", POLARITY, ("train", "val", "test"), seed)


def write_wscnet_emotion6(root: Path, *, seed: int = 0) -> Expected:
    """Write ``Emotion6/{train,test}/<emotion>/*.jpg`` below ``root``."""
    return _write_wscnet(root, "Emotion6", EKMAN, ("train", "test"), seed)


def write_wscnet_twitter2(root: Path, *, seed: int = 0) -> Expected:
    """Write ``TwitterII/{train,test}/{negative,positive}/*.jpg`` below ``root``."""
    return _write_wscnet(root, "TwitterII", POLARITY, ("train", "test"), seed)


def write_wscnet_twitter1(root: Path, *, seed: int = 0, fold: int = 2) -> Expected:
    """Write ``TwitterI/total/{1..5}/{train,test}/{negative,positive}/*.jpg`` below ``root``.

    Args:
        fold: the fold whose content is returned.
    """
    files = {"negative": ["n1.jpg", "n2.jpg", "n3.jpg"], "positive": ["p1.jpg", "p2.jpg"]}
    folds: dict[int, Splits] = {}
    for number in range(1, 6):
        splits: Splits = {}
        for split in ("train", "test"):
            chosen: dict[str, list[str]] = {}
            for name, all_files in files.items():
                tested = all_files[number % len(all_files)]
                chosen[name] = [file for file in all_files if (file == tested) == (split == "test")]
            folder = f"TwitterI/total/{number}/{split}"
            splits[split] = _write_classes(root, folder, chosen, seed)
        folds[number] = splits
    return Expected(
        classnames=POLARITY, splits=folds[fold], notes=("The root may be the folder of the fold.",)
    )


def _write_wscnet(
    root: Path, folder: str, classes: Sequence[str], names: Sequence[str], seed: int
) -> Expected:
    """Write one folder per split and class; the numbers of the images differ per class."""
    splits: Splits = {}
    for j, split in enumerate(names):
        files = {}
        for i, name in enumerate(classes):
            files[name] = [f"{10 * j + k}.jpg" for k in range(1 + (i + j) % 2 + (split == "train"))]
        # Not every class has an image in each split.
        if split == "val":
            files[classes[0]] = []
        splits[split] = _write_classes(root, f"{folder}/{split}", files, seed)
        write_clutter(root / folder / split / classes[-1])
    return Expected(
        classnames=list(classes),
        splits=splits,
        notes=(f"The root may also be the folder {folder}.",),
    )


def _write_classes(
    root: Path, folder: str, files: Mapping[str, Sequence[str]], seed: int, label: str = ""
) -> dict[str, set[str]]:
    """Write ``folder/<class>/<file>``; return image -> class, or ``label`` for all images."""
    labels = {}
    for name, images in files.items():
        (root / folder / name).mkdir(parents=True, exist_ok=True)
        for file in images:
            path = f"{folder}/{name}/{file}"
            draw(root / path, seed=seed)
            labels[path] = {label or name}
    return labels
