"""VOC, COCO and its zero-shot split train through the command line with their shipped files."""

import json

import pytest
from PIL import Image

import train
from datasets.coco_json import coco_categories
from datasets.reading import LISTS
from tests.conftest import NO_EXTRAS

CLASSES = ("cat", "dog", "person", "car")


def paint(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
    Image.new("RGB", (64, 64), colour).save(path)


def write_voc(root):
    """Write 16 training and 6 test images with one or two objects."""
    folder = root / "VOCdevkit" / "VOC2007"
    (folder / "Annotations").mkdir(parents=True)
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for split, numbers in (("trainval", range(1, 17)), ("test", range(17, 23))):
        ids = [f"{number:06d}" for number in numbers]
        (folder / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(ids))
        for number, name in zip(numbers, ids, strict=True):
            objects = ""
            for k in (0, number % 2):
                objects += f"<object><name>{CLASSES[(number + k) % 4]}</name></object>"
            path = folder / "Annotations" / f"{name}.xml"
            path.write_text(f"<annotation>{objects}</annotation>")
            paint(folder / "JPEGImages" / f"{name}.jpg", number)


def write_coco(root):
    """Write 16 training and 6 test images; the test images are listed for the zero-shot split."""
    ids = {name: number for number, name in coco_categories().items()}
    listed = json.loads((LISTS / "coco_zsl_48_17_val2014_ids.json").read_text())["unseen"][:6]
    (root / "annotations").mkdir()
    for split, numbers in (("train2014", list(range(1, 17))), ("val2014", listed)):
        images, annotations = [], []
        for i, number in enumerate(numbers):
            file = f"COCO_{split}_{number:012d}.jpg"
            images.append({"id": number, "file_name": file})
            for k in (i, i + 1 + i % 2):
                annotations.append({"image_id": number, "category_id": ids[CLASSES[k % 4]]})
            paint(root / split / file, number)
        categories = [{"id": number, "name": name} for name, number in ids.items()]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


CASES = [
    ("voc2007", write_voc, ()),
    ("coco2014", write_coco, ()),
    # One prompt per class learns nothing about an unseen class.
    ("coco2014_zsl", write_coco, ("TRAINER.DUALCOOP.CSC", "False")),
]


def arguments(root, name, opts):
    return [
        *("--root", str(root), "--seed", "1", "--trainer", "DualCoOp"),
        *("--dataset-config-file", f"configs/datasets/{name}.yaml"),
        *("--config-file", "configs/trainers/DualCoOp/scenes.yaml"),
        *("--output-dir", str(root / "out"), "--max-epochs", "1", "--input-size", "64"),
        *("DATALOADER.TRAIN_X.BATCH_SIZE", "4", "DATALOADER.NUM_WORKERS", "0", *NO_EXTRAS),
        *("DATASET.VAL_PERCENT", "0.25", *opts),
    ]


@pytest.mark.parametrize(("name", "write", "opts"), CASES)
def test_a_shipped_file_trains(tmp_path, name, write, opts):
    write(tmp_path)
    out = tmp_path / "out"
    train.main(arguments(tmp_path, name, opts))
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["mAP"] > 0 and metrics["val"]["mAP"] > 0


@pytest.mark.parametrize("cached", [True, False])
def test_a_dry_run_reads_no_label_of_an_unseen_class(tmp_path, capsys, cached):
    name, write, opts = CASES[-1]
    write(tmp_path)
    cache = ("TRAIN.FEATURE_CACHE", str(tmp_path / "cache") if cached else "")
    # A sealed label raises SealBroken.
    train.main(["--dry-run", *arguments(tmp_path, name, (*opts, *cache))])
    report = capsys.readouterr().out
    assert "65 classes, 17 of them unseen in training" in report
    assert "% unknown" in report and "(val and test, " in report
    assert not (tmp_path / "out").exists() and not (tmp_path / "cache").exists()
