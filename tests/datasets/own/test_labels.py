"""Delimiters, class order, annotators, shares, splits and kinds of the data set Csv."""

import logging

import numpy as np
import pytest

from core.errors import UserError
from core.labels import UNKNOWN
from tests.datasets.own.conftest import labels_of


def rows(dataset):
    return [record.label.tolist() for record in dataset.train_x]


@pytest.mark.parametrize(
    "text",
    [
        "file_name,joy,calm\na.jpg,1,0\nb.jpg,,1\n",
        "\ufefffile_name,joy,calm\r\na.jpg,1,0\r\nb.jpg,,1\r\n",
        "file_name\tjoy\tcalm\na.jpg\t1\t0\nb.jpg\t\t1\n",
        "File Name;joy;calm\na.jpg;1;0\n\nb.jpg;;1",
        ' file_name , joy, "calm"\n a.jpg , 1.0 , 0\nb.jpg,nan, True\n',
        "file_name,joy,calm,,\na.jpg,1,0,,\nb.jpg,,1\n".replace("b.jpg,,1", "b.jpg,,1,,"),
        ",file_name,joy,calm\n0,a.jpg,1,0\n1,b.jpg,,1\n",
    ],
)
def test_tables_in_usual_forms_read_alike(write, load, text):
    write("f.csv", text)
    dataset = load(FILE="f.csv")
    assert dataset.classnames == ["joy", "calm"]
    assert rows(dataset) == [[1, 0], [UNKNOWN, 1]]
    assert [record.name for record in dataset.train_x] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    "text",
    [
        "file_name;joy;calm\na.jpg;0,75;0,25\nb.jpg;1;\n",
        "file_name\tjoy\tcalm\na.jpg\t0,75\t.25\nb.jpg\t1\t\n",
        "sep=;\r\nfile_name;joy;calm\r\na.jpg;0,75;0,25\r\nb.jpg;1;\r\n",
        '"SEP=,"\nfile_name,joy,calm\na.jpg,0.75,0.25\nb.jpg,1,\n',
        '"file_name" , "joy" , "calm" \n"a.jpg" , "0.75" , "0.25"\n"b.jpg" ,"1" , "" \n',
    ],
)
def test_tables_of_spreadsheets(write, load, text):
    write("f.csv", text)
    dataset = load(FILE="f.csv")
    assert dataset.classnames == ["joy", "calm"]
    assert rows(dataset) == [[0.75, 0.25], [1, UNKNOWN]]


def test_decimal_commas_of_a_list_without_header(write, load):
    write("f.csv", "a.jpg;0,75;0,25\nb.jpg;1;0\n")
    assert rows(load(FILE="f.csv", CLASSES=("joy", "calm"))) == [[0.75, 0.25], [1, 0]]


def test_quotes_and_spaces_inside_a_cell_stay(write, load):
    write("f.csv", 'file_name,label\na.jpg,"say ""hi"" , then" \nb.jpg,"x\n" \n')
    labels = labels_of(load(FILE="f.csv", LABEL_DELIMITER="none"))
    assert labels == {"a.jpg": {'say "hi" , then'}, "b.jpg": {"x"}}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16"])
def test_encodings(write, load, encoding):
    write("f.csv", "file_name,label\ncafé.jpg,Größe\n".encode(encoding))
    assert labels_of(load(FILE="f.csv")) == {"café.jpg": {"Größe"}}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["a b|c,d", "c,d"], [{"a b", "c,d"}, {"c,d"}]),
        (["a b; c,d ;", "a b"], [{"a b", "c,d"}, {"a b"}]),
        (["a b, c", "c"], [{"a b", "c"}, {"c"}]),
        (["a b", "b"], [{"a", "b"}, {"b"}]),
    ],
)
def test_delimiters_of_a_column_of_many_labels(write, load, cells, expected):
    write("f.csv", f'fname,labels\n0.jpg,"{cells[0]}"\n1.jpg,"{cells[1]}"\n')
    assert list(labels_of(load(FILE="f.csv")).values()) == expected


