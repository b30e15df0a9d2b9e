"""predict.py: its images, formats, flags, exit status, and one line for a mistake."""

import csv
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import predict
from core.files import PROJECT
from inference.predictor import IntentPredictor
from tests.launch import torchrun

CLIP = ["--config-file", "configs/trainers/ZeroshotCLIP/scenes.yaml"]


@pytest.fixture(scope="module")
def some(pictures):
    """Return the paths of 20 pictures."""
    return sorted(map(str, pictures.glob("low/*.jpg")))[:20]


@pytest.fixture(scope="module")
def open_once():
    """Return ``IntentPredictor.from_run``, which opens a run once for equal arguments."""
    open_run, opened = IntentPredictor.from_run, {}

    def from_run(folder, **settings):
        key = repr((str(folder), settings))
        if key not in opened:
            opened[key] = open_run(folder, **settings)
        return opened[key]

    return from_run


@pytest.fixture
def call(run, capsys, open_once, monkeypatch):
    """Return a function: arguments of a prediction with the run to (status, output, errors)."""
    monkeypatch.setattr(IntentPredictor, "from_run", open_once)

    def go(*arguments, model=("--run", run)):
        status = predict.main([*map(str, arguments), *map(str, model)])
        return status, *capsys.readouterr()

    return go


@pytest.fixture
def listed(monkeypatch):
    """Return a function that puts bytes on standard input."""
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def images(text):
    return [json.loads(line)["image"] for line in text.splitlines()]


# Images -----------------------------------------------------------------------------------------


