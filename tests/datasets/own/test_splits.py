"""Splits of the data set Csv: words, columns and folders."""

import pytest

from core.errors import UserError


def names_of(dataset):
    splits = (dataset.train_x, dataset.val, dataset.test)
    return [[record.name for record in records] for records in splits]


@pytest.mark.parametrize("word", ["dev", "Eval", "valid", "validation"])
def test_words_of_val_in_a_column(write, load, word):
    write("f.csv", f"file_name,label,split\n0.jpg,x,train\n1.jpg,x,{word}\n2.jpg,x,test\n")
    assert names_of(load(FILE="f.csv")) == [["0.jpg"], ["1.jpg"], ["2.jpg"]]


@pytest.mark.parametrize("folders", [("train", "dev", "test"), ("Train", "Val", "TEST")])
def test_words_and_case_of_folders(write, load, folders):
    for folder in folders:
        write(f"{folder}/_classes.csv", "filename,x,y\na.jpg,1,0\nb.jpg,0,1\n")
    dataset = load()
    assert names_of(dataset) == [[f"{folder}/a.jpg", f"{folder}/b.jpg"] for folder in folders]


def test_a_label_file_in_a_folder_that_is_no_split_is_reported(write, load, caplog):
    for folder in ("train", "holdout", "images"):
        write(f"{folder}/_classes.csv" if folder != "images" else "images/a.txt", "filename,x\na,1")
    load()
    assert "have no name of a split are left out: holdout" in caplog.text


@pytest.mark.parametrize("column", ["subset", "Usage", "partition", "set"])
@pytest.mark.parametrize("labels", ["labels", "joy"])
def test_a_column_of_splits_is_found_by_its_values(write, load, caplog, column, labels):
    lines = [f"{i}.jpg,1,{split}" for i, split in enumerate(("Training", "test", "val", "train"))]
    write("f.csv", f"file_name,{labels},{column}\n" + "\n".join(lines))
    assert names_of(load(FILE="f.csv")) == [["0.jpg", "3.jpg"], ["2.jpg"], ["1.jpg"]]
    assert f"column '{column}' gives the splits" in caplog.text
    ignored = load(FILE="f.csv", IGNORE=(column,))
    assert [len(names) for names in names_of(ignored)] == [4, 0, 0]


def test_two_columns_of_splits_ask(write, load):
    write("f.csv", "file_name,label,a,b\n0.jpg,x,train,test\n1.jpg,x,test,train\n")
    with pytest.raises(UserError, match=r"columns 'a' and 'b' may both hold the splits"):
        load(FILE="f.csv")
    write("f.csv", "file_name,label,a,split\n0.jpg,x,train,test\n1.jpg,x,test,train\n")
    assert names_of(load(FILE="f.csv")) == [["1.jpg"], [], ["0.jpg"]]


def test_other_words_and_labels_are_no_splits(write, load):
    write("f.csv", "file_name,label,camera\n0.jpg,train,front\n1.jpg,test,front\n")
    dataset = load(FILE="f.csv", CLASSES=("test", "train"))
    assert dataset.classnames == ["test", "train"]
    assert names_of(dataset) == [["0.jpg", "1.jpg"], [], []]


def test_choices_of_label_studio_are_no_splits(write, load):
    write("f.csv", "annotation_id,phase,image,lead_time\n1,train,0.jpg,1\n2,test,1.jpg,1\n")
    dataset = load(FILE="f.csv")
    assert dataset.classnames == ["test", "train"]
    assert names_of(dataset) == [["0.jpg", "1.jpg"], [], []]


@pytest.mark.parametrize(
    "names",
    [
        ("train/0.jpg", "dev/1.jpg", "test/2.jpg"),
        ("images/training/a/0.jpg", "images/val/b/1.jpg", "images/test/a/2.jpg"),
        ("joy/train/0.jpg", "joy/val/1.jpg", "fear/test/2.jpg"),
        ("gs://bucket/train/0.jpg", "gs://bucket/eval/1.jpg", "gs://bucket/test/2.jpg"),
    ],
)
def test_folders_in_the_names_of_images_are_splits(write, load, caplog, names):
    write("metadata.csv", "file_name,label\n" + "".join(f"{name},x\n" for name in names))
    names = [name.removeprefix("gs://bucket/") for name in names]
    assert names_of(load(FILE="metadata.csv")) == [[name] for name in names]
    assert "The names of the images give the splits" in caplog.text
    assert names_of(load(TRAIN_FILE="metadata.csv")) == [names, [], []]


@pytest.mark.parametrize(
    "names",
    [("train/0.jpg", "1.jpg"), ("train/0.jpg", "bus/1.jpg"), ("train/0.jpg", "train/1.jpg")],
)
def test_other_folders_are_no_splits(write, load, names):
    write("metadata.csv", "file_name,label\n" + "".join(f"{name},x\n" for name in names))
    assert names_of(load(FILE="metadata.csv")) == [list(names), [], []]


def test_folds_divide_images_in_folders_of_splits(write, load):
    lines = [f"{('train', 'test')[i % 2]}/{i}.jpg,{'xy'[i % 2]}\n" for i in range(20)]
    write("f.csv", "file_name,label\n" + "".join(lines))
    assert [len(names) for names in names_of(load(FILE="f.csv", USE_FOLDS=True))] == [12, 4, 4]


def test_the_file_of_a_split_counts_more_than_its_column(write, load, caplog):
    write("f.csv", "file_name,label,split\n0.jpg,x,train\n1.jpg,x,test\n")
    assert names_of(load(TRAIN_FILE="f.csv")) == [["0.jpg", "1.jpg"], [], []]
    assert "the file is that of train; its column of splits, with test, is not read" in caplog.text


def test_an_unknown_split_names_all_words(write, load):
    write("f.csv", "file_name,label,split\n0.jpg,x,trian\n")
    words = "train, training, val, valid, validation, validate, dev, eval, test, testing"
    message = f"'trian'; accepted: {words}"
    with pytest.raises(UserError, match=message):
        load(FILE="f.csv")
