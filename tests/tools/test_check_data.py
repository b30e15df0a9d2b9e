"""The check of a data set: planted faults of every kind, exit statuses, JSON, page, Intentonomy."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.checks.pictures import encoded, textured
from tests.datasets.test_intentonomy import official_root
from tools.check_data import main

CLASSES = ["Calm", "Joy", "PlayOutside"]
COUNTS = {"train": 12, "val": 5, "test": 6}
FOLDER = os.environ.get("INTENTONOMY_ANNOTATIONS", "")
official = pytest.mark.skipif(
    not FOLDER, reason="INTENTONOMY_ANNOTATIONS does not name the official files' folder"
)


def write_annotations(root: Path, split: str, labels: dict[str, list[float]]) -> None:
    """Write the annotation file of a split: file name -> shares (train) or labels per class."""
    entries, images = [], []
    for number, (name, values) in enumerate(labels.items()):
        entry = {"id": number, "image_id": name}
        if split == "train":
            entry["category_ids_softprob"] = values
        else:
            entry["category_ids"] = np.flatnonzero(values).tolist()
        entries.append(entry)
        images.append({"id": name, "filename": f"low/{name}.jpg"})
    categories = [{"id": c, "name": name} for c, name in enumerate(CLASSES)]
    content = {"categories": categories, "images": images, "annotations": entries}
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    path = root / "annotations" / f"intentonomy_{split}2020.json"
    path.write_text(json.dumps(content))


def labels_of(split: str) -> dict[str, list[float]]:
    """Return labels in which every class has positives; train has shares of three annotators."""
    labels = {}
    for number in range(COUNTS[split]):
        row = [0.0, 0.0, 0.0]
        row[number % 3] = 1.0
        if split == "train" and number < 6:
            row[(number + 1) % 3] = round((1 + number % 2) / 3, 3)
        labels[f"{split}{number}"] = row
    return labels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data set without a fault."""
    root = tmp_path / "photos"
    seed = 0
    (root / "low").mkdir(parents=True)
    for split in COUNTS:
        labels = labels_of(split)
        write_annotations(root, split, labels)
        for name in labels:
            (root / "low" / f"{name}.jpg").write_bytes(encoded(textured(seed)))
            seed += 1
    return root


def run(root: Path, *args: str) -> tuple[int, dict]:
    """Run the tool; return the exit status and the content of the JSON file."""
    out = root.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    where = ["--root", str(root), "--output-dir", str(out), "--workers", "2"]
    status = main([*where, *args, "DATASET.NAME", "Intentonomy"])
    file = out / "check_data.json"
    return status, json.loads(file.read_text()) if file.is_file() else {}


def kinds(content: dict, level: str) -> list[str]:
    return [entry["kind"] for entry in content[level]]


@pytest.fixture(autouse=True)
def _flat_hierarchy(monkeypatch):
    # The classes are not those of the shipped hierarchy of the same name.
    monkeypatch.setattr("datasets.base.has_hierarchy", lambda name: False)


def test_a_sound_data_set_has_status_0_and_no_finding(root: Path, capsys):
    status, content = run(root)
    assert status == 0
    assert content["ok"] and content["faults"] == [] and content["warnings"] == []
    assert "no fault and no warning" in capsys.readouterr().out
    assert {split: entry["images"] for split, entry in content["splits"].items()} == COUNTS
    assert content["files"]["readable"] == sum(COUNTS.values())


def test_counts_shares_and_ratios_are_those_of_the_files(root: Path):
    _, content = run(root, "--no-pixels")
    calm = content["classes"][0]
    assert calm["class"] == "Calm"
    assert calm["train"] == {"positive": 6, "known": 12, "prior": 0.5}
    assert calm["test"] == {"positive": 2, "known": 6, "prior": pytest.approx(1 / 3)}
    shift = content["shifts"][1]
    assert (shift["source"], shift["target"]) == ("train", "test")
    assert shift["ratio"]["Calm"] == pytest.approx(2 / 3)
    assert content["cooccurrence"]["split"] == "train"
    first = content["cooccurrence"]["most_frequent"][0]
    assert first["images"] == 2 and first["lift"] == pytest.approx(2 * 12 / 36)
    assert content["agreement"]["train"]["annotators"] == 3
    assert content["agreement"]["train"]["classes"][0]["chosen"] == 6
    assert content["files"] is None