def test_files_folders_patterns_and_lists_keep_their_order(
    call, listed, pictures, some, tmp_path, monkeypatch
):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "z.jpg").write_bytes((pictures / some[0]).read_bytes())
    monkeypatch.chdir(tmp_path)
    listed(f"{some[2]}\n{some[0]}\n".encode())
    status, out, err = call(some[1], "in", "i*/*.jpg", "-", some[1], "--format", "jsonl")
    assert images(out) == [some[1], "in/z.jpg", "in/z.jpg", some[2], some[0], some[1]]
    assert (status, err) == (0, "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_a_list_on_standard_input(call, listed, some, end):
    listed("".join(path + end for path in some).encode("utf-8-sig"))
    status, out, _ = call("-", "--format", "jsonl")
    assert (status, images(out)) == (0, some)


def test_an_empty_list_gives_an_empty_result_and_a_note(call, listed):
    listed(b"")
    note = "no image was named: the list on standard input is empty\n"
    assert call("-", "--format", "json") == (0, "[]\n", note)


def test_a_word_without_an_image_does_not_stop_the_others(call, some, tmp_path):
    status, out, err = call(some[0], tmp_path, "no/*.jpg", some[1], "--format", "jsonl")
    assert (status, images(out)) == (1, [some[0], some[1]])
    assert err.splitlines() == [
        "2 words that name no image:",
        f"  the folder {tmp_path} has no image file",
        "  no file fits the pattern no/*.jpg",
    ]


def test_a_name_with_a_leading_dash_follows_two_dashes(run, capsys, some, tmp_path, monkeypatch):
    (tmp_path / "-x.jpg").write_bytes((PROJECT / some[0]).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert predict.main(["--run", str(run), "--format", "jsonl", "--", "-x.jpg"]) == 0
    assert images(capsys.readouterr().out) == ["-x.jpg"]


def test_what_cannot_be_read_is_listed_and_the_status_is_1(call, some):
    status, out, err = call(some[0], "gone\n.jpg", some[1], "--format", "jsonl")
    assert (status, images(out)) == (1, [some[0], some[1]])
    first, line = err.splitlines()
    assert first == "1 image that could not be read:"
    assert line == "  cannot read image gone\\n.jpg: there is no such file"


def test_a_folder_that_is_missing_is_named_before_the_model_is_loaded(some, capsys, monkeypatch):
    monkeypatch.setattr(predict, "load_predictor", lambda args: pytest.fail("loaded"))
    assert predict.main([some[0], "--run", "nowhere", "--output", "no/folder/x.csv"]) == 2
    assert "there is no folder no/folder" in capsys.readouterr().err


def test_files_that_a_folder_does_not_stand_for_are_counted(call, pictures, some, tmp_path):
    (tmp_path / "a.jfif").write_bytes((pictures / some[0]).read_bytes())
    (tmp_path / "b.heic").touch()
    status, out, err = call(tmp_path, "--format", "jsonl")
    assert (status, images(out)) == (0, [str(tmp_path / "a.jfif")])
    assert err.startswith("skipped 1 file in folders: 1 .heic; names of images end in .jpg, ")


# Formats ----------------------------------------------------------------------------------------


def test_each_format_has_the_predictions_of_python(call, predictor, some):
    expected = list(predictor.stream(some))
    as_dicts = [prediction.as_dict() for prediction in expected]
    assert json.loads(call(*some, "--format", "json")[1]) == as_dicts
    lines = call(*some, "--format", "jsonl")[1].splitlines()
    assert [json.loads(line) for line in lines] == as_dicts
    rows = list(csv.DictReader(io.StringIO(call(*some, "--format", "csv")[1])))
    for row, prediction in zip(rows, expected, strict=True):
        numbers = np.array([row[key] for key in predictor.classes.classnames], np.float32)
        np.testing.assert_array_equal(numbers, prediction.probabilities)
        assert row["intents"] == ";".join(intent.key for intent in prediction.intents)


def test_the_table_marks_intents_and_shows_as_many_as_asked(call, predictor, some):
    _, out, _ = call(some[0], "--top", 3)
    first, *lines = out.splitlines()
    assert first == some[0] and len(lines) == 3
    for line, intent in zip(lines, predictor(some[0]).top(3), strict=True):
        mark = "*" if intent.passes else " "
        assert line == f"  {intent.probability:6.1%} {mark} {intent.name}"


def test_the_table_can_be_grouped(call, predictor, some):
    _, out, _ = call(some[0], "--top", 20, "--group", "super")
    shown = [line.strip() for line in out.splitlines() if re.fullmatch(r"  \S.*", line)]
    assert shown == list(predictor(some[0]).groups("super"))
    assert len(out.splitlines()) == 1 + len(shown) + 20


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_a_file_has_what_standard_output_would_have(call, some, tmp_path, form):
    _, out, _ = call(*some[:3], "--format", form)
    path = tmp_path / "found"
    assert call(*some[:3], "--format", form, "--output", path) == (0, "", "")
    assert path.read_text(encoding="utf-8") == out


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_an_image_is_in_the_file_before_the_next_one_is_read(predictor, some, tmp_path, form):
    path = tmp_path / "found"

    def results():
        for number, prediction in enumerate(predictor(some[:3])):
            assert path.read_text().count(".jpg") == number
            yield prediction, None

    with predict.open_output(str(path), is_data=True) as stream:
        writer = predict.FORMATS[form](stream, top=1, classes=predictor.classes)
        assert predict.write_all(results(), writer, has_bar=False) == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("to_file", [False, True])
def test_a_bar_appears_on_a_terminal_without_the_predictions(
    call, some, tmp_path, monkeypatch, to_file
):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    output = ("--output", tmp_path / "found") if to_file else ()
    status, out, _ = call(*some, "--format", "jsonl", *output)
    if to_file:
        out = (tmp_path / "found").read_text()
    assert (status, images(out)) == (0, some)
    assert (" images/s" in terminal.getvalue()) == to_file
    assert terminal.getvalue() == "" or terminal.getvalue().endswith("\n")


# Settings ---------------------------------------------------------------------------------------


def test_epoch_rule_and_settings_are_used(call, run, some):
    first = IntentPredictor.from_run(run, epoch=1)(some[0])
    _, out, _ = call(some[0], "--format", "jsonl", "--epoch", 1, "--rule", "0.3", "--top", 20)
    found = json.loads(out)
    assert found["top"][0]["probability"] == pytest.approx(float(first.probabilities.max()))
    above = [one["class"] for one in found["top"] if one["probability"] > 0.3]
    assert found["intents"] == above
    status, _, err = call(some[0], "--set", "MODEL.BACKBONE.PATH", "gone.safetensors")
    assert status == 2 and "gone.safetensors" in err


def test_classes_of_ones_own(call, some):
    _, out, _ = call(some[0], "--format", "jsonl", model=("--classes", "joy, calm", *CLIP))
    found = json.loads(out)
    assert {one["class"] for one in found["top"]} == {"joy", "calm"} and "intents" not in found
    _, out, _ = call(some[0], "--format", "csv", model=("--hierarchy", "scenes", *CLIP))
    assert len(out.splitlines()[0].split(",")) == 22


MISTAKES = [
    (["--epoch", "0"], "the epoch is 0; expected at least 1"),
    (["--config-file", "x.yaml"], "--config-file needs --classes or --hierarchy"),
    (["--group", "super", "--format", "csv"], "--group needs --format table; the format is 'csv'"),
    (["--top", "0"], "--top is 0; expected at least 1"),
    (["--batch-size", "0"], "--batch-size is 0; expected at least 1"),
    (["--explain-top", "2"], "--explain-top needs --explain DIR"),
    (["--explain-width", "900"], "--explain-width needs --explain DIR"),
    (["--workers", "-1"], "--workers is -1; expected at least 0"),
    (["--classes", "joy"], "give one of --run FOLDER, --classes 'joy, calm' and --hierarchy FILE"),
    (["--rule", "fixd"], "Did you mean 'fixed'?"),
    (["--rule", "per_class"], "the rule 'per_class' is fitted on a val split, which prediction"),
    (["--set", "OPTIM.LRR", "1"], "unknown key 'OPTIM.LRR'"),
    (["--output", "no/folder/x.csv"], "--output no/folder/x.csv: there is no folder no/folder; "),
    (["--output", "doc/x.csv"], "there is no folder doc; make it first. Did you mean 'docs'?"),
    (["--explain", "predict.py"], "--explain predict.py: predict.py is a file; expected a folder"),
    (["--explain", "predict.py/in/maps"], "predict.py is a file; expected a folder"),
    (
        ["docs", "--explain", "docs/"],
        "--explain docs/ is the folder of the images; give another one",
    ),
    (["--output", "docs"], "--output docs is a folder; expected the name of a file"),
    (["--output", "n" * 300], "--output " + "n" * 300 + " cannot be written: File name too long"),
]


@pytest.mark.parametrize(("arguments", "expected"), MISTAKES, ids=lambda value: str(value)[:30])
def test_a_mistake_is_one_line_with_status_2(call, some, arguments, expected):
    status, out, err = call(some[0], *arguments)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ") and expected in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "give one of --run FOLDER"),
        (["--classes", "a, b", "--epoch", "1"], "--epoch needs --run: plain CLIP has no epochs"),
        (["--classes", "a, b", "--group", "mid", *CLIP], "there are no mid groups"),
        (["--classes", "a, b", "--output", "", *CLIP], "--output is empty; expected the name"),
        (
            ["--classes", "image, b", "--format", "csv", *CLIP],
            "the class 'image' has the name of another column of the CSV; use --format jsonl",
        ),
        (
            ["--classes", "a, b", "--config-file", "configs/trainers/IntCLIP/scenes.yaml"],
            "has the settings of the trainer IntCLIP; classes of your own need a file of "
            "ZeroshotCLIP, such as configs/trainers/ZeroshotCLIP/rn101.yaml, ",
        ),
    ],
)
def test_mistakes_without_a_run(call, some, arguments, expected):
    status, out, err = call(some[0], model=arguments)
    assert (status, out) == (2, "") and expected in err and len(err.splitlines()) == 1


