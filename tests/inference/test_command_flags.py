"""predict.py: flags that end the command before a run is opened."""

import pytest

import predict


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "error: the following arguments are required: images"),
        (["a.jpg", "--formt", "csv"], "Did you mean '--format'?"),
        (["a.jpg", "--format", "xml"], "invalid choice: 'xml'"),
        (["a.jpg", "--set", "KEY"], "expected 2 arguments"),
        (
            ["a.jpg", "--run", "x", "INPUT.SIZE", "2"],
            "A key of the configuration needs --set KEY V",
        ),
    ],
)
def test_a_mistake_in_the_flags_is_one_line_with_status_2(capsys, arguments, expected):
    with pytest.raises(SystemExit) as caught:
        predict.main(arguments)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line and line.endswith("All flags: predict.py --help")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output", "b.JPG"], "--output b.JPG has the name of an image"),
        (["--explain", "m", "--explain-width", "100000"], "--explain-width is 100000; expected at"),
        (["--set", "TEST.RULE", "per_class"], "--set TEST.RULE has no effect on predictions; give"),
    ],
)
def test_flags_that_would_do_harm_or_nothing_are_refused(capsys, flags, message):
    assert predict.main(["a.jpg", "--run", "out", *flags]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
