"""The data set Folder with folders of classes at another level, and with folders of systems."""

import pytest

from core.errors import UserError
from datasets.own.levels import looks_like_split


@pytest.fixture
def folder(load):
    """Return a function: keys of DATASET to the data set Folder, with images."""

    def go(**keys):
        return load(NAME="Folder", images=True, **keys)

    return go


ONE_LEVEL_TOO_HIGH = {
    "classes": ("archive/joy/1.jpg", "archive/anger/1.jpg"),
    "splits": ("archive/train/joy/1.jpg", "archive/train/anger/1.jpg", "archive/test/joy/2.jpg"),
    "with rubbish": ("archive/joy/1.jpg", "archive/anger/1.jpg", "__MACOSX/archive/joy/2.jpg"),
    "with an image": ("archive/joy/1.jpg", "archive/anger/1.jpg", "archive/cover.jpg"),
}


@pytest.mark.parametrize("case", ONE_LEVEL_TOO_HIGH)
def test_one_folder_above_the_classes_is_an_error(draw, folder, case):
    draw(*ONE_LEVEL_TOO_HIGH[case])
    with pytest.raises(UserError, match=r"'archive' would be the only class.*IMAGES archive"):
        folder()
    assert folder(IMAGES="archive").classnames == ["anger", "joy"]


def test_the_advice_starts_below_the_root(draw, folder):
    draw("a/b/joy/1.jpg", "a/b/anger/1.jpg")
    with pytest.raises(UserError, match=r"DATASET.IMAGES a/b \(or --root .*/a/b\)"):
        folder(IMAGES="a")


def test_one_folder_between_splits_and_classes_is_an_error(draw, folder):
    draw("train/images/joy/1.jpg", "train/images/anger/1.jpg", "test/images/joy/2.jpg")
    with pytest.raises(UserError, match=r"'images' would be the only class.*<split>/<class>"):
        folder()


@pytest.mark.parametrize(
    "names", [("train2017", "val2017"), ("trn", "tst"), ("seg_train", "seg_test")]
)
def test_names_like_splits_are_an_error(draw, folder, names):
    draw(f"{names[0]}/cat/1.jpg", f"{names[0]}/dog/1.jpg", f"{names[1]}/cat/1.jpg")
    with pytest.raises(UserError, match=f"{names[0]}.* look like splits.*one of the names train"):
        folder()


@pytest.mark.parametrize("sad", ["sad/1.jpg", "sad/train/1.jpg"])
def test_splits_inside_classes_are_an_error(draw, folder, sad):
    draw("joy/train/1.jpg", "joy/Test/2.jpg", sad)
    with pytest.raises(UserError, match=r"inside the classes.*joy/Test, joy/train.*<split>/<class"):
        folder()


def test_one_folder_of_a_split_inside_a_class_is_a_warning(draw, folder, caplog):
    draw("joy/test/1.jpg", "joy/2.jpg", "sad/3.jpg")
    assert folder().classnames == ["joy", "sad"]
    assert "look like splits (joy/test); their images are in no split" in caplog.text


def test_a_class_may_have_the_name_of_its_split(draw, folder):
    draw("train/train/1.jpg", "train/boat/2.jpg", "test/train/3.jpg", "test/boat/4.jpg")
    assert folder().classnames == ["boat", "train"]


@pytest.mark.parametrize("name", ["train", "seg_train"])
def test_a_split_in_a_folder_of_its_own_name_is_an_error(draw, folder, name):
    other = name.replace("train", "test")
    draw(f"{name}/{name}/joy/1.jpg", f"{name}/{name}/sad/1.jpg", f"{other}/{other}/joy/1.jpg")
    with pytest.raises(UserError, match=r"would be a class; move the content of (\w+)/\1 to \1"):
        folder()


def test_a_split_with_one_unknown_folder_is_an_error(draw, folder):
    draw("train/joy/1.jpg", "train/sad/1.jpg", "val/images/1.jpg")
    with pytest.raises(UserError, match=r"all images of val are in the folder 'images'"):
        folder()


def test_classes_that_train_lacks_are_a_warning(draw, folder, caplog):
    draw("train/joy/1.jpg", "train/sad/1.jpg", "test/joy/1.jpg", "test/fear/1.jpg")
    assert folder().classnames == ["fear", "joy", "sad"]
    assert "classes of test without an image in train: fear" in caplog.text