def test_an_interruption_has_status_130(call, some, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "load_predictor", interrupt)
    assert call(some[0]) == (130, "", "interrupted\n")


def test_an_interruption_ends_the_list_and_names_what_could_not_be_read(call, some, monkeypatch):
    stream = predict.shared_stream

    def some_results(*args, **settings):
        results = stream(*args, **settings)
        yield next(results)
        yield next(results)
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "shared_stream", some_results)
    status, out, err = call("gone.jpg", *some[:3], "--format", "json")
    assert status == 130
    assert [entry["image"] for entry in json.loads(out)] == [some[0]]
    assert err.splitlines()[-1] == "interrupted" and "cannot read image gone.jpg" in err


# Processes --------------------------------------------------------------------------------------


def shell(line, cwd):
    """Run a line of bash; ``predict`` stands for the script."""
    script = f'predict() {{ "{sys.executable}" "{PROJECT}/predict.py" "$@"; }}; {line}'
    done = subprocess.run(
        ["bash", "-c", script], cwd=cwd, capture_output=True, text=True, timeout=280
    )
    return done.returncode, done.stdout, done.stderr


def test_a_reader_that_goes_away_is_no_fault(call, some, monkeypatch):
    class Closed(io.TextIOWrapper):
        def write(self, text):
            raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed(io.BytesIO()))
        assert predict.main([some[0], "--classes", "joy, calm", *CLIP]) == 0
    assert not sys.stderr.closed
    assert call(some[0])[0] == 0


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_the_command_in_silence(run, some, tmp_path):
    (tmp_path / "list").write_text(f"{some[0]}\n" * 400)  # far more than a pipe holds
    line = f"predict - --run {run} --format csv < list | head -1; exit ${{PIPESTATUS[0]}}"
    status, out, err = shell(line, tmp_path)
    assert (status, err) == (0, "")
    assert out.startswith("image,intents,") and len(out.splitlines()) == 1