def test_spaces_divide_only_if_parts_recur(write, load, caplog):
    lines = ["golden retriever", "cat", "dining table", "golden retriever"]
    write("f.csv", "fname,labels\n" + "".join(f"{i}.jpg,{x}\n" for i, x in enumerate(lines)))
    message = "line 2: 'golden retriever' may be one label or several; .* to none or space"
    with pytest.raises(UserError, match=message):
        load(FILE="f.csv")
    whole = load(FILE="f.csv", LABEL_DELIMITER="none")
    assert whole.classnames == ["cat", "dining table", "golden retriever"]
    assert "divided" not in caplog.text
    write("f.csv", "fname,labels\n0.jpg,golden retriever\n1.jpg,cat golden\n")
    assert load(FILE="f.csv").classnames == ["cat", "golden", "retriever"]
    assert "divided at space, which gives the classes cat, golden, retriever" in caplog.text


def test_a_word_that_is_always_the_last_one_is_part_of_names(write, load):
    write("f.csv", "fname,labels\n0.jpg,air hockey\n1.jpg,field hockey\n2.jpg,ice hockey\n")
    with pytest.raises(UserError, match="'air hockey' may be one label or several"):
        load(FILE="f.csv")


def test_commas_whose_parts_never_recur_are_reported(write, load, caplog):
    write("f.csv", 'fname,labels\n0.jpg,"Beat other, compete"\n1.jpg,Joy\n')
    assert load(FILE="f.csv").classnames == ["Beat other", "Joy", "compete"]
    assert "divided at comma, which gives the classes Beat other, Joy, compete" in caplog.text
    caplog.clear()
    write("f.csv", 'fname,labels\n0.jpg,"Joy, Awe"\n1.jpg,Joy\n')
    assert load(FILE="f.csv").classnames == ["Awe", "Joy"]
    assert "which gives the classes" not in caplog.text


def test_known_classes_are_never_divided(write, load):
    names = ("Beat other, compete", "Doubt/Confusion", "Joy")
    write("classes.txt", "\n".join(names))
    write("f.csv", 'fname,labels\n0.jpg,"Beat other, compete"\n1.jpg,Joy\n')
    dataset = load(FILE="f.csv")
    assert tuple(dataset.classnames) == names
    assert labels_of(dataset) == {"0.jpg": {names[0]}, "1.jpg": {"Joy"}}
    write("f.csv", 'fname,labels\n0.jpg,"Beat other, compete|Joy"\n1.jpg,Doubt/Confusion|Joy\n')
    expected = {"0.jpg": {names[0], "Joy"}, "1.jpg": {names[1], "Joy"}}
    assert labels_of(load(FILE="f.csv")) == expected


def test_a_delimiter_in_a_known_class_does_not_divide(write, load):
    write("classes.txt", "Beat other, compete\nJoy\n")
    write("f.csv", 'fname,labels\n0.jpg,"Beat other, compete,Joy"\n')
    with pytest.raises(
        UserError, match="line 2, column 'labels': class is 'Beat other, compete,Joy'"
    ):
        load(FILE="f.csv")


def test_the_delimiter_is_the_same_in_all_files(write, load):
    write("train.csv", "fname,labels\n0.jpg,golden retriever|cat\n")
    write("test.csv", "fname,labels\n1.jpg,golden retriever\n")
    dataset = load(TRAIN_FILE="train.csv", TEST_FILE="test.csv")
    assert dataset.classnames == ["cat", "golden retriever"]
    assert labels_of(dataset)["1.jpg"] == {"golden retriever"}


def test_the_key_chooses_the_delimiter(write, load):
    write("f.csv", 'fname,label\n0.jpg,"a, b"\n')
    assert labels_of(load(FILE="f.csv", LABEL_DELIMITER="comma")) == {"0.jpg": {"a", "b"}}
    assert labels_of(load(FILE="f.csv", LABEL_DELIMITER="none")) == {"0.jpg": {"a, b"}}
    assert labels_of(load(FILE="f.csv", LABEL_DELIMITER="space")) == {"0.jpg": {"a,", "b"}}


