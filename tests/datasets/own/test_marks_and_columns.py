"""Tables whose rows or columns say more than labels: marks, votes, splits, numbers, addresses."""

import logging

import pytest

from core.errors import UserError
from tests.datasets.own.conftest import labels_of


def splits_of(dataset):
    return [len(split) for split in (dataset.train_x, dataset.val, dataset.test)]


# Rows that their tool marks -----------------------------------------------------------------------


def test_tasks_of_label_studio_without_an_annotation_are_left_out(write, load, caplog):
    write(
        "f.csv",
        "annotation_id,annotator,emo,id,image,lead_time\n"
        "1,1,joy,1,a.jpg,3.2\n2,1,,2,b.jpg,1.0\n,,,4,d.jpg,\n",
    )
    with caplog.at_level(logging.WARNING):
        found = labels_of(load(FILE="f.csv", KIND="multi_label"))
    assert found == {"a.jpg": {"joy"}, "b.jpg": set()}
    assert "1 rows are left out: tasks without annotations" in caplog.text


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_answers_of_prodigy_count(write, load, answer):
    row = '{{"image": "{}.jpg", "label": "JOY", "_input_hash": 82347, "answer": "{}"}}\n'
    write("f.jsonl", row.format("a", "accept") + row.format("b", answer))
    assert labels_of(load(FILE="f.jsonl")) == {"a.jpg": {"JOY"}}


def test_rejected_assignments_of_mechanical_turk_are_left_out(write, load):
    write(
        "f.csv",
        '"HITId","AssignmentStatus","WorkerId","Input.image_url","Answer.label"\n'
        '"3A","Approved","W1","http://x/a.jpg","joy"\n"3A","Rejected","W2","http://x/a.jpg","fear"\n',
    )
    assert labels_of(load(FILE="f.csv", LABEL_POLICY="any")) == {"a.jpg": {"joy"}}


def test_a_table_without_any_label_is_one_line(write, load):
    write("f.csv", "annotation_id,emo,image,lead_time\n,,a.jpg,\n,,b.jpg,\n")
    with pytest.raises(UserError, match="no row has a label: all are tasks without annotations"):
        load(FILE="f.csv")


# Annotators ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["WorkerId", "_worker_id", "annotator_name", "Email Address"])
def test_annotators_have_many_names(write, load, name):
    rows = "".join(f"{w},a.jpg,{x}\n" for w, x in (("A", "joy"), ("B", "joy"), ("C", "fear")))
    write("f.csv", f"{name},image,label\n{rows}D,b.jpg,fear\n")
    assert labels_of(load(FILE="f.csv", LABEL_POLICY="majority"))["a.jpg"] == {"joy"}


@pytest.mark.parametrize("policy", ["majority", "soft"])
def test_a_policy_without_annotators_is_named(write, load, caplog, policy):
    write("f.csv", "image,label\na.jpg,joy\na.jpg,fear\n")
    with caplog.at_level(logging.WARNING):
        load(FILE="f.csv", LABEL_POLICY=policy)
    assert f"DATASET.LABEL_POLICY {policy} has no effect: the files name no annot" in caplog.text


def test_few_images_that_prevent_one_class_are_named(write, load, caplog):
    write("f.csv", "image,label\na.jpg,joy\na.jpg,calm\nb.jpg,calm\nc.jpg,joy\n")
    with caplog.at_level(logging.WARNING):
        assert load(FILE="f.csv").kind == "multi_label"
    assert "1 of 3 images have no label or several (line 2: a.jpg)" in caplog.text


# Splits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", ["NA", "", "Unassigned"])
def test_a_missing_split_is_no_other_word(write, load, empty):
    write("f.csv", f"image,label,subset\na.jpg,x,train\nb.jpg,x,test\nc.jpg,y,{empty}\n")
    assert splits_of(load(FILE="f.csv")) == [2, 0, 1]


@pytest.mark.parametrize("word", ["Tets", "holdout"])
def test_a_word_beside_splits_is_an_error(write, load, word):
    write("f.csv", f"image,label,subset\na.jpg,x,train\nb.jpg,x,test\nc.jpg,y,{word}\n")
    with pytest.raises(UserError, match=f"line 4: column 'subset' is '{word}', but most rows"):
        load(FILE="f.csv")
    assert splits_of(load(FILE="f.csv", IGNORE=("subset",))) == [3, 0, 0]


def test_a_column_with_the_name_of_splits_is_not_left_out_in_silence(write, load, caplog):
    write("f.csv", "image,label,Usage\na.jpg,x,Training\nb.jpg,y,PublicTest\n")
    with caplog.at_level(logging.WARNING):
        load(FILE="f.csv")
    assert "column 'Usage' is not read, though its name is that of splits" in caplog.text


def test_folders_with_a_year_are_splits(write, load):
    write("f.csv", "image,label\ntrain2014/a.jpg,x\nval2014/b.jpg,y\n")
    assert splits_of(load(FILE="f.csv")) == [1, 1, 0]


def test_folders_of_splits_beside_others_are_named(write, load, caplog):
    write("f.csv", "image,label\ntrain/a.jpg,x\ntest/b.jpg,y\nextra/c.jpg,y\n")
    with caplog.at_level(logging.WARNING):
        assert splits_of(load(FILE="f.csv")) == [3, 0, 0]
    assert "folders of splits and with others (extra, test, train)" in caplog.text