@pytest.mark.slow
def test_odd_names_go_through_pipes_unchanged(run, some, tmp_path):
    for name in (b"two\nlines.jpg", b"caf\xe9\r\n.jpg", b"-x.jpg"):
        with open(bytes(tmp_path) + b"/" + name, "wb") as file:
            file.write((PROJECT / some[0]).read_bytes())
    line = f"find . -name '*.jpg' -print0 | predict - --run {run} --format jsonl"
    for prefix in ("", "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 "):
        status, out, err = shell(line.replace("predict -", f"{prefix}predict -"), tmp_path)
        assert (status, err) == (0, "")
        found = [json.loads(row)["image"].encode("utf-8", "surrogateescape")
                 for row in out.split("\n")[:-1]]  # fmt: skip
        assert sorted(found) == [b"./-x.jpg", b"./caf\xe9\r\n.jpg", b"./two\nlines.jpg"]


@pytest.mark.slow
def test_two_processes_write_the_file_of_one(call, run, some, tmp_path):
    arguments = [*some, "gone.jpg", *some[:7], "--format", "csv", "--batch-size", "2"]
    status, out, _ = call(*arguments)
    done = torchrun(
        str(PROJECT / "predict.py"),
        *(
            *arguments,
            "--model-dir",
            str(run),
            "--device",
            "cpu",
            "--output",
            str(tmp_path / "two.csv"),
        ),
        cwd=tmp_path,
    )
    assert status == 1 and done.returncode == 1  # of gone.jpg
    assert done.stderr.count("cannot read image gone.jpg") == 1
    one, two = (list(csv.reader(io.StringIO(text))) for text in (out, read(tmp_path / "two.csv")))
    assert [row[:2] for row in two] == [row[:2] for row in one]
    numbers = [np.array([row[2:] for row in rows[1:]], np.float32) for rows in (one, two)]
    np.testing.assert_allclose(numbers[1], numbers[0], atol=1e-5)


@pytest.mark.slow
def test_of_two_processes_one_reports_a_mistake(run, tmp_path):
    script = str(PROJECT / "predict.py")
    # torchrun takes --run as an abbreviation of one of its own flags
    done = torchrun(script, "gone/*.jpg", "--model-dir", str(run), "--device", "cpu", cwd=tmp_path)
    assert done.returncode != 0
    assert done.stderr.count("error: no file fits the pattern gone/*.jpg") == 1
    done = torchrun(script, "a.jpg", "--model-dir", "nothing", "--device", "cpu", cwd=tmp_path)
    assert done.stderr.count("error: nothing does not exist") == 1


def read(path):
    return path.read_text(encoding="utf-8")
