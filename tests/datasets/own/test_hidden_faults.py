"""Label files that could be read with wrong labels, without a word."""

import logging

import pytest

from core.errors import UserError
from tests.datasets.own.conftest import labels_of


def labels_by_split(dataset):
    return {split: len(getattr(dataset, split)) for split in ("train_x", "val", "test")}


def one_line(caught):
    return "\n" not in str(caught.value)


# Lists without a header ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg,fear,train\nb.jpg,joy,test\nc.jpg,joy,val\n",
        "a.jpg,train,fear\nb.jpg,test,joy\nc.jpg,val,joy\n",
        "a.jpg\tfear\ttrain\nb.jpg\tjoy\ttest\nc.jpg\tjoy\tvalid\n",
    ],
)
def test_words_of_splits_behind_the_image_are_splits(write, load, caplog, text):
    write("f.csv", text)
    with caplog.at_level(logging.WARNING):
        dataset = load(FILE="f.csv")
    assert dataset.classnames == ["fear", "joy"]
    assert labels_by_split(dataset) == {"train_x": 1, "val": 1, "test": 1}
    assert "column behind the image gives the splits" in caplog.text


def test_a_class_train_alone_stays_a_class(write, load):
    write("f.csv", "a.jpg,train\nb.jpg,boat\n")
    assert load(FILE="f.csv").classnames == ["boat", "train"]


def test_splits_behind_numbers_of_classes(write, load):
    write("f.csv", "a.jpg,1,0,train\nb.jpg,0,1,test\n")
    dataset = load(FILE="f.csv", CLASSES=("joy", "fear"))
    assert labels_of(dataset) == {"a.jpg": {"joy"}, "b.jpg": {"fear"}}
    assert len(dataset.test) == 1


@pytest.mark.parametrize("delimiter", ["auto", "pipe"])
def test_the_delimiter_divides_cells_without_a_header(write, load, delimiter):
    write("f.csv", "a.jpg,joy|fear\nb.jpg,joy\n")
    dataset = load(FILE="f.csv", LABEL_DELIMITER=delimiter)
    assert labels_of(dataset) == {"a.jpg": {"joy", "fear"}, "b.jpg": {"joy"}}


def test_a_comma_in_a_cell_without_a_header_asks(write, load):
    write("f.csv", "a.jpg;joy, fear\nb.jpg;joy\n")
    with pytest.raises(UserError, match=r"line 1: 'joy, fear' may be one label or several"):
        load(FILE="f.csv")
    dataset = load(FILE="f.csv", LABEL_DELIMITER="comma")
    assert labels_of(dataset) == {"a.jpg": {"joy", "fear"}, "b.jpg": {"joy"}}


@pytest.mark.parametrize(
    "text",
    [
        "gs://b/a.jpg\ngs://b/b.jpg,fear\ngs://b/c.jpg,joy,fear\n",
        ",gs://b/a.jpg\nTRAIN,gs://b/b.jpg,fear\n,gs://b/c.jpg,joy,fear\n",
    ],
)
def test_the_first_row_of_a_google_list_may_have_no_label_and_no_split(write, load, text):
    write("f.csv", text)
    found = labels_of(load(FILE="f.csv"))
    assert found == {"a.jpg": set(), "b.jpg": {"fear"}, "c.jpg": {"joy", "fear"}}


def test_rows_without_anything_are_left_out(write, load):
    write("f.csv", "gs://b/a.jpg\n,,\ngs://b/b.jpg,fear\n\n")
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": set(), "b.jpg": {"fear"}}


def test_a_cell_of_several_lines_is_no_example(write, load):
    write("f.csv", 'a.jpg\tjoy\nb.jpg\t"joy\n, fear"\n')
    found = labels_of(load(FILE="f.csv"))
    assert found == {"a.jpg": {"joy"}, "b.jpg": {"joy", ", fear"}}


# Cells --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["('joy', 'fear')", "'joy', 'fear'", '["joy", "fear"]'])
def test_tuples_and_quoted_names_are_lists(write, load, cell):
    quoted = cell.replace('"', '""')
    write("f.csv", f"""file_name,labels\na.jpg,"{quoted}"\nb.jpg,"('joy',)"\nc.jpg,()\n""")
    found = labels_of(load(FILE="f.csv"))
    assert found == {"a.jpg": {"joy", "fear"}, "b.jpg": {"joy"}, "c.jpg": set()}


@pytest.mark.parametrize(
    "cell",
    ["(joy, fear)", "{joy,fear}", "frozenset({'joy'})", "array(['joy'], dtype=object)", "set()"],
)
def test_other_brackets_are_an_error(write, load, cell):
    write("f.csv", f'file_name,labels\na.jpg,"{cell}"\n')
    with pytest.raises(
        UserError, match=r"line 2: column 'labels' is .*; expected a list"
    ) as caught:
        load(FILE="f.csv")
    assert one_line(caught)


