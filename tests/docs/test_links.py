"""Links, commands, files and keys that the documentation names exist."""

import importlib.util
import re
from pathlib import Path

import pytest

from core.cli import build_parser
from core.config import declared_keys
from core.files import PROJECT

PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("assets/*.md")])
OWN_EXAMPLES = "extending.md"  # declares keys of its own
FOLDERS = "assets|benchmarks|configs|core|datasets|docs|engine|evaluation|losses|models|scripts"
FOLDERS += "|tests|tools|trainers"

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"python -m ([\w.]+)")
FILE = re.compile(rf"(?<![\w/.<>$-])(?:\.\./)?((?:{FOLDERS})/[\w./-]*)")
KEY = re.compile(r"(?<![\w.<])[A-Z][A-Z_]+(?:\.[A-Z][A-Z0-9_]*)+(?![\w.]*[a-z])")
FLAG = re.compile(r"(?<!\S)--[a-z][a-z-]+")


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request):
    return request.param


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    text = CODE_BLOCK.sub("", read(page))
    found = set()
    for heading in HEADING.findall(text):
        words = re.sub(r"[^\w\s-]", "", heading.lower())
        found.add(words.strip().replace(" ", "-"))
    return found


def broken_links(page: Path) -> list[str]:
    """Return the relative links whose file or heading does not exist."""
    broken = []
    for link in LINK.findall(CODE_BLOCK.sub("", read(page))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def is_module(name: str) -> bool:
    """Return whether ``python -m name`` finds something to run."""
    path = PROJECT.joinpath(*name.split("."))
    if path.with_suffix(".py").is_file() or (path / "__main__.py").is_file():
        return True
    return "." not in name and importlib.util.find_spec(name) is not None


def test_links_lead_somewhere(page):
    assert broken_links(page) == []


def test_modules_that_commands_run_exist(page):
    unknown = [name for name in MODULE.findall(read(page)) if not is_module(name.rstrip("."))]
    assert unknown == []


def test_files_of_the_project_exist(page):
    named = [name.rstrip(".") for name in FILE.findall(read(page))]
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_keys_are_declared(page):
    if page.name == OWN_EXAMPLES:
        pytest.skip("its examples declare keys of their own")
    known = set(declared_keys())
    for name in declared_keys():
        parts = name.split(".")
        known.update(".".join(parts[:length]) for length in range(1, len(parts)))
    assert [name for name in KEY.findall(read(page)) if name not in known] == []


def test_flags_of_train_exist(page):
    known = set(build_parser()._option_string_actions)
    joined = read(page).replace("\\\n", " ")
    unknown = []
    for line in joined.splitlines():
        _, found, arguments = line.partition("train.py")
        if found:
            unknown += [flag for flag in FLAG.findall(arguments) if flag not in known]
    assert unknown == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](#a-title) [b](#b) [c](gone.md) [d](https://x.org)\n")
    assert broken_links(page) == ["#b", "gone.md"]


def test_an_unknown_module_is_found():
    assert is_module("tools.config_page")
    assert is_module("benchmarks.methods")
    assert not is_module("tools.gone")