def test_order_of_classes(write, load):
    write("wide.csv", "fname,b,a\n0.jpg,1,0\n")
    write("long.csv", "fname,labels\n0.jpg,b\n1.jpg,a;c\n")
    assert load(FILE="wide.csv").classnames == ["b", "a"]
    assert load(FILE="wide.csv", CLASSES=("a", "b")).classnames == ["a", "b"]
    assert rows(load(FILE="wide.csv", CLASSES=("a", "b"))) == [[0, 1]]
    assert load(FILE="long.csv").classnames == ["a", "b", "c"]
    write("order.txt", "c\nb\na\nd\n")
    dataset = load(FILE="long.csv", CLASSES=("order.txt",))
    assert dataset.classnames == ["c", "b", "a", "d"]
    write("numbers.csv", "fname,label\n0.jpg,10\n1.jpg,9\n")
    assert load(FILE="numbers.csv").classnames == ["9", "10"]
    write("numbers.csv", f"fname,label\n0.jpg,{'9' * 5000}\n1.jpg,9\n")
    assert load(FILE="numbers.csv").classnames == ["9", "9" * 5000]


def test_columns_in_another_order_are_matched_by_name(write, load):
    write("train.csv", "fname,a,b\n0.jpg,1,0\n")
    write("test.csv", "fname,b,a\n1.jpg,1,0\n")
    dataset = load(TRAIN_FILE="train.csv", TEST_FILE="test.csv")
    assert dataset.test[0].label.tolist() == [0, 1]


def test_indices_are_named_by_a_given_list(write, load):
    write("f.csv", "fname,label\n0.jpg,1\n1.jpg,0\n")
    dataset = load(FILE="f.csv", CLASSES=("x", "y"))
    assert labels_of(dataset) == {"0.jpg": {"y"}, "1.jpg": {"x"}}


def test_given_classes_choose_the_columns(write, load, caplog):
    write("f.csv", "fname,width,a,split,b\n0.jpg,640,1,train,0\n")
    with caplog.at_level(logging.INFO):
        dataset = load(FILE="f.csv", CLASSES=("b", "a"))
    assert dataset.classnames == ["b", "a"]
    assert "no class of the list are left out: 'width'" in caplog.text
    with pytest.raises(UserError, match="class 'c' of the list of classes has no column"):
        load(FILE="f.csv", CLASSES=("a", "c"))


def test_ignored_columns(write, load):
    write("f.csv", "fname,width,a,caption\n0.jpg,640,1,some text\n")
    dataset = load(FILE="f.csv", IGNORE=("width", "Caption"))
    assert dataset.classnames == ["a"]


def test_repeated_rows_join_their_labels(write, load):
    write("f.csv", "fname,label\n0.jpg,b\n1.jpg,a\n0.jpg,a\n0.jpg,b\n")
    dataset = load(FILE="f.csv")
    assert labels_of(dataset) == {"0.jpg": {"a", "b"}, "1.jpg": {"a"}}
    assert dataset.kind == "multi_label"
    write("f.csv", "fname,a,b\n0.jpg,1,0\n0.jpg,1,0\n")
    assert rows(load(FILE="f.csv")) == [[1, 0]]


VOTES = """fname,labels,annotator,split
0.jpg,a|b,ann,train
0.jpg,a,ben,train
0.jpg,a,cy,train
1.jpg,b,ann,test
1.jpg,a,ben,test
1.jpg,b,cy,test
"""


@pytest.mark.parametrize(
    ("policy", "train", "test"),
    [("any", [1, 1], [1, 1]), ("majority", [1, 0], [0, 1]), ("soft", [1, 1 / 3], [1, 1])],
)
def test_annotators_vote(write, load, policy, train, test):
    write("f.csv", VOTES)
    dataset = load(FILE="f.csv", LABEL_POLICY=policy)
    np.testing.assert_allclose(dataset.train_x[0].label, train, rtol=1e-6)
    np.testing.assert_allclose(dataset.train_x[0].votes, [1, 1 / 3], rtol=1e-6)
    assert dataset.test[0].label.tolist() == test
    np.testing.assert_allclose(dataset.test[0].votes, [1 / 3, 2 / 3], rtol=1e-6)