def test_a_name_in_round_brackets_is_a_name(write, load):
    write("f.csv", "file_name,label\na.jpg,(other)\nb.jpg,joy\n")
    assert load(FILE="f.csv").classnames == ["(other)", "joy"]


@pytest.mark.parametrize(
    ("sign", "name"), [("/", "slash"), (" + ", "plus"), (" & ", "ampersand"), ("&", "ampersand")]
)
@pytest.mark.parametrize("column", ["label", "labels"])
def test_a_cell_of_other_labels_with_a_sign_between_asks(write, load, sign, name, column):
    write("f.csv", f"file_name,{column}\na.jpg,joy{sign}fear\nb.jpg,joy\nc.jpg,fear\n")
    with pytest.raises(UserError, match=rf"line 2: .*LABEL_DELIMITER to none or {name}") as caught:
        load(FILE="f.csv")
    assert one_line(caught)
    found = labels_of(load(FILE="f.csv", LABEL_DELIMITER=name))
    assert found["a.jpg"] == {"joy", "fear"}
    assert len(load(FILE="f.csv", LABEL_DELIMITER="none").classnames) == 3


@pytest.mark.parametrize("sign", [":", "\\", "__", " - "])
def test_a_sign_without_a_key_asks_too(write, load, sign):
    write("f.csv", f"file_name,label\na.jpg,joy{sign}fear\nb.jpg,joy\nc.jpg,fear\n")
    with pytest.raises(UserError, match=r"line 2: .* write \| between the labels"):
        load(FILE="f.csv")


def test_combinations_that_recur_ask_without_a_single_label(write, load):
    write("f.csv", "file_name,label\na.jpg,joy/fear\nb.jpg,joy/calm\nc.jpg,fear/calm\n")
    with pytest.raises(UserError, match=r"LABEL_DELIMITER to none or slash"):
        load(FILE="f.csv")


def test_a_slash_in_a_name_stays(write, load):
    write("f.csv", "file_name,label\na.jpg,Doubt/Confusion\nb.jpg,joy\n")
    assert load(FILE="f.csv").classnames == ["Doubt/Confusion", "joy"]


def test_lines_of_a_cell_are_labels(write, load):
    write("f.csv", 'file_name,label\na.jpg,"joy\nfear"\nb.jpg,joy\n')
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"joy", "fear"}, "b.jpg": {"joy"}}


def test_a_wrong_delimiter_warns_of_joined_classes(write, load, caplog):
    write("f.csv", "file_name,labels\na.jpg,calm|fear\nb.jpg,calm\nc.jpg,fear\n")
    with caplog.at_level(logging.WARNING):
        load(FILE="f.csv", LABEL_DELIMITER="comma")
    assert "class 'calm|fear' consists of other classes" in caplog.text


@pytest.mark.parametrize("cell", ["NA", "nan", "N/A", "#N/A", "NULL"])
def test_a_missing_value_is_no_class(write, load, caplog, cell):
    write("f.csv", f"file_name,labels\na.jpg,{cell}\nb.jpg,joy\nc.jpg,fear\n")
    with caplog.at_level(logging.WARNING):
        dataset = load(FILE="f.csv")
    assert labels_of(dataset)["a.jpg"] == set() and dataset.classnames == ["fear", "joy"]
    assert f"'{cell}' in column 'labels' counts as an empty cell" in caplog.text
    assert load(FILE="f.csv", CLASSES=("joy", "fear", cell)).train_x[0].label.tolist() == [0, 0, 1]


def test_none_as_a_class_and_numbers_as_names_have_a_warning(write, load, caplog):
    write("f.csv", "file_name,label\na.jpg,None\nb.jpg,joy\n")
    write(
        "n.jsonl", '{"file_name": "a.jpg", "labels": [0, 2]}\n{"file_name": "b.jpg", "labels": [1]}'
    )
    with caplog.at_level(logging.WARNING):
        load(FILE="f.csv")
        assert load(FILE="n.jsonl").classnames == ["0", "1", "2"]
    assert "'None' is a class" in caplog.text
    assert "the names of the classes are numbers (0, 1, 2)" in caplog.text


# Columns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("label,label2", r"column 'label2' is one of several columns of labels"),
        ("label_1,label_2", r"column 'label_1' is one of several columns of labels"),
        ("label,other words", r"columns 'label' and 'other words' hold the same words"),
        ("emotion,note", r"column 'emotion' is 'joy'; .* rename it to 'labels'.* holds for 'note'"),
    ],
)
def test_labels_in_several_columns_or_under_another_name(write, load, header, message):
    write("f.csv", f"file_name,{header}\na.jpg,joy,fear\nb.jpg,fear,joy\n")
    with pytest.raises(UserError, match=message) as caught:
        load(FILE="f.csv")
    assert one_line(caught)


