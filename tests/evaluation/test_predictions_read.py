"""Reading predictions files: what is written is read back; broken files are one clear line."""

import csv
import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import UserError
from evaluation.predictions import read_predictions

IMAGES = ["low/a.jpg", "low/b.jpg"]
CLASSES = ["Happy", "attractive, fastidious"]
SCORES = np.array([[0.25, 1e-7], [1.0, 1 / 3]])

same_folder = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
# No surrogates, which UTF-8 does not have, and no spaces around a name, which CSV readers drop.
texts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@st.composite
def tables(draw):
    """Return image names, class names and scores (N, K)."""
    images = draw(st.lists(texts, min_size=1, max_size=6))
    classes = draw(st.lists(texts, min_size=1, max_size=5, unique=True))
    # Names of other columns and the delimiters' own characters alone are no class names.
    reserved = {"image", "image_name", "image_path", "impath", "filename", "file_name", "file"}
    reserved |= {"path", "true", "predicted", "scores"}
    classes = [name for name in classes if name.lower() not in reserved] or ["calm"]
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    rows = st.lists(numbers, min_size=len(classes), max_size=len(classes))
    scores = draw(st.lists(rows, min_size=len(images), max_size=len(images)))
    return images, classes, np.array(scores, dtype=np.float64)


def csv_text(images, classes, scores, *, delimiter=",", end="\n", heading="image"):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow([heading, *classes])
    for image, row in zip(images, scores, strict=True):
        writer.writerow([image, *map(repr, map(float, row))])
    return text.getvalue()


def check(predictions, images=IMAGES, classes=CLASSES, scores=SCORES):
    assert predictions.images == images
    assert predictions.classes == classes
    assert predictions.scores.dtype == np.float64
    np.testing.assert_array_equal(predictions.scores, scores)


