"""Random labels, written in each format, are read back as they were."""

import csv
import io
import json
import math
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.labels import UNKNOWN
from datasets.own.annotator_column import ANNOTATOR_COLUMNS
from datasets.own.cells import QUOTED_NAMES, same_form
from datasets.own.columns import MANY, NO_CLASSES, ONE
from datasets.own.headerless import is_odd
from datasets.own.items import SPLIT_NAMES
from datasets.own.split_column import HALF_SPLITS, MISSING, SPLIT_COLUMNS
from datasets.own.table import PATH_COLUMNS, column_key
from datasets.own.wide import UNLABELED
from tests.datasets.own.conftest import labels_of

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
RESERVED = {
    *PATH_COLUMNS, *SPLIT_COLUMNS, *ANNOTATOR_COLUMNS, *MANY, *ONE, *NO_CLASSES, *HALF_SPLITS,
    *(name for names in SPLIT_NAMES.values() for name in names), UNLABELED,
}  # fmt: skip


def is_name(text):
    """Return True for a name that all formats can hold."""
    if not text or text != same_form(text).strip():
        return False
    if text.lower() in MISSING or QUOTED_NAMES.fullmatch(text):
        return False
    # A single class with such an end is read as the name of a list of classes.
    if text.endswith(".txt") or text.startswith(("[", '{"', "{'", "Unnamed: ")):
        return False
    return column_key(text) not in RESERVED


# Letters of all scripts, digits, punctuation with quotes and commas, spaces.
CHARACTERS = st.one_of(
    st.characters(categories=["L", "N", "P", "S", "Zs", "M"]), st.sampled_from(" ,;'\"&<>\\/")
)
NAMES = st.text(CHARACTERS, min_size=1, max_size=12).filter(is_name)
CLASSES = st.lists(NAMES, min_size=1, max_size=5, unique=True)


@st.composite
def labelled(draw):
    """Return classes and the labels of three images; the first image has a label."""
    classnames = draw(CLASSES)
    subsets = st.lists(st.sampled_from(classnames), unique=True)
    images = {f"{i}.jpg": draw(subsets) for i in range(3)}
    images["0.jpg"] = images["0.jpg"] or classnames[:1]
    return classnames, images