def test_labels_of_fiftyone_are_not_its_tags(write, load):
    write("f.csv", "filepath,tags,ground_truth.label\na.jpg,train,joy\nb.jpg,validation,calm\n")
    dataset = load(FILE="f.csv")
    assert (dataset.classnames, splits_of(dataset)) == (["calm", "joy"], [1, 1, 0])
    write("f.csv", "filepath,tags,emotion\na.jpg,train,joy\nb.jpg,validation,calm\n")
    with pytest.raises(UserError, match="column 'tags' has the name of labels but holds splits"):
        load(FILE="f.csv")


# Numbers and addresses ----------------------------------------------------------------------------


def test_a_column_that_says_whether_a_row_counts_is_no_class(write, load):
    write("f.csv", "image,label,value\na.jpg,joy,1\nb.jpg,joy,0\na.jpg,calm,1\nb.jpg,calm,1\n")
    with pytest.raises(UserError, match=r"column 'value' has .* leave out the rows with 0"):
        load(FILE="f.csv")


@pytest.mark.parametrize("name", ["confidence", "fold", "Partition", "score"])
def test_a_number_of_each_image_is_no_class(write, load, name):
    write("f.csv", f"image,joy,{name}\na.jpg,1,0\nb.jpg,0,1\n")
    with pytest.raises(UserError, match=f"column '{name}' has values of a class but hardly is one"):
        load(FILE="f.csv")
    assert load(FILE="f.csv", CLASSES=("joy", name)).classnames == ["joy", name]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a.jpg,joy,0.93\nb.jpg,calm,0.55\n", "0.93"),
        ("a.jpg,837,346,981,456,cow\nb.jpg,22,5,89,84,bird\n", "837"),
        ("TRAIN,gs://b/a.jpg,cat,0.1,0.1,,,0.4,0.4,,\nTEST,gs://b/b.jpg,dog\n", "0.1"),
        ("a.jpg,https://x/a.jpg,joy\nb.jpg,https://x/b.jpg,calm\n", "https://x/a.jpg"),
    ],
)
def test_numbers_and_addresses_beside_names_are_no_classes(write, load, text, cell):
    write("f.csv", text)
    with pytest.raises(UserError, match=f"line 1: '{cell}' is a number or an address beside names"):
        load(FILE="f.csv")


def test_the_split_may_be_any_cell_without_a_header(write, load):
    write("f.csv", "a.jpg,joy,train,x\nb.jpg,calm,test,y\n")
    dataset = load(FILE="f.csv")
    assert (dataset.classnames, splits_of(dataset)) == (["calm", "joy", "x", "y"], [1, 0, 1])


@pytest.mark.parametrize(
    "text", ['"a.jpg","joy"\n"b.jpg","calm"\n', '"a.jpg";"joy"\n"b.jpg";"calm"\n']
)
def test_cells_in_quotes_need_no_header(write, load, text):
    write("f.csv", text)
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"joy"}, "b.jpg": {"calm"}}


@pytest.mark.parametrize("header", ["", "file_name,label\n"])
def test_indices_from_1_are_reported(write, load, caplog, header):
    write("f.csv", f"{header}a.jpg,1\nb.jpg,2\n")
    with caplog.at_level(logging.WARNING):
        load(FILE="f.csv", CLASSES=("joy", "calm", "fear"))
    assert "the index 0 does not occur; indices count from 0, so that 1 is 'calm'" in caplog.text


def test_other_signs_between_some_labels_are_reported(write, load, caplog):
    write("f.csv", 'file_name,labels\na.jpg,joy|calm\nb.jpg,"joy,fear"\nc.jpg,fear\n')
    with caplog.at_level(logging.WARNING):
        load(FILE="f.csv")
    assert "class 'joy,fear' consists of other classes" in caplog.text


# Places -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pair",
    [
        ("http://h1/p/a.jpg", "http://h2/p/a.jpg"),
        ("gs://b1/a.jpg", "gs://b2/a.jpg"),
        ("https://h/get/a.jpg?design=1", "https://h/get/a.jpg?design=2"),
    ],
)
def test_two_addresses_are_not_one_image(write, load, draw, pair):
    write("f.csv", f"image,label\n{pair[0]},joy\n{pair[1]},calm\n")
    draw("a.jpg")
    with pytest.raises(UserError, match="is the same file as"):
        load(FILE="f.csv", images=True)


def test_the_signature_of_an_address_is_not_its_name(write, load):
    write("f.csv", "image,labels\ns3://b/a.jpg?X-Amz-Date=1,joy\ns3://b/a.jpg?X-Amz-Date=2,calm\n")
    assert labels_of(load(FILE="f.csv")).popitem()[1] == {"joy", "calm"}


@pytest.mark.parametrize(
    "name",
    ["C:/Users/b/a.jpg", "C:\\Users\\b\\a.jpg", "\\\\srv\\share\\a.jpg", "~/x/a.jpg", "../x/a.jpg"],
)
def test_paths_of_another_machine_are_found(write, load, draw, name):
    write("f.csv", f"image,label\n{name},joy\n")
    draw("a.jpg")
    assert load(FILE="f.csv", images=True).train_x[0].impath.endswith("a.jpg")


def test_a_picture_in_place_of_its_name_is_not_printed_whole(write, load, draw):
    write("f.csv", f"image,label\ndata:image/png;base64{'A' * 5000},joy\n")
    with pytest.raises(UserError, match="1 of 1 images are missing") as caught:
        load(FILE="f.csv", images=True)
    assert len(str(caught.value)) < 800


def test_words_for_yes_and_no_of_spreadsheets(write, load):
    write("f.csv", "image;joy;calm\na.jpg;WAHR;FALSCH\nb.jpg;FALSCH;WAHR\n")
    assert labels_of(load(FILE="f.csv")) == {"a.jpg": {"joy"}, "b.jpg": {"calm"}}
