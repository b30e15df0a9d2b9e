"""The command line of the app: a mistake is one line; without gradio the line says what to do."""

import socket

import pytest

import app
from core.errors import UserError
from inference.app import packages
from tests.app.conftest import ZERO_SHOT

PLAIN = ["--classes", "joy, calm", "--config-file", ZERO_SHOT]


@pytest.fixture
def call(capsys, monkeypatch):
    """Return a function that runs the app without a server: status, error lines, settings."""
    served = []
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    monkeypatch.setattr(app, "require_gradio", lambda: None)
    monkeypatch.setattr(app, "serve", lambda model, settings, tell: served.append(settings))

    def run(*arguments):
        try:
            status = app.main(list(arguments))
        except SystemExit as error:
            status = error.code
        return status, capsys.readouterr().err.splitlines(), served

    return run


MISTAKES = [
    ([], "give one of --run FOLDER, --classes 'joy, calm' and --hierarchy FILE"),
    (["--run", "no/such/run"], "no/such/run"),
    ([*PLAIN, "--port", "0"], "--port is 0; expected 1 to 65535"),
    ([*PLAIN, "--keep", "1"], "--keep is 1; expected at least 60"),
    ([*PLAIN, "--max-pixels", "0"], "--max-pixels is 0; expected at least 1"),
    ([*PLAIN, "--max-files", "0"], "--max-files is 0; expected at least 1"),
    ([*PLAIN, "--batch-size", "0"], "--batch-size is 0; expected at least 1"),
    ([*PLAIN, "--examples", "nowhere"], "--examples 'nowhere' is no folder"),
    ([*PLAIN, "--shar"], "Did you mean '--share'?"),
    ([*PLAIN, "--rule", "fixd"], "Did you mean 'fixed'?"),
]


@pytest.mark.parametrize(("arguments", "expected"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_is_one_line_with_status_2(call, arguments, expected):
    status, lines, served = call(*arguments)
    assert (status, len(lines), served) == (2, 1, [])
    assert lines[0].startswith("error: ") and expected in lines[0]


def test_a_taken_port_is_named_before_the_model_is_loaded(call):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = f"error: cannot listen on 127.0.0.1, port {port}: Address already in use"
        assert call("--run", "no/such/run", "--port", str(port)) == (2, [line], [])


@pytest.mark.parametrize("host", ["..bad", "a" * 70 + ".example"])
def test_a_host_that_is_no_name_is_one_line(host):
    with pytest.raises(UserError) as caught:
        app.check_port(host, 8000)
    assert str(caught.value).startswith(f"cannot listen on {host}, port 8000: ")
    assert "\n" not in str(caught.value)


def test_gradio_is_needed(call, monkeypatch):
    monkeypatch.setattr(app, "require_gradio", packages.require_gradio)
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    line = "error: the app needs gradio; install: pip install -r requirements-app.txt"
    assert call(*PLAIN) == (2, [line], [])


def test_the_app_is_local_and_says_so_where_it_is_not(call):
    status, lines, served = call(*PLAIN, "--max-files", "7")
    assert (status, lines) == (0, [])
    assert served[0].is_local and served[0].limits.files == 7 and served[0].port is None
    for flags in (["--host", "0.0.0.0"], ["--share"]):
        status, lines, served = call(*PLAIN, *flags)
        assert status == 0 and lines == [app.WARNING] and not served[-1].is_local