def test_a_column_of_the_test_images_alone_asks_for_splits(write, load):
    write("f.csv", "file_name,label,is_valid,is_test\na.jpg,joy,0,1\nb.jpg,fear,1,0\n")
    with pytest.raises(UserError, match=r"column 'is_test' may say .*write one column 'split'"):
        load(FILE="f.csv")


@pytest.mark.parametrize("header", ["id,label", "photo,label", "ImageName,label", "Bild,label"])
def test_a_column_of_images_may_have_many_names(write, load, header):
    write("f.csv", f"{header}\na.jpg,joy\nb.jpg,fear\n")
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"joy"}, "b.jpg": {"fear"}}


def test_the_column_that_holds_image_files_names_the_images(write, load):
    write("f.csv", "Bild,name,label\na.jpg,Ann,joy\nb.jpg,Bob,fear\n")
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"joy"}, "b.jpg": {"fear"}}


# Text ---------------------------------------------------------------------------------------------


def test_names_that_look_the_same_are_one_class(write, load):
    composed, apart = "caf\u00e9", "cafe\u0301"
    write("f.csv", f"file_name,label\na.jpg,{composed}\nb.jpg,{apart}\nc.jpg,{composed}\u200b\n")
    assert load(FILE="f.csv").classnames == [composed]
    write("g.csv", f"file_name,label\na.jpg,{composed}\nb.jpg,joy\n")
    assert load(FILE="g.csv", CLASSES=(apart, "joy")).classnames == [composed, "joy"]


def test_a_class_folder_has_the_same_form_as_the_list_of_classes(load, draw):
    draw("cafe\u0301/a.png", "joy/b.png")
    dataset = load(NAME="Folder", CLASSES=("caf\u00e9", "joy"), images=True)
    assert [record.label.argmax() for record in dataset.train_x] == [0, 1]


def test_a_file_in_another_encoding_says_how_it_is_read(write, load, caplog):
    write("f.csv", "file_name,label\na.jpg,joy\nb.jpg,cœur\n".encode("cp1252"))
    with caplog.at_level(logging.WARNING):
        assert load(FILE="f.csv").classnames == ["cœur", "joy"]
    assert "not UTF-8; it is read as Windows-1252, which makes line 3 'b.jpg,cœur'" in caplog.text


def test_one_wrong_byte_in_utf_8_is_named(write, load):
    text = "file_name,label\na.jpg,fröhlich\nb.jpg,schön\nc.jpg,müde\n".encode()
    write("f.csv", text + b"d.jpg,m\xfcde\n")
    with pytest.raises(UserError, match=r"line 5: a byte is not valid UTF-8") as caught:
        load(FILE="f.csv")
    assert one_line(caught)


# Images -------------------------------------------------------------------------------------------


def test_accents_of_file_names_may_have_the_other_form(write, load, draw, tmp_path):
    draw("cafe\u0301.jpg")
    write("f.csv", "file_name,label\ncaf\u00e9.jpg,joy\n")
    (record,) = load(FILE="f.csv", images=True).train_x
    assert record.impath == str(tmp_path / "cafe\u0301.jpg")


@pytest.mark.parametrize("there", ["IMG_1.JPG", "img_1.png"])
def test_a_missing_image_names_the_file_with_other_case_or_suffix(write, load, draw, there):
    draw("0.jpg", there)
    write("f.csv", "file_name,label\n0.jpg,joy\nimg_1.jpg,fear\n")
    with pytest.raises(UserError, match=rf"missing: img_1.jpg \(there is {there}\)"):
        load(FILE="f.csv", images=True)


def test_a_folder_of_images_that_is_not_there_is_named(write, load, draw):
    draw("a.jpg", "pictures/b.jpg")
    write("f.csv", "file_name,label\na.jpg,joy\n")
    with pytest.raises(UserError, match=r"DATASET.IMAGES: there is no folder .*Did you mean 'pict"):
        load(FILE="f.csv", IMAGES="pictres", images=True)


def test_images_of_a_cvat_project_are_in_folders_of_its_subsets(write, load, draw, tmp_path):
    image = '<image id="{0}" name="{0}.jpg" subset="{1}"><tag label="joy"/></image>'
    images = image.format("a", "Train") + image.format("b", "Test")
    write("annotations.xml", f"<annotations>{images}</annotations>")
    draw("images/Train/a.jpg", "images/Test/b.jpg")
    dataset = load(FILE="annotations.xml", images=True)
    assert dataset.train_x[0].impath == str(tmp_path / "images/Train/a.jpg")
    assert dataset.test[0].impath == str(tmp_path / "images/Test/b.jpg")