@same_folder
@given(tables(), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_csv_is_read_back_exactly(tmp_path, table, end, encoding):
    path = tmp_path / "x.csv"
    path.write_bytes(csv_text(*table, end=end).encode(encoding))
    check(read_predictions(path), *table)


@same_folder
@given(tables(), st.sampled_from(["flat", "object", "list", "whole"]))
def test_json_lines_are_read_back_exactly(tmp_path, table, form):
    images, classes, scores = table
    entries = []
    for image, row in zip(images, scores.tolist(), strict=True):
        by_class = dict(zip(classes, row, strict=True))
        if form == "list":
            entries.append({"image": image, "scores": row})
        elif form == "object":
            entries.append({"image": image, "scores": by_class})
        else:
            entries.append({"image": image, **by_class})
    path = tmp_path / "x.jsonl"
    lines = "\n".join(map(json.dumps, entries))
    path.write_text(json.dumps(entries) if form == "whole" else lines, encoding="utf-8")
    check(read_predictions(path), images, None if form == "list" else classes, scores)


@same_folder
@given(tables(), st.booleans(), st.booleans())
def test_npz_is_read_back_exactly(tmp_path, table, with_images, with_classes):
    images, classes, scores = table
    arrays = {"scores": scores, "labels": np.zeros(3)}
    if with_images:
        arrays["images"] = np.array(images)
    if with_classes:
        arrays["classes"] = np.array(classes)
    np.savez(tmp_path / "x.npz", **arrays)
    predictions = read_predictions(tmp_path / "x.npz")
    check(predictions, images if with_images else None, classes if with_classes else None, scores)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_quoted_names(tmp_path, delimiter):
    path = tmp_path / "x.csv"
    path.write_text(csv_text(IMAGES, CLASSES, SCORES, delimiter=delimiter))
    check(read_predictions(path))


def test_names_with_commas_need_no_quotes_in_other_delimiters(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("image\ta, b, c\td, e, f\n1.jpg\t0.5\t1e-3\n")
    check(read_predictions(path), ["1.jpg"], ["a, b, c", "d, e, f"], [[0.5, 0.001]])


def test_decimal_commas_with_semicolons(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image;A;B\n1.jpg;0,5;1,25E-2\n2.jpg;1;0\n")
    check(read_predictions(path), ["1.jpg", "2.jpg"], ["A", "B"], [[0.5, 0.0125], [1, 0]])


def test_columns_of_pandas_and_blank_lines_are_left_out(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(",Happy,filename,Sad\n0,0.5,a.jpg,0.25\n\n1,0.75,b.jpg,1\n\n")
    check(read_predictions(path), ["a.jpg", "b.jpg"], ["Happy", "Sad"], [[0.5, 0.25], [0.75, 1]])
    path.write_text(",Happy,Sad\na.jpg,0.5,0.25\n")
    check(read_predictions(path), ["a.jpg"], ["Happy", "Sad"], [[0.5, 0.25]])


def test_a_name_may_hold_a_line_end(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('image,"two\nlines"\na.jpg,0.5\n')
    assert read_predictions(path).classes == ["two\nlines"]


def test_own_predictions_are_read_back_as_float32(tmp_path):
    scores = np.random.default_rng(0).random((2, 2)).astype(np.float32)
    with (tmp_path / "predictions.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "true", "predicted", *CLASSES])
        for image, row in zip(IMAGES, scores, strict=True):
            writer.writerow([image, "Happy", "Happy", *(f"{score:.9g}" for score in row)])
    predictions = read_predictions(tmp_path / "predictions.csv")
    check(predictions, scores=predictions.scores)
    np.testing.assert_array_equal(predictions.scores.astype(np.float32), scores)


def test_classes_named_true_and_predicted_are_classes(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image,predicted,true\na.jpg,0.5,0.25\n")
    assert read_predictions(path).classes == ["predicted", "true"]
    lines = tmp_path / "x.jsonl"
    lines.write_text('{"image": "a.jpg", "true": 0.5, "predicted": ["Happy"], "Happy": 1}\n')
    check(read_predictions(lines), ["a.jpg"], ["true", "Happy"], [[0.5, 1]])


def test_empty_cells_and_null_are_nan(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image,A,B\na.jpg,,nan\n")
    assert np.isnan(read_predictions(path).scores).all()
    lines = tmp_path / "x.jsonl"
    lines.write_text('{"image": "a.jpg", "A": null, "B": NaN}\n')
    assert np.isnan(read_predictions(lines).scores).all()


def test_names_as_bytes_are_text(tmp_path):
    np.savez(tmp_path / "x.npz", scores=SCORES, images=np.array(IMAGES, dtype="S"))
    check(read_predictions(tmp_path / "x.npz"), classes=None)


# Broken files -------------------------------------------------------------------------------------

BROKEN_TEXTS = {
    "empty": ("x.csv", "", "the first line has 0 columns"),
    "header alone": ("x.csv", "image,A\n", "has no scores"),
    "one column": ("x.csv", "a.jpg\nb.jpg\n", "the first line has 1 columns"),
    "short row": ("x.csv", "image,A,B\na.jpg,0.5,0.5\nb.jpg,0.5\n", "line 3 has 2 cells"),
    "long row": ("x.csv", "image,A\na.jpg,0.5\nb.jpg,0.5,1\n", "line 3 has 3 cells; expected 2"),
    "word as score": ("x.csv", "image,A\na.jpg,high\n", "line 2, column 'A': 'high' is no number"),
    "percent": ("x.csv", "image,A\na.jpg,50%\n", "'50%' is no number"),
    "no class column": ("x.csv", "image,true,predicted\na.jpg,A,A\n", "has no scores"),
    "open quote in a later row": (
        "x.csv",
        'image,A\na.jpg,1\nb.jpg,1\n"c.jpg,1\n' + "d.jpg,1\n" * 4,
        "the row of lines 4 to 8 (a quote may not be closed) has 1 cells; expected 2",
    ),
    "open quote in a long file": (
        "x.csv",
        'image,A\na.jpg,1\n"c.jpg,1\n' + "d.jpg,1\n" * 20_000,
        "the row of lines 3 to ",
    ),
    "open quote": ("x.csv", 'image,A\n"' + "a" * 200_000, "is not CSV: field larger"),
    "other suffix": ("x.txt", "image,A\na.jpg,1\n", "its suffix is '.txt'; accepted: .csv"),
    "compressed": ("x.csv.gz", "", "its suffix is '.gz'"),
    "no lines": ("x.jsonl", "\n\n", "has no scores"),
    "cut line": ("x.jsonl", '{"image": "a"\n', "line 1 is not valid JSON"),
    "number in place of an object": ("x.jsonl", "0.5\n", "line 1 is 0.5; expected an object"),
    "no image": ("x.jsonl", '{"A": 0.5}\n', "line 1 has no image name"),
    "image number": ("x.jsonl", '{"image": 7, "A": 0.5}\n', "'image' is 7.0; expected the name"),
    "score as text": ("x.jsonl", '{"image": "a", "A": "1"}\n', "the score of 'A' is '1'"),
    "score as truth": ("x.jsonl", '{"image": "a", "A": true}\n', "the score of 'A' is True"),
    "class twice": ("x.jsonl", '{"image": "a", "A": 1, "A": 0}\n', "the key 'A' is given twice"),
    "no class": ("x.jsonl", '{"image": "a", "scores": {}}\n', "has no scores"),
    "other class": (
        "x.jsonl",
        '{"image": "a", "A": 1}\n{"image": "b", "B": 1}\n',
        "line 2: class 'B' is not in the first entry",
    ),
    "class left out": (
        "x.jsonl",
        '{"image": "a", "A": 1, "B": 1}\n{"image": "b", "A": 1}\n',
        "line 2: class 'B' of the first entry is missing",
    ),
    "shorter list": (
        "x.jsonl",
        '{"image": "a", "scores": [1, 0]}\n{"image": "b", "scores": [1]}\n',
        "line 2 has 1 scores; expected 2",
    ),
    "list after object": (
        "x.jsonl",
        '{"image": "a", "A": 1}\n{"image": "b", "scores": [1]}\n',
        "line 2 has a list of scores",
    ),
    "object after list": (
        "x.jsonl",
        '{"image": "b", "scores": [1]}\n{"image": "a", "A": 1}\n',
        "line 2 names its classes",
    ),
    "deep": ("x.json", "[" * 100_000, "is nested too deeply"),
}


def error_of(path):
    with pytest.raises(UserError) as caught:
        read_predictions(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert str(path) in message
    return message


@pytest.mark.parametrize("case", BROKEN_TEXTS)
def test_a_broken_text_file_is_one_clear_line(tmp_path, case):
    name, text, message = BROKEN_TEXTS[case]
    (tmp_path / name).write_text(text)
    assert message in error_of(tmp_path / name)


BROKEN_BYTES = {
    "not UTF-8": ("x.csv", "image,Größe\n".encode("latin-1"), "is not text in UTF-8"),
    "UTF-16": ("x.csv", "image,A\na.jpg,1\n".encode("utf-16"), "is not text in UTF-8"),
    "JSON in another encoding": ("x.jsonl", b'{"image": "\xff"}', "is not text in UTF-8"),
    "empty archive": ("x.npz", b"", "is empty"),
    "no archive": ("x.npz", b"hello", "is no archive of np.savez"),
    "pickle": ("x.npz", pickle.dumps([[0.5]]), "holds pickled objects"),
    "cut archive": ("x.npz", b"PK\x03\x04" + b"\0" * 20, "cannot read"),
}


@pytest.mark.parametrize("case", BROKEN_BYTES)
def test_broken_bytes_are_one_clear_line(tmp_path, case):
    name, content, message = BROKEN_BYTES[case]
    (tmp_path / name).write_bytes(content)
    assert message in error_of(tmp_path / name)


BROKEN_ARRAYS = {
    "no scores": ({"logits": SCORES}, "has no array 'scores'; found: 'logits'"),
    "one dimension": ({"scores": SCORES[0]}, "'scores' is float64 (2,)"),
    "text": ({"scores": np.array([["a"]])}, "expected numbers"),
    "truth": ({"scores": SCORES > 0.5}, "'scores' is bool (2, 2)"),
    "no rows": ({"scores": SCORES[:0]}, "has no scores"),
    "too few images": ({"scores": SCORES, "images": ["a"]}, "'images' has 1 names"),
    "too many classes": ({"scores": SCORES, "classes": ["a", "b", "c"]}, "'classes' has 3 names"),
    "images as numbers": ({"scores": SCORES, "images": [1, 2]}, "'images' is int64 (2,)"),
    "objects": ({"scores": SCORES, "images": np.array(["a", 1], object)}, "pickled objects"),
}


@pytest.mark.parametrize("case", BROKEN_ARRAYS)
def test_broken_arrays_are_one_clear_line(tmp_path, case):
    arrays, message = BROKEN_ARRAYS[case]
    np.savez(tmp_path / "x.npz", **arrays)
    assert message in error_of(tmp_path / "x.npz")


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "x.npy", SCORES)
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    assert "is a single array (.npy)" in error_of(tmp_path / "x.npz")


def npy(header):
    """Return the bytes of an array with this header; the data are zeros."""
    size = len(header).to_bytes(2, "little")
    return b"\x93NUMPY\x01\x00" + size + header.encode("latin-1") + bytes(32)


GOOD_HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }"
DAMAGED_ARRAYS = {
    "size of the header": ("scores.npy", b"\x93NUMPY\x01\x00garbage", "is broken"),
    "no magic string": ("scores.npy", b"hello", "'scores' is no NumPy array"),
    "another member": ("scores", b"hello", "'scores' is no NumPy array"),
    "cut header": ("scores.npy", npy(GOOD_HEADER[:-2]), "is broken"),
    "indentation": ("scores.npy", npy(f"{GOOD_HEADER}\n  x\n y"), "is broken"),
    "type of a key": ("scores.npy", npy("{[1]: 2}"), "is broken"),
}


@pytest.mark.parametrize("case", DAMAGED_ARRAYS)
def test_an_archive_with_a_damaged_array_is_one_clear_line(tmp_path, case):
    member, content, message = DAMAGED_ARRAYS[case]
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr(member, content)
    assert message in error_of(tmp_path / "x.npz")


def test_names_that_are_no_text_are_one_clear_line(tmp_path):
    names = bytes_of(np.array(["a", "b"]))
    damaged = names.replace("a".encode("utf-32-le"), b"\xff\xff\xff\x7f")
    assert damaged != names
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("scores.npy", bytes_of(SCORES))
        archive.writestr("images.npy", damaged)
    assert "'images' is not valid text" in error_of(tmp_path / "x.npz")


def bytes_of(array):
    stored = io.BytesIO()
    np.save(stored, array)
    return stored.getvalue()


def test_every_byte_of_a_compressed_archive_may_be_damaged(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, scores=SCORES, images=IMAGES, classes=CLASSES)
    content = path.read_bytes()
    errors = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read_predictions(path)
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            errors += 1
    assert errors > len(content) / 2


def test_missing_files_and_folders_are_one_clear_line(tmp_path):
    assert "No such file" in error_of(tmp_path / "gone.csv")
    (tmp_path / "folder.npz").mkdir()
    assert "cannot read" in error_of(tmp_path / "folder.npz")
