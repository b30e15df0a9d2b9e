"""Predictions, batches and maps as HTML: right numbers, and nothing of a file name is markup."""

import base64
import csv
import io
import os
import re
import time

import numpy as np
import pytest
from PIL import Image

from inference.app.bars import message, result_html
from inference.app.maps import LONGEST, maps_html
from inference.app.table import remove_old, table_html, write_csv
from inference.app.uploads import make_upload
from inference.results import Prediction, Unreadable

HOSTILE = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture(scope="session")
def prediction(model, pictures):
    return model.predict(make_upload(str(sorted(pictures.iterdir())[0]), None))


def rows(html):
    """Return key, mark, number and width of each bar."""
    form = (
        r'<li class="ic-row( ic-pass)?" data-key="([^"]*)">.*?([\d.]+) %</span>.*?width:([\d.]+)%'
    )
    return [(key, bool(mark), number, width)
            for mark, key, number, width in re.findall(form, html, re.S)]  # fmt: skip


def test_each_intent_has_a_bar_with_its_probability(model, prediction):
    html = result_html(prediction, level="super", rule="rule", threshold=0.5)
    found = rows(html)
    assert len(found) == len(prediction.probabilities) == 20
    expected = {intent.key: intent for intent in prediction.top(20)}
    for key, mark, number, width in found:
        intent = expected.pop(key)
        assert mark == intent.passes
        assert number == f"{100 * intent.probability:.1f}"
        assert width == f"{100 * intent.probability:.2f}"
    assert html.count('style="left:50.00%"') == 20
    assert html.count("<details") == len(prediction.groups("super"))


def test_without_a_hierarchy_there_is_one_card(model, prediction):
    html = result_html(prediction, level="", rule="", threshold=None)
    assert html.count("<details") == 1 and "All intents" in html and "ic-line" not in html
    assert [row[0] for row in rows(html)] == [intent.key for intent in prediction.top(20)]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "No intent passes."), (1, "1 intent passes, of 20."), (2, "2 intents pass, of 20.")],
)
def test_the_number_of_intents_is_in_words(prediction, number, text):
    marked = Prediction("a", prediction.probabilities, np.arange(20) < number, prediction.classes)
    assert text in result_html(marked, level="super", rule="", threshold=None)


def test_names_of_files_are_text(prediction):
    assert "<img" not in message(f"cannot read {HOSTILE}", "error")
    named = Prediction(HOSTILE, prediction.probabilities, prediction.passes, prediction.classes)
    html = table_html([named], [Unreadable(HOSTILE, f"cannot read {HOSTILE}: it is damaged")])
    assert "<img" not in html and html.count("&lt;img") == 2


def test_a_table_lists_failures_first(prediction):
    html = table_html([prediction] * 2, [Unreadable("b", "cannot read b: it is damaged")])
    assert html.index("1 file could not be read") < html.index("2 pictures")
    assert prediction.top(1)[0].name in html and "role=" in html
    assert "table" not in table_html([], [Unreadable("b", "cannot read b")])


def test_the_csv_file_has_all_probabilities_to_the_last_bit(prediction, tmp_path):
    path = write_csv([prediction], tmp_path)
    assert path.name == "intents.csv" and path.parent.parent == tmp_path
    (row,) = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    numbers = [row[key] for key in prediction.classes.classnames]
    np.testing.assert_array_equal(np.array(numbers, np.float32), prediction.probabilities)
    assert row["image"] == prediction.image


def test_old_csv_files_are_removed(prediction, tmp_path):
    old, new = (write_csv([prediction], tmp_path) for _ in range(2))
    os.utime(old.parent, (0, time.time() - 100))
    remove_old(tmp_path, keep=60)
    assert not old.exists() and new.exists()


def test_maps_are_pictures_inside_of_the_page(model, prediction, tmp_path):
    path = tmp_path / "wide.png"
    Image.new("RGB", (900, 300), "blue").save(path)
    explanation = model.explain(make_upload(str(path), None), prediction, 2)
    html = maps_html(explanation)
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)" alt="(\w+)"', html)
    labels = [label for _, label in sources]
    assert labels == ["picture", *explanation.intents[0].positive, "weight"] * 2
    for data, _ in sources:
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (LONGEST, 140)
    assert len(set(sources[1:3])) == len(sources[1:3]) and html.count("src=") == len(sources)
