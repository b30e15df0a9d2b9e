"""The data set Folder: layouts of folders, lists of splits, names of classes."""

import logging

import pytest

from core.errors import UserError


@pytest.fixture
def folder(load):
    """Return a function: keys of DATASET to the data set Folder, with images."""

    def go(images=True, **keys):
        return load(NAME="Folder", images=images, **keys)

    return go


def content(records):
    return [(record.name, record.classname) for record in records]


def test_one_folder_per_class(draw, folder, write, caplog, tmp_path):
    draw("joy/b.jpg", "joy/a.PNG", "anger/x.jpeg", "prepared-32/joy/a.jpg", ".hidden/joy/a.jpg")
    write("joy/Thumbs.db", "x")
    write("joy/.DS_Store", "x")
    write("readme.txt", "x")
    with caplog.at_level(logging.INFO):
        dataset = folder()
    assert dataset.classnames == ["anger", "joy"]
    expected = [("anger/x.jpeg", "anger"), ("joy/a.PNG", "joy"), ("joy/b.jpg", "joy")]
    assert content(dataset.train_x) == expected
    assert [record.label.tolist() for record in dataset.train_x] == [[1, 0], [0, 1], [0, 1]]
    assert dataset.kind == "single_label"
    assert not dataset.has_test
    expected = "3 files that are no images of a class are skipped (no suffix 1, .db 1, .txt 1)"
    assert expected in caplog.text
    assert dataset.train_x[0].impath == str(tmp_path / "anger/x.jpeg")


def test_images_that_are_not_read_are_counted_by_suffix(draw, folder, write, caplog, tmp_path):
    draw("joy/a.jpg", "fear/b.jpg")
    write("joy/c.jfif", (tmp_path / "joy/a.jpg").read_bytes())
    for name in ("joy/1.HEIC", "joy/2.heic", "fear/3.avif"):
        write(name, "x")
    dataset = folder()
    assert [record.name for record in dataset.train_x] == ["fear/b.jpg", "joy/a.jpg", "joy/c.jfif"]
    assert "3 images are skipped because their format is not read (.avif 1, .heic 2)" in caplog.text


def test_a_fold_of_a_data_set_with_splits_has_no_effect(draw, folder, caplog):
    draw("train/joy/1.jpg", "test/joy/2.jpg")
    folder(LABEL_POLICY="majority", TARGETS="soft", FOLD=2)
    assert "DATASET.FOLD has no effect: the data set has splits of its own" in caplog.text
    assert "DATASET.TARGETS soft has no effect on the data set Folder" in caplog.text
    assert "DATASET.LABEL_POLICY majority has no effect on the data set Folder" in caplog.text


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("training", "validation", "testing"),
        ("Train", "valid", "Test"),
        ("train", "dev", "test"),
    ],
)
def test_folders_of_splits(draw, folder, names):
    for i, split in enumerate(names):
        draw(f"{split}/joy/{i}.jpg", f"{split}/fear/deep/er/{i}.jpg")
    draw(f"{names[2]}/awe/9.jpg")  # a class of test alone keeps its place
    dataset = folder()
    assert dataset.classnames == ["awe", "fear", "joy"]
    splits = (dataset.train_x, dataset.val, dataset.test)
    assert [len(records) for records in splits] == [2, 2, 3]
    assert content(dataset.train_x)[0] == (f"{names[0]}/fear/deep/er/0.jpg", "fear")
    assert dataset.val[1].label.tolist() == [0, 0, 1]


def test_folds_of_twitter(draw, folder, caplog):
    for fold in range(1, 4):
        for split in ("train", "test"):
            draw(
                f"total/{fold}/{split}/negative/{fold}.jpg", f"total/{fold}/{split}/positive/p.jpg"
            )
    for fold in range(3):
        dataset = folder(IMAGES="total/{fold}", FOLD=fold)
        assert dataset.classnames == ["negative", "positive"]
        assert dataset.test[0].name == f"total/{fold + 1}/test/negative/{fold + 1}.jpg"
    assert "has no effect" not in caplog.text
    with pytest.raises(UserError, match=r"DATASET.IMAGES: there is no folder .*DATASET.FOLD is 7"):
        folder(IMAGES="total/{fold}", FOLD=7)


@pytest.mark.parametrize("images", [True, False])
def test_lists_of_emotion_roi(draw, folder, write, images):
    draw("images/anger/1.jpg", "images/anger/2.jpg", "images/joy/1.jpg", "images/joy/7.jpg")
    draw("ground_truth/anger/1.jpg")
    write("training_testing_split/training.txt", "joy/7.jpg\r\nanger/1.jpg\r\n")
    write("training_testing_split/testing.txt", "joy/1.jpg\nanger/2.jpg\n")
    dataset = folder(
        IMAGES="images", SPLIT_LISTS="training_testing_split/{split}.txt", images=images
    )
    expected = [("images/joy/7.jpg", "joy"), ("images/anger/1.jpg", "anger")]
    assert content(dataset.train_x) == expected
    assert content(dataset.test) == [("images/joy/1.jpg", "joy"), ("images/anger/2.jpg", "anger")]


