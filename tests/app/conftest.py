"""A model of the app over the shipped CLIP, without training; pictures; a server in a process.

The server needs gradio, and the tests in a browser need selenium and Chromium
(``scripts/test.sh --all`` installs the packages). Where they are missing, these tests are skipped.
"""

import shutil
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from typing import NamedTuple

import pytest

from core.files import PROJECT
from inference.app.model import AppModel
from inference.app.settings import Limits
from inference.predictor import IntentPredictor
from tests.inference import hostile
from tools.scenes.make import make_scenes

ZERO_SHOT = "configs/trainers/ZeroshotCLIP/scenes.yaml"
BY_REGION = {"TRAINER.ZEROSHOTCLIP.FEATURES": "region", "TRAINER.ZEROSHOTCLIP.CLASS_TEXT": "name"}
LIMITS = Limits(bytes=200_000, pixels=2_000_000, files=8, total=1_000_000)


@pytest.fixture(scope="session")
def predictor():
    """Return zero-shot CLIP by region over the 20 intents of the drawn scenes."""
    options = [word for pair in BY_REGION.items() for word in pair]
    return IntentPredictor.from_classes(
        hierarchy="scenes", config_file=ZERO_SHOT, rule="0.5", options=options, batch_size=3
    )


@pytest.fixture(scope="session")
def model(predictor):
    """Return the model of the app."""
    return AppModel(predictor, LIMITS)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Return the folder of a few drawn pictures."""
    root = tmp_path_factory.mktemp("app_pictures")
    make_scenes(root, seed=0, size=64, num_train=2, num_val=1, num_test=1)
    return root / "low"


@pytest.fixture(scope="session")
def odd(tmp_path_factory):
    """Return a folder of odd and hostile files."""
    folder = tmp_path_factory.mktemp("app_odd")
    for name, (_, content) in hostile.CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


class Site(NamedTuple):
    """A server in a process of its own.

    Attributes:
        port: it listens there.
        private: its folder of uploads, examples and CSV files.
        examples: the folder whose pictures it offers; it must not be served.
        log: file of what it prints.
    """

    port: int
    private: str
    examples: str
    log: str

    @property
    def address(self):
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}/"


def free_port():
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(*arguments):
    """Return the command of the app with the model of these tests."""
    settings = [word for pair in BY_REGION.items() for word in ("--set", *pair)]
    model = ["--hierarchy", "scenes", "--config-file", ZERO_SHOT, "--rule", "0.5", *settings]
    return [sys.executable, str(PROJECT / "app.py"), *model, "--device", "cpu", *arguments]


def need_gradio():
    """Skip the test where gradio is missing."""
    if find_spec("gradio") is None:
        pytest.skip("gradio is not installed; scripts/test.sh --all installs it")


@pytest.fixture(scope="session")
def site(tmp_path_factory, pictures):
    """Yield a running server; at its end its private folder must be gone."""
    need_gradio()
    folder = tmp_path_factory.mktemp("app_site")
    port, log = free_port(), folder / "log.txt"
    arguments = ["--port", str(port), "--examples", str(pictures), "--max-files", "8"]
    with log.open("w") as stream:
        process = subprocess.Popen(
            ["env", f"TMPDIR={folder}", "PYTHONUNBUFFERED=1", *command(*arguments)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        )
        try:
            line = process.stdout.readline()
            assert line == f"IntCLIP is at http://127.0.0.1:{port}/ (Ctrl+C ends it)\n", (
                log.read_text()
            )
            (private,) = folder.glob("intclip-app-*")
            yield Site(port, str(private), str(pictures), str(log))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(timeout=30)
            finally:
                process.kill()
                process.stdout.close()
    assert status == 0 and not private.exists(), log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def browser_tools():
    """Return the paths of Chromium and its driver; skip the test where something is missing."""
    need_gradio()
    if find_spec("selenium") is None:
        pytest.skip("selenium is not installed; scripts/test.sh --all installs it")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    chromium = chromium or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium or chromedriver is not installed")
    return chromium, driver
