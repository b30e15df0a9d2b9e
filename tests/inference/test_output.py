"""Predictions as table, JSON, JSON lines and CSV: each is read back."""

import csv
import io
import json

import numpy as np
import pytest

from datasets.classes_only import ClassesOnly
from datasets.hierarchy import Hierarchy
from inference.output import FORMATS
from inference.results import Prediction

CLASSES = ClassesOnly(
    ["Joy", "Calm", 'odd, "key"'],
    Hierarchy(
        names=["joy", "calm", "odd key"],
        paths=[("joy",), ("calm",), ("odd key",)],
        sentences=["joy", "calm", "odd"],
        levels={"super": {"good": [0, 1], "bad": [2]}},
    ),
)
SCORES = np.random.default_rng(3).random((3, 3), dtype=np.float32)
SCORES[0] = [0.1, np.nextafter(np.float32(1), np.float32(0)), 1e-38]
ODD = 'a "b", \n\r\t{}%s\u2028 € \udce9.jpg'  # the last is a byte that is no text
NAMES = ["b.jpg", ODD, "b.jpg"]


def written(form, *, num=3, rule=True, **settings):
    stream = io.StringIO(newline="")
    writer = FORMATS[form](stream, **{"top": 2, "classes": CLASSES, **settings})
    for name, scores in zip(NAMES[:num], SCORES, strict=False):
        writer.write(Prediction(name, scores, scores > 0.5 if rule else None, CLASSES))
    writer.close()
    return stream.getvalue()


def expected(place):
    order = np.argsort(-SCORES[place])
    best = [
        {
            "class": CLASSES.classnames[c],
            "name": CLASSES.hierarchy.names[c],
            "probability": float(SCORES[place][c]),
        }
        for c in order[:2]
    ]
    passing = [CLASSES.classnames[c] for c in order if SCORES[place][c] > 0.5]
    return {"image": NAMES[place], "top": best, "intents": passing}


@pytest.mark.parametrize("num", [0, 1, 3])
def test_json_is_read_back(num):
    text = written("json", num=num)
    assert json.loads(text.encode("utf-8")) == [expected(place) for place in range(num)]
    assert text.endswith("]\n")


@pytest.mark.parametrize("num", [0, 1, 3])
def test_json_lines_are_read_back(num):
    text = written("jsonl", num=num)
    lines = text.encode("utf-8").split(b"\n")[:-1]
    assert [json.loads(line) for line in lines] == [expected(place) for place in range(num)]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_without_a_rule_there_are_no_intents(form):
    assert "intents" not in written(form, rule=False)


def test_csv_gives_the_numbers_back_exactly():
    rows = list(csv.reader(io.StringIO(written("csv"), newline="")))
    assert rows[0] == ["image", "intents", *CLASSES.classnames]
    assert [row[0] for row in rows[1:]] == NAMES
    numbers = np.array([row[2:] for row in rows[1:]], dtype=np.float32)
    np.testing.assert_array_equal(numbers, SCORES)
    for row, place in zip(rows[1:], range(3), strict=True):
        assert row[1].split(";") == expected(place)["intents"]
    assert written("csv", num=0).splitlines() == written("csv").split("\n")[:1]
    assert [row[1] for row in csv.reader(io.StringIO(written("csv", rule=False)))][1] == ""


def test_a_table_has_a_block_per_image():
    lines = written("table", num=1).splitlines()
    assert lines == ["b.jpg", "  100.0% * calm", "   10.0%   joy"]
    assert written("table", num=0) == ""


def test_a_name_takes_one_line_of_the_table():
    lines = written("table", num=2, top=1).split("\n")
    assert len(lines) == 5 and all(line.isprintable() for line in lines)
    assert lines[2] == r'a "b", \n\r\t{}%s\u2028 € \udce9.jpg'


def test_a_table_groups_the_shown_intents():
    lines = written("table", num=1, level="super", top=3).splitlines()
    assert lines == ["b.jpg", "  good", "    100.0% * calm", "     10.0%   joy", "  bad",
                     "      0.0%   odd key"]  # fmt: skip
    assert written("table", num=1, level="super", top=1).splitlines() == lines[:3]