def test_class_names_and_order(draw, folder, caplog):
    draw("sad/1.jpg", "anger/digust/1.jpg", "digust/2.jpg", "disgust/3.jpg", "masks/4.jpg")
    names = ("sad=sadness", "digust=disgust")
    dataset = folder(CLASS_NAMES=names, CLASSES=("sadness", "anger", "disgust"))
    assert dataset.classnames == ["sadness", "anger", "disgust"]
    expected = {
        ("sad/1.jpg", "sadness"),
        ("anger/digust/1.jpg", "anger"),
        ("digust/2.jpg", "disgust"),
        ("disgust/3.jpg", "disgust"),
    }
    assert set(content(dataset.train_x)) == expected
    assert "not in DATASET.CLASSES are left out: masks" in caplog.text


def test_folds_of_a_folder_without_splits(draw, folder):
    draw(*(f"{name}/{i}.jpg" for name in ("a", "b") for i in range(10)))
    dataset = folder(USE_FOLDS=True, FOLD=1)
    assert [len(s) for s in (dataset.train_x, dataset.val, dataset.test)] == [12, 4, 4]


def test_a_folder_that_is_linked_into_itself_is_read_once(draw, folder, tmp_path):
    draw("joy/1.jpg", "fear/1.jpg")
    (tmp_path / "joy" / "loop").symlink_to(tmp_path / "joy", target_is_directory=True)
    (tmp_path / "awe").symlink_to(tmp_path / "fear", target_is_directory=True)
    names = [record.name for record in folder().train_x]
    assert names == ["awe/1.jpg", "fear/1.jpg", "joy/1.jpg"]


def test_folders_without_images_are_reported(draw, folder, tmp_path, caplog):
    draw("joy/1.jpg")
    (tmp_path / "fear").mkdir()
    assert folder().classnames == ["joy"]
    assert "folders without images: fear" in caplog.text


FAULTS = {
    "missing folder": ({"IMAGES": "imagse"}, r"DATASET.IMAGES: .*Did you mean 'images'"),
    "no images": ({"IMAGES": "empty"}, "empty has no images in folders of classes"),
    "two folders of a split": ({"IMAGES": "two"}, "two folders of split val"),
    "pattern": ({"SPLIT_LISTS": "lists/train.txt"}, r"SPLIT_LISTS is .* with \{split\}"),
    "no list": ({"SPLIT_LISTS": "no/{split}.txt"}, "SPLIT_LISTS: no file .*training"),
    "line without class": ({"SPLIT_LISTS": "bad/{split}.txt"}, "train.txt: line 2: '2.jpg'"),
    "image twice": ({"SPLIT_LISTS": "twice/{split}.txt"}, "test.txt: line 1: .*train.txt: line 1"),
    "empty list": ({"SPLIT_LISTS": "none/{split}.txt"}, "train.txt: the list is empty"),
    "missing image": (
        {"IMAGES": "images", "SPLIT_LISTS": "lists/{split}.txt"},
        "1 image is missing below .*images/joy/2.jpg",
    ),
    "class": ({"IMAGES": "images", "CLASSES": ("joi",)}, "class 'joi' has no folder.*mean 'joy'"),
    "new name": ({"IMAGES": "images", "CLASS_NAMES": ("joy",)}, "'joy'; expected folder=name"),
    "old name": (
        {"IMAGES": "images", "CLASS_NAMES": ("joi=fun",)},
        "no class folder 'joi'. Did you mean 'joy'",
    ),
    "fold": ({"IMAGES": "images", "FOLD": 1}, "DATASET.FOLD is 1, but .*USE_FOLDS True"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_ends_in_one_line(draw, write, folder, tmp_path, case):
    draw("images/joy/1.jpg", "two/val/a/1.jpg", "two/valid/a/1.jpg")
    (tmp_path / "empty").mkdir()
    write("bad/train.txt", "joy/1.jpg\n2.jpg\n")
    write("twice/train.txt", "joy/1.jpg\n")
    write("twice/test.txt", "joy/1.jpg\n")
    write("none/train.txt", "\n")
    write("lists/train.txt", "joy/1.jpg\njoy/2.jpg\n")
    keys, message = FAULTS[case]
    with pytest.raises(UserError, match=message) as caught:
        folder(**keys)
    assert "\n" not in str(caught.value)