def test_every_planted_fault_of_the_files_is_named_and_the_status_is_1(root: Path, capsys):
    low = root / "low"
    (low / "train1.jpg").unlink()
    data = (low / "train2.jpg").read_bytes()
    (low / "train2.jpg").write_bytes(data[: len(data) // 2])
    shutil.copy(low / "train3.jpg", low / "test0.jpg")
    (low / "val1.jpg").write_bytes(encoded(Image.open(low / "train4.jpg"), quality=60))
    shutil.copy(low / "train5.jpg", low / "train6.jpg")
    textured(90, 300, 40).save(low / "val2.jpg")
    status, content = run(root)
    assert status == 1
    faults = {entry["kind"]: entry["items"] for entry in content["faults"]}
    assert faults.keys() == {"missing_files", "unreadable_files", "exact_across", "near_across"}
    assert faults["missing_files"] == ["train: low/train1.jpg"]
    assert faults["unreadable_files"][0].startswith("train: low/train2.jpg (")
    assert faults["exact_across"] == ["train: low/train3.jpg = test: low/test0.jpg"]
    assert faults["near_across"] == ["train: low/train4.jpg = val: low/val1.jpg"]
    assert kinds(content, "warnings") == ["exact_within", "tiny_images"]
    near = content["files"]["duplicates"][-1]
    assert near["kind"] == "near" and near["across"] and near["correlation"] > 0.9
    printed = capsys.readouterr().out
    assert "fault: 1 image missing\n    train: low/train1.jpg" in printed


def test_planted_faults_of_the_labels_are_found_without_pixels(root: Path):
    train = {name: [row[0], row[1], 0.0] for name, row in labels_of("train").items()}
    train["val0"] = [1.0, 0.0, 0.0]  # the file of a val image
    write_annotations(root, "train", train)
    test = labels_of("test")
    test["test0"] = [0.0, 0.0, 0.0]
    test["test3"] = [0.0, 0.0, 0.0]
    write_annotations(root, "test", test)
    write_annotations(root, "val", labels_of("val"))
    status, content = run(root, "--no-pixels")
    assert status == 1
    assert kinds(content, "faults") == ["no_positive_in_train", "listed_in_several_splits"]
    assert content["faults"][0]["items"] == ["PlayOutside"]
    assert content["faults"][1]["items"] == ["low/val0.jpg (train, val)"]
    warnings = {entry["kind"]: entry["items"] for entry in content["warnings"]}
    assert warnings["no_positive_in_test"] == ["Calm"]
    assert "test: low/test0.jpg" in warnings["unlabelled"]


def test_classes_with_few_training_images_are_named_with_the_name_that_was_meant(
    tmp_path: Path, capsys
):
    names = ["joy"] * 9 + ["jyo", "calm", "calm", "calm", "calm"] + ["fear"] * 5
    rows = [f"{i}.jpg,{name},train" for i, name in enumerate(names)]
    rows += ["20.jpg,rage,test", "21.jpg,joy,val"]
    (tmp_path / "photos.csv").write_text("\n".join(["file_name,labels,split", *rows]))
    out = tmp_path / "out"
    args = ["--root", str(tmp_path), "--no-pixels", "--output-dir", str(out)]
    main([*args, "DATASET.NAME", "Csv", "DATASET.FILE", "photos.csv"])
    content = json.loads((out / "check_data.json").read_text())
    (few,) = [one for one in content["warnings"] if one["kind"] == "few_images_in_train"]
    assert few["text"] == "2 classes with fewer than 5 training images"
    assert few["items"] == ["jyo: 1 image. Did you mean 'joy'?", "calm: 4 images"]
    assert (
        f"warning: {few['text']}\n    jyo: 1 image. Did you mean 'joy'?" in capsys.readouterr().out
    )
    # few shots are few on purpose
    main([*args, "DATASET.NAME", "Csv", "DATASET.FILE", "photos.csv", "DATASET.NUM_SHOTS", "4"])
    content = json.loads((out / "check_data.json").read_text())
    (few,) = [one for one in content["warnings"] if one["kind"] == "few_images_in_train"]
    assert few["text"] == "1 class with fewer than 4 training images"


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_empty_split_is_a_fault_unless_evaluation_is_off(root: Path, split: str):
    write_annotations(root, split, {})
    status, content = run(root, "--no-pixels")
    assert status == 1 and kinds(content, "faults") == ["empty_split"]
    status, _ = run(root, "--no-pixels", "TEST.NO_TEST", "True")
    assert status == (1 if split == "train" else 0)


def test_class_texts_that_do_not_fit_are_named_with_the_prompts_of_the_trainer(root: Path):
    classes = {name: {"name": name.lower()} for name in CLASSES}
    classes["Joy"]["sentence"] = " ".join(["joy"] * 60)
    file = root / "words.yaml"
    file.write_text(json.dumps({"classes": classes}))
    out = root.parent / "out"
    args = ["--root", str(root), "--no-pixels", "--output-dir", str(out)]
    pairs = ["DATASET.NAME", "Intentonomy", "DATASET.HIERARCHY", str(file)]

    def texts(*more: str) -> dict:
        assert main([*args, *pairs, *more]) == 0
        return json.loads((out / "check_data.json").read_text())

    content = texts()
    assert kinds(content, "warnings") == ["long_sentence"]
    # 60 words and a full stop between 16 tokens of context and 2 of start and end
    assert content["texts"]["longest"]["sentence"] == 79
    (entry,) = content["texts"]["too_long"]["sentence"]
    assert entry == {"class": "Joy", "tokens": 79, "cut": "joy ."}
    assert texts("TRAINER.NAME", "DualCoOp", "TRAINER.DUALCOOP.N_CTX_POS", "14")["warnings"]
    assert not texts("TRAINER.INTCLIP.N_CTX_POS", "4", "TRAINER.INTCLIP.N_CTX_NEG", "4")["warnings"]
    zeroshot = texts("TRAINER.NAME", "ZeroshotCLIP")
    assert zeroshot["texts"]["tokens_around"] == 2 + 4  # a photo of .
    assert texts("TRAINER.NAME", "LinearProbe")["texts"]["tokens_around"] == 2


def test_the_page_has_all_sections_and_needs_no_other_file(root: Path):
    shutil.copy(root / "low/train3.jpg", root / "low/test0.jpg")
    run(root, "--per-class", "2")
    page = (root.parent / "out/check_data.html").read_text()
    for anchor in ("summary", "classes", "files", "together", "agreement", "texts", "sheet"):
        assert f'<section id="{anchor}"' in page
    assert "Fault: 1 group of exact copies across splits" in page
    assert page.count("data:image/jpeg;base64,") == 2 + 2 * len(CLASSES)
    assert 'src="http' not in page and 'href="http' not in page


def test_the_seed_chooses_the_pictures_of_the_sheet(root: Path):
    pages = []
    for seed in ("3", "3", "4"):
        run(root, "--seed", seed, "--per-class", "1")
        page = (root.parent / "out/check_data.html").read_text()
        pages.append(page[page.index('<section id="sheet"') :].split("</section>")[0])
    assert pages[0] == pages[1] != pages[2]


def test_a_class_with_one_image_has_the_word_in_the_singular(root: Path):
    rows = np.eye(3).tolist()
    write_annotations(root, "train", {f"train{number}": row for number, row in enumerate(rows)})
    run(root, "--per-class", "1")
    page = (root.parent / "out/check_data.html").read_text()
    assert page.count(">1 image<") == 3 and ">1 images<" not in page


def test_the_page_of_annotations_alone_has_no_pictures(root: Path):
    shutil.rmtree(root / "low")
    status, content = run(root, "--no-pixels")
    page = (root.parent / "out/check_data.html").read_text()
    assert status == 0 and content["ok"]
    assert '<section id="files"' not in page and "data:image/jpeg" not in page
    status, content = run(root)
    assert status == 1 and "--no-pixels" in content["faults"][0]["text"]


def test_the_default_folder_has_the_name_of_the_file(root: Path, tmp_path: Path, monkeypatch):
    file = tmp_path / "mine.yaml"
    file.write_text("DATASET: {NAME: Intentonomy}")
    monkeypatch.chdir(tmp_path)
    extra = tmp_path / "elsewhere.json"
    args = ["--root", str(root), "--dataset-config-file", str(file), "--no-pixels"]
    assert main([*args, "--json", str(extra)]) == 0
    assert json.loads(extra.read_text())["dataset"] == "mine"
    written = sorted(path.name for path in (tmp_path / "output/check_data/mine").iterdir())
    assert written == ["check_data.html"]


def test_mistakes_of_the_user_have_status_2_and_one_line(root: Path, capsys):
    def error(*args: str) -> str:
        capsys.readouterr()
        assert main(list(args)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    named = ["--root", str(root), "DATASET.NAME", "Intentonomy"]
    assert "no data set is named" in error("--root", str(root))
    assert "Did you mean 'Intentonomy'" in error("DATASET.NAME", "Intentonomi")
    assert "--workers is 0; expected at least 1" in error(*named, "--workers", "0")
    assert "--per-class is -1" in error(*named, "--per-class", "-1")
    (root / "annotations/intentonomy_val2020.json").unlink()
    assert "intentonomy_val2020.json is missing" in error(*named)


@official
def test_the_label_shift_of_intentonomy_is_found(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.undo()  # its own hierarchy
    official_root(tmp_path)
    shutil.rmtree(tmp_path / "low")
    out = tmp_path / "out"
    args = ["--dataset-config-file", "configs/datasets/intentonomy.yaml", "--no-pixels"]
    assert main([*args, "--root", str(tmp_path), "--output-dir", str(out)]) == 0
    content = json.loads((out / "check_data.json").read_text())
    teach = next(entry for entry in content["classes"] if entry["class"] == "TchOthrs")
    assert [teach[split]["positive"] for split in ("train", "val", "test")] == [762, 2, 4]
    shifts = {(shift["source"], shift["target"]): shift for shift in content["shifts"]}
    assert shifts["train", "test"]["ratio"]["TchOthrs"] == pytest.approx(0.0549, abs=1e-4)
    assert "TchOthrs" in shifts["train", "test"]["strong"]
    assert shifts["train", "test"]["rank_correlation"] < 0.6
    assert shifts["val", "test"]["rank_correlation"] > 0.9
    assert "TchOthrs: train 762 (6.0 %), test 4 (0.3 %)" in capsys.readouterr().out