def test_annotators_with_a_column_per_class(write, load):
    write("f.csv", "fname,worker,a,b\n0.jpg,x,1,\n0.jpg,y,0,\n1.jpg,x,1,1\n")
    dataset = load(FILE="f.csv", LABEL_POLICY="soft")
    assert rows(dataset) == [[0.5, UNKNOWN], [1, 1]]
    assert dataset.train_x[0].votes.tolist() == [0.5, 0]


def test_one_class_per_annotator_is_a_distribution(write, load):
    text = "fname,label,rater,split\n"
    for i, label in enumerate("abb"):
        text += f"0.jpg,{label},{i},train\n1.jpg,{label},{i},val\n"
    write("f.csv", text)
    dataset = load(FILE="f.csv")
    assert dataset.kind == "single_label"
    assert rows(dataset) == [[0, 1]]
    assert dataset.train_x[0].classname == "b"
    soft = load(FILE="f.csv", TARGETS="soft")
    np.testing.assert_allclose(soft.train_x[0].label, [1 / 3, 2 / 3], rtol=1e-6)
    assert soft.val[0].label.tolist() == [0, 1]
    np.testing.assert_allclose(soft.val[0].votes, [1 / 3, 2 / 3], rtol=1e-6)


def test_shares_are_soft_targets_of_train_and_marks_above_half_elsewhere(write, load):
    write("f.csv", "fname,a,b,split\n0.jpg,0.25,0.75,train\n1.jpg,0.25,0.75,test\n")
    dataset = load(FILE="f.csv")
    assert rows(dataset) == [[0.25, 0.75]]
    assert dataset.test[0].label.tolist() == [0, 1]
    assert dataset.test[0].votes.tolist() == [0.25, 0.75]
    assert rows(load(FILE="f.csv", LABEL_POLICY="majority")) == [[0, 1]]
    single = load(FILE="f.csv", KIND="single_label", TARGETS="soft")
    assert rows(single) == [[0.25, 0.75]]
    assert single.test[0].label.tolist() == [0, 1]


def test_probabilities_of_annotators_are_shares_and_no_marks(write, load):
    write(
        "f.csv",
        "fname,annotator,a,b,split\n0.jpg,x,0.1,0.9,train\n0.jpg,y,0.2,0.8,train\n"
        "1.jpg,x,0.5,0.75,test\n1.jpg,y,0.5,1,test\n",
    )
    for policy, target in (("any", [0.15, 0.85]), ("soft", [0.15, 0.85]), ("majority", [0, 1])):
        dataset = load(FILE="f.csv", LABEL_POLICY=policy)
        np.testing.assert_allclose(dataset.train_x[0].label, target, rtol=1e-6)
        np.testing.assert_allclose(dataset.train_x[0].votes, [0.15, 0.85], rtol=1e-6)
        assert dataset.test[0].label.tolist() == [0, 1]


def test_a_drawn_val_split_has_no_soft_labels(write, make_cfg, load):
    write("f.csv", "fname,a,b\n" + "".join(f"{i}.jpg,0.25,0.75\n" for i in range(10)))
    from datasets.csv_file import Csv

    cfg = make_cfg(FILE="f.csv", VAL_PERCENT=0.2)
    cfg.TEST.NO_TEST = False
    dataset = Csv(cfg, images=False)
    assert len(dataset.val) == 2
    assert all(record.label.tolist() == [0, 1] for record in dataset.val)
    assert all(label == [0.25, 0.75] for label in rows(dataset))