def to_csv(rows, delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def long_with_lists(classnames, images):
    rows = [[name, json.dumps(labels)] for name, labels in images.items()]
    return to_csv([["file_name", "labels"], *rows])


def long_with_python_lists(classnames, images):
    rows = [[name, repr(labels)] for name, labels in images.items()]
    return to_csv([["file_name", "labels"], *rows], delimiter="\t")


def json_lines(classnames, images):
    lines = [json.dumps({"file_name": n, "labels": labels}) for n, labels in images.items()]
    return "\n".join(lines)


def wide(classnames, images, delimiter=","):
    rows = [[n, *(int(c in labels) for c in classnames)] for n, labels in images.items()]
    return to_csv([["filename", *classnames], *rows], delimiter)


def wide_with_semicolons(classnames, images):
    return wide(classnames, images, delimiter=";")


def vertex(classnames, images):
    return to_csv([["TRAIN", f"gs://b/{n}", *labels] for n, labels in images.items()])


def coco(classnames, images):
    names = list(images)
    annotations = []
    for name, labels in images.items():
        for label in labels:
            entry = {"image_id": names.index(name), "category_id": classnames.index(label)}
            annotations.append(entry)
    return json.dumps(
        {
            "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
            "annotations": annotations,
            "categories": [{"id": c, "name": name} for c, name in enumerate(classnames)],
        }
    )


def cvat(classnames, images):
    body = ""
    for name, labels in images.items():
        tags = "".join(f"<tag label={quoteattr(label)}/>" for label in labels)
        body += f"<image name={quoteattr(name)}>{tags}</image>"
    return f"<annotations>{body}</annotations>"


def label_studio(classnames, images):
    tasks = []
    for name, labels in images.items():
        result = [{"type": "choices", "from_name": "q", "value": {"choices": labels}}]
        tasks.append({"data": {"img": name}, "annotations": [{"result": result}]})
    return json.dumps(tasks)


def label_studio_csv(classnames, images):
    rows = [["annotation_id", "intent", "image", "lead_time"]]
    for name, labels in images.items():
        cell = labels[0] if len(labels) == 1 else json.dumps({"choices": labels})
        rows.append([1, cell if labels else "", name, 1.5])
    return to_csv(rows)


def fiftyone(classnames, images):
    labels = {n: [classnames.index(label) for label in marks] for n, marks in images.items()}
    return json.dumps({"classes": classnames, "labels": labels})


WRITERS = (
    long_with_lists, long_with_python_lists, json_lines, wide, wide_with_semicolons, vertex, coco,
    cvat, label_studio, label_studio_csv, fiftyone,
)  # fmt: skip
WITH_CLASSES = (wide, wide_with_semicolons, coco, fiftyone)


@pytest.mark.parametrize("writer", WRITERS)
@given(data=labelled())
@same_folder
def test_labels_come_back(write, load, writer, data):
    classnames, images = data
    if writer is vertex and any(map(is_odd, classnames)):
        return  # a column of numbers beside names is refused
    write("labels", writer(classnames, images))
    dataset = load(FILE="labels")
    assert labels_of(dataset) == {name: set(labels) for name, labels in images.items()}
    if writer in WITH_CLASSES:
        assert dataset.classnames == classnames
    again = load(FILE="labels", CLASSES=classnames)
    assert again.classnames == classnames
    assert labels_of(again) == labels_of(dataset)


@pytest.mark.parametrize("mark", ["|", ";"])
@given(data=labelled())
@same_folder
def test_labels_with_a_mark_between_them_come_back(write, load, mark, data):
    classnames, images = data
    other = "|;".replace(mark, "")
    cleaned = {name: name.replace(mark, "_").replace(other, "_") for name in classnames}
    if len(set(cleaned.values())) < len(cleaned):
        return
    if any(name.startswith(tuple("([{'\"")) for name in cleaned.values()):
        return  # may be the start of a list
    rows = [[n, mark.join(cleaned[label] for label in labels)] for n, labels in images.items()]
    rows.append(["3.jpg", f"first{mark}second"])
    write("labels", to_csv([["file_name", "label"], *rows]))
    expected = {n: {cleaned[label] for label in labels} for n, labels in images.items()}
    expected["3.jpg"] = {"first", "second"}
    assert labels_of(load(FILE="labels")) == expected


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 0.25, 1 / 3, math.nan]), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
@same_folder
def test_shares_and_empty_cells_come_back(write, load, values):
    values = [[0.0, 1.0, 0.5], *values]
    rows = []
    for i, row in enumerate(values):
        rows.append([f"{i}.jpg", *("" if math.isnan(value) else value for value in row)])
    write("labels", to_csv([["fname", "a", "b", "c"], *rows]))
    dataset = load(FILE="labels")
    labels = np.stack([record.label for record in dataset.train_x])
    expected = np.nan_to_num(np.array(values), nan=UNKNOWN).astype(np.float32)
    np.testing.assert_array_equal(labels, expected)


@given(
    st.dictionaries(
        st.text(CHARACTERS, min_size=1, max_size=8).filter(is_name),
        st.integers(0, 2),
        min_size=1,
        max_size=6,
    )
)
@same_folder
def test_research_lists_come_back(write, load, images):
    images = {f"shot {name.replace('/', '_').strip()}.jpg": c for name, c in images.items()}
    lines = [
        f"{name} " + " ".join(str(int(i == c)) for i in range(3)) for name, c in images.items()
    ]
    write("labels", "\n".join(lines))
    dataset = load(FILE="labels", CLASSES=("x", "y", "z"))
    found = [record.label.argmax() for record in dataset.train_x]
    assert found == list(images.values())


@pytest.mark.parametrize("label", ['" ,', '", "', 'a," ,b', '"" "', "x"])
def test_quotes_and_spaces_inside_of_a_cell_stay(write, load, label):
    rows = long_with_lists([label], {"0.jpg": [label], "1.jpg": []})
    write("labels", rows)
    assert labels_of(load(FILE="labels", CLASSES=[label]))["0.jpg"] == {label}
