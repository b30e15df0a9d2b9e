"""Links, commands, files and keys that the documentation names exist."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from core.cli import build_parser, parse_args
from core.config import declared_keys
from core.config_merge import setup_from_args
from core.files import PROJECT
from tests.docs.page import code_blocks

PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), *PROJECT.glob("assets/*.md")])
OWN_EXAMPLES = "extending.md"  # declares keys of its own
FOLDERS = "assets|benchmarks|configs|core|datasets|docs|engine|evaluation|losses|models|scripts"
FOLDERS += "|tests|tools|trainers|examples|inference"

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"python -m ([\w.]+)")
FILE = re.compile(rf"(?<![\w/.<>$-])(?:\.\./)?((?:{FOLDERS})/[\w./-]*)")
KEY = re.compile(r"(?<![\w.<])[A-Z][A-Z_]+(?:\.[A-Z][A-Z0-9_]*)+(?![\w.]*[a-z])")
FLAG = re.compile(r"(?<!\S)--[a-z][a-z_-]+")
FOREIGN = ("| you type |", "| there |")  # headers of tables whose first column is another project's
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|mnt|usr)/[\w./-]*")


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def page(request):
    return request.param


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_foreign(text: str) -> str:
    """Return the text without the first cells of the tables that translate from other projects."""
    kept, foreign = [], False
    for line in text.splitlines():
        if line.startswith(FOREIGN):
            foreign = True
        elif not line.startswith("|"):
            foreign = False
        if foreign:
            line = line.partition("|")[2].partition("|")[2]
        kept.append(line)
    return "\n".join(kept)


def known_keys() -> set[str]:
    """Return the declared keys and their sections."""
    known = set(declared_keys())
    for name in declared_keys():
        parts = name.split(".")
        known.update(".".join(parts[:length]) for length in range(1, len(parts)))
    return known


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


def train_commands(page: Path) -> list[list[str]]:
    """Return the arguments of the complete commands with train.py and shipped files."""
    found = []
    for language, block in code_blocks(read(page)):
        if language != "bash":
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "train.py" not in words or "..." in words:
                continue
            files = [word for word in words if word.endswith(".yaml")]
            if files and all((PROJECT / file).is_file() for file in files):
                found.append(words[words.index("train.py") + 1 :])
    return found


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
    named = [name.rstrip(".") for name in FILE.findall(without_foreign(read(page)))]
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_keys_are_declared(page):
    if page.name == OWN_EXAMPLES:
        pytest.skip("its examples declare keys of their own")
    known, text = known_keys(), without_foreign(read(page))
    assert [name for name in KEY.findall(text) if name not in known] == []


def test_flags_of_train_exist(page):
    known = set(build_parser()._option_string_actions)
    joined = read(page).replace("\\\n", " ")
    unknown = []
    for line in joined.splitlines():
        _, found, arguments = line.partition("train.py")
        if found:
            unknown += [flag for flag in FLAG.findall(arguments) if flag not in known]
    assert unknown == []


def test_commands_of_train_have_keys_and_values_that_are_accepted(page):
    for arguments in train_commands(page):
        args = parse_args(arguments)
        cfg = setup_from_args(args)
        assert cfg.TRAINER.NAME
        assert cfg.DATASET.NAME or args.print_config is not None


def test_the_pages_for_other_projects_have_complete_commands():
    assert len(train_commands(PROJECT / "docs" / "from_coop.md")) == 2
    assert len(train_commands(PROJECT / "docs" / "from_research_code.md")) == 2


def test_no_page_names_a_place_on_somebodys_machine(page):
    assert MACHINE_PATH.findall(read(page)) == []


def test_the_index_lists_every_page():
    index = PROJECT / "docs" / "README.md"
    listed = {(index.parent / link).resolve() for link in LINK.findall(read(index))}
    assert [str(page) for page in PAGES if page != index and page.resolve() not in listed] == []


def test_only_the_first_cell_of_a_translating_table_is_foreign():
    table = "| you type | here |\n| --- | --- |\n| `OLD.KEY_A` | `NEW.KEY_B` |\n"
    text = f"`MY.KEY_C`\n\n{table}\n| key | meaning |\n| `MY.KEY_D` | x |\n"
    assert KEY.findall(without_foreign(text)) == ["MY.KEY_C", "NEW.KEY_B", "MY.KEY_D"]


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](#a-title) [b](#b) [c](gone.md) [d](https://x.org)\n")
    assert broken_links(page) == ["#b", "gone.md"]


def test_an_unknown_module_is_found():
    assert is_module("tools.config_page")
    assert is_module("benchmarks.methods")
    assert not is_module("tools.gone")
