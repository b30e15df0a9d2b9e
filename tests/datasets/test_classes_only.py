"""classes.json: it gives the classes back exactly, and another content is one line."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from datasets.classes_only import FILE, ClassesOnly, read_classes, write_classes
from datasets.given import KINDS
from datasets.hierarchy import Hierarchy, default_hierarchy

WORDS = st.text(max_size=12)


@st.composite
def data_sets(draw):
    """Draw classes with names, groups and subsets of any Unicode."""
    keys = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
    num = len(keys)
    texts = st.lists(WORDS, min_size=num, max_size=num)
    paths = draw(st.lists(st.lists(WORDS, max_size=3), min_size=num, max_size=num))
    groups = st.dictionaries(WORDS, st.lists(st.integers(0, num - 1), max_size=3), max_size=3)
    hierarchy = Hierarchy(
        names=draw(texts),
        paths=[tuple(path) for path in paths],
        sentences=draw(texts),
        levels=draw(st.dictionaries(st.sampled_from(["mid", "super"]), groups)),
        subsets=draw(groups),
    )
    return ClassesOnly(keys, hierarchy, draw(st.sampled_from(KINDS)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("classes")


@settings(max_examples=40)
@given(data_sets())
def test_the_file_gives_the_classes_back(folder, dataset):
    write_classes(folder, dataset)
    read = read_classes(folder / FILE)
    assert (read.classnames, read.kind) == (dataset.classnames, dataset.kind)
    assert read.hierarchy == dataset.hierarchy
    assert list(read.hierarchy.levels) == list(dataset.hierarchy.levels)


def test_a_name_with_bytes_that_are_no_text_comes_back(folder):
    name = b"caf\xe9".decode(
        "utf-8", "surrogateescape"
    )  # a folder that was named on another system
    write_classes(folder, ClassesOnly([name, "€\u2028\0"], default_hierarchy(["a", "b"])))
    assert read_classes(folder / FILE).classnames == [name, "€\u2028\0"]
    json.loads((folder / FILE).read_bytes().decode("utf-8"))


def test_a_data_set_without_images_has_no_records(folder):
    dataset = ClassesOnly(["joy", "calm"], default_hierarchy(["joy", "calm"]))
    assert (dataset.train_x, dataset.val, dataset.test) == ([], [], [])
    assert dataset.lab2cname == {0: "joy", 1: "calm"} and dataset.num_classes == 2


CHANGES = [
    {"kind": "any"},
    {"kind": ["multi_label"]},
    {"classes": "joy"},
    {"classes": []},
    {"classes": ["joy", 1]},
    {"classes": ["joy"]},
    {"hierarchy": None},
    {"hierarchy": {}},
    {"hierarchy": {"names": ["joy"]}},
    {"hierarchy": {"names": "ab"}},
    {"hierarchy": {"paths": [["joy"]]}},
    {"hierarchy": {"paths": ["joy", "calm"]}},
    {"hierarchy": {"sentences": [None, "calm"]}},
    {"hierarchy": {"levels": {"super": {"good": [0, 2]}}}},
    {"hierarchy": {"levels": {"super": {"good": [-1]}}}},
    {"hierarchy": {"levels": {"super": {"good": "01"}}}},
    {"hierarchy": {"levels": {"super": {"good": 0}}}},
    {"hierarchy": {"levels": {"super": {"good": [True]}}}},
    {"hierarchy": {"levels": [["super"]]}},
    {"hierarchy": {"subsets": ["good"]}},
]


@pytest.mark.parametrize("change", CHANGES, ids=json.dumps)
def test_another_content_is_one_line(tmp_path, change):
    write_classes(tmp_path, ClassesOnly(["joy", "calm"], default_hierarchy(["joy", "calm"])))
    file = tmp_path / FILE
    content = json.loads(file.read_text())
    inner = change.get("hierarchy")
    if inner:  # a change of one part of the hierarchy
        change = {"hierarchy": {**content["hierarchy"], **inner}}
    file.write_text(json.dumps({**content, **change}))
    with pytest.raises(UserError, match="does not have the classes of a run; expected") as caught:
        read_classes(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["kind", "classes", "hierarchy"])
def test_a_missing_key_is_one_line(tmp_path, name):
    write_classes(tmp_path, ClassesOnly(["joy"], default_hierarchy(["joy"])))
    content = json.loads((tmp_path / FILE).read_text())
    del content[name]
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(UserError, match="expected the keys kind, classes and hierarchy"):
        read_classes(tmp_path / FILE)