def test_folds_divide_a_file_without_splits(write, load):
    write("f.csv", "fname,label\n" + "".join(f"{i}.jpg,{'ab'[i % 2]}\n" for i in range(20)))
    tests = []
    for fold in range(5):
        dataset = load(FILE="f.csv", USE_FOLDS=True, FOLD=fold)
        assert (len(dataset.train_x), len(dataset.val), len(dataset.test)) == (12, 4, 4)
        tests += [record.name for record in dataset.test]
    assert len(set(tests)) == 20


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("split", ("training", "validation", "testing")),
        ("Split", ("TRAIN", "Val", "TEST")),
        ("split_name", ("train", "valid", "test")),
        ("ml_use", ("TRAIN", "VALIDATION", "TEST")),
    ],
)
def test_spellings_of_splits(write, load, column, values):
    lines = [f"{i}.jpg,x,{value}" for i, value in enumerate(values)]
    write("f.csv", f"file_name,label,{column}\n" + "\n".join(lines))
    dataset = load(FILE="f.csv")
    found = [[record.name for record in s] for s in (dataset.train_x, dataset.val, dataset.test)]
    assert found == [["0.jpg"], ["1.jpg"], ["2.jpg"]]


def test_evaluation_of_predictions_needs_no_files_of_other_splits(write, make_cfg):
    write("test.csv", "file_name,a,b\n0.jpg,1,0\n")
    from datasets.csv_file import Csv

    cfg = make_cfg(TRAIN_FILE="train.csv", VAL_FILE="val.csv", TEST_FILE="test.csv")
    cfg.TEST.NO_TEST = False
    dataset = Csv(cfg, splits=("test",), images=False)
    assert [record.name for record in dataset.test] == ["0.jpg"]
    with pytest.raises(UserError, match=r"DATASET.TRAIN_FILE: .*train.csv is missing"):
        Csv(cfg)


def test_a_hierarchy_file_is_found_below_the_root(write, load):
    write("f.csv", "fname,a,b\n0.jpg,1,0\n")
    write("words.yaml", "classes: {a: {name: a red car}, b: {name: the sky}}\n")
    dataset = load(FILE="f.csv", HIERARCHY="words.yaml")
    assert dataset.hierarchy.names == ["a red car", "the sky"]


def test_names_that_differ_in_case_are_reported(write, load, caplog):
    write("f.csv", "fname,labels\n0.jpg,Joy\n1.jpg,joy\n")
    assert load(FILE="f.csv").classnames == ["Joy", "joy"]
    assert "'Joy' and 'joy' differ in case alone" in caplog.text


@pytest.mark.parametrize("name", ["worker", "User", "rater"])
def test_a_person_may_be_a_class_or_the_annotator(write, load, caplog, name):
    write("f.csv", f"filename, helmet, {name}\n0.jpg, 1, 0\n1.jpg, 0, 1\n")
    message = f"line 1: column '{name}' may be a class or the annotator.*DATASET.CLASSES"
    with pytest.raises(UserError, match=message):
        load(FILE="f.csv")
    both = load(FILE="f.csv", CLASSES=("helmet", name))
    assert rows(both) == [[1, 0], [0, 1]]
    assert both.train_x[0].votes is None
    with caplog.at_level(logging.INFO):
        votes = load(FILE="f.csv", CLASSES=("helmet",))
    assert rows(votes) == [[1], [0]]
    assert f"column '{name}' names the annotators" in caplog.text


def test_the_annotator_of_a_column_per_class_is_logged(write, load, caplog):
    write("f.csv", "fname,worker_id,a,b\n0.jpg,0,1,0\n0.jpg,1,0,0\n1.jpg,1,1,1\n")
    with caplog.at_level(logging.INFO):
        dataset = load(FILE="f.csv", LABEL_POLICY="soft")
    assert rows(dataset) == [[0.5, 0], [1, 1]]
    assert "column 'worker_id' names the annotators" in caplog.text


def test_classes_with_the_name_of_a_label_column_are_listed(write, load):
    write("f.csv", "filename, cat, tag, label\n0.jpg, 1, 0, 1\n1.jpg, 0, 1, 0\n")
    with pytest.raises(UserError, match=r"each is a class, list all classes in DATASET.CLASSES"):
        load(FILE="f.csv")
    assert rows(load(FILE="f.csv", CLASSES=("cat", "tag", "label"))) == [[1, 0, 1], [0, 1, 0]]
    write("f.csv", "filename, cat, tag\n0.jpg, 1, 0\n1.jpg, 0, 1\n")
    with pytest.raises(UserError, match=r"if both are classes, list all .* DATASET.CLASSES"):
        load(FILE="f.csv")