def test_folders_of_images_without_a_label(draw, folder, caplog):
    draw("joy/1.jpg", "sad/1.jpg", "_unlabeled/1.jpg", "no_label/1.jpg", "multilabel/1.jpg")
    assert folder().classnames == ["joy", "multilabel", "sad"]
    assert "no_label is left out" in caplog.text
    assert "multilabel is a class; tools write such a folder" in caplog.text


def test_equal_folders_in_all_classes_are_a_warning(draw, folder, caplog):
    draw("a/joy/1.jpg", "a/sad/1.jpg", "b/joy/1.jpg", "b/sad/1.jpg")
    assert folder().classnames == ["a", "b"]
    assert "the same folders inside (joy, sad)" in caplog.text


def test_classes_with_names_like_splits_are_classes(draw, folder, caplog):
    draw("test_tube/a/1.jpg", "train_station/b/1.jpg")  # they share no folder
    assert folder().classnames == ["test_tube", "train_station"]
    assert "test_tube, train_station are classes: a split is read from a folder" in caplog.text
    caplog.clear()
    draw("flask/a/1.jpg", "train_station/a/1.jpg")
    assert folder().classnames == ["flask", "test_tube", "train_station"]
    assert "a split is read" not in caplog.text


def test_a_folder_like_a_split_beside_splits_is_left_out_with_advice(draw, folder, caplog):
    draw("train/cat/1.jpg", "train/dog/1.jpg", "val2017/cat/1.jpg")
    folder()
    assert "left out: val2017; a split is read from a folder with one of the names" in caplog.text


@pytest.mark.parametrize("name", ["train2017", "tst", "Training_Set", "testimages", "trainval"])
def test_looks_like_a_split(name):
    assert looks_like_split(name)


@pytest.mark.parametrize("name", ["station", "values", "contest", "latest", "invalid", "joy"])
def test_looks_like_no_split(name):
    assert not looks_like_split(name)


def test_folders_of_systems_are_no_classes_and_their_images_are_not_read(draw, folder):
    draw("joy/1.jpg", "sad/1.jpg", "@eaDir/x/y.jpg", "joy/@eaDir/1.jpg/SYNO_THUMB_M.jpg")
    draw("$RECYCLE.BIN/a/1.jpg", "lost+found/1.jpg", "sad/.thumbnails/1.jpg", "#recycle/1.jpg")
    dataset = folder()
    assert dataset.classnames == ["joy", "sad"]
    assert [record.name for record in dataset.train_x] == ["joy/1.jpg", "sad/1.jpg"]


def test_classes_that_differ_in_case_alone_are_a_warning(draw, folder, caplog):
    draw("train/Cat/1.jpg", "train/dog/1.jpg", "test/cat/1.jpg")
    assert folder().classnames == ["Cat", "cat", "dog"]
    assert "'Cat' and 'cat' differ in case alone" in caplog.text
    caplog.clear()
    assert folder(CLASS_NAMES=("Cat=cat",)).classnames == ["cat", "dog"]
    assert "differ in case" not in caplog.text


def test_images_beside_the_folders_of_classes_are_counted_in_a_warning(
    draw, folder, caplog, tmp_path
):
    draw("joy/1.jpg", "anger/1.jpg", "loose.jpg", "loose2.PNG", ".hidden.jpg")
    folder()
    expected = f"{tmp_path}: 2 images are in no folder of a class and are left out: loose.jpg"
    assert expected in caplog.text


def test_a_split_without_folders_of_classes_is_a_warning(draw, folder, caplog, tmp_path):
    draw("train/cat/1.jpg", "train/dog/1.jpg", "test/1.jpg", "test/2.jpg")
    assert not folder().has_test
    assert f"{tmp_path / 'test'}: 2 images are in no folder of a class" in caplog.text


@pytest.mark.parametrize("name", ["Folder", "Csv"])
def test_one_class_alone_is_a_warning(draw, write, load, caplog, name):
    draw("joy/1.jpg", "joy/2.jpg")
    write("labels.csv", "image,label\njoy/1.jpg,joy\njoy/2.jpg,joy\n")
    keys = {"FILE": "labels.csv"} if name == "Csv" else {}
    load(NAME=name, images=True, **keys)
    assert f"Data set {name} has one class, 'joy'" in caplog.text
