"""docs/configuration.md lists the declared keys as they are."""

import os
import subprocess
import sys

import pytest

from core.config import Key
from core.errors import UserError
from core.files import PROJECT
from tools import config_page


def test_the_page_is_current():
    # A process of its own: other tests declare keys and register trainers in this one.
    command = [sys.executable, "-m", "tools.config_page", "--check"]
    environment = {**os.environ, "INTCLIP_BASE": "builtin"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_page_that_is_not_current_is_reported_and_rewritten(tmp_path, monkeypatch, capsys):
    page = tmp_path / "configuration.md"
    monkeypatch.setattr(config_page, "PAGE", page)
    monkeypatch.setenv("INTCLIP_BASE", "builtin")
    page.write_text(f"# By hand\n\n{config_page.MARKER}\n\nold tables\n", encoding="utf-8")
    assert config_page.main(["--check"]) == 1
    assert "run python -m tools.config_page" in capsys.readouterr().err
    assert "old tables" in page.read_text(encoding="utf-8")
    assert config_page.main([]) == 0
    assert config_page.main(["--check"]) == 0
    written = page.read_text(encoding="utf-8")
    assert written.startswith("# By hand\n")
    assert "old tables" not in written
    assert "| `OPTIM.LR` | `0.0003` | number, at least 0 |" in written


def test_a_page_without_the_marker_is_refused():
    with pytest.raises(UserError, match="has no line"):
        config_page.renew("# By hand\n", "tables")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (Key("A", True, ""), "`True` or `False`"),
        (Key("A", 1, "", low=0, high=9), "whole number, at least 0, at most 9"),
        (Key("A", 1e-6, "", low=1e-12), "number, at least 1e-12"),
        (Key("A", "", ""), "text"),
        (Key("A", "x", "", choices=("x", "y")), "`x`, `y`"),
        (Key("A", (1, 2), "", length=2), "list of 2 whole numbers"),
        (Key("A", (), ""), "list of texts"),
        (Key("A", (), "", choices=lambda: ["x"]), "list with elements from `x`"),
    ],
)
def test_the_accepted_values_are_described(key, words):
    assert config_page.describe_type(key) == words


def test_a_row_names_default_owner_and_resuming():
    key = Key("B", (), "a <b> | c", may_change=True, section="A", owner="core.config")
    assert config_page.key_row(key) == (
        "| `A.B` | empty | list of texts | a \\<b> \\| c | yes | "
        "[core/config.py](../core/config.py) |"
    )
