"""The requirements files install every package that the code imports."""

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.imports import imported

ROOT = Path(__file__).parent.parent
OWN = {
    p.stem
    for p in ROOT.iterdir()
    if not p.name.startswith(".") and (p.is_dir() or p.suffix == ".py")
}
# Imported only where somebody asks for it; requirements-export.txt and requirements-app-test.txt
# install the others.
OPTIONAL = {"dassl", "onnx", "onnxruntime", "gradio", "starlette", "selenium"}


def required(name):
    """Return the distributions that a requirements file names, with those of the files that it
    includes.
    """
    lines = (ROOT / name).read_text().split("\n")
    included = set().union(*(required(line.split()[1]) for line in lines if line.startswith("-r ")))
    return included | {
        normal(re.match(r"[\w-]+", line)[0]) for line in lines if line and not line.startswith("-")
    }


def normal(name):
    return name.lower().replace("_", "-")


def provided(name):
    """Return the import names of an installed distribution, from the list of its files."""
    names = set()
    for file in distribution(name).files:
        if len(file.parts) > 1:
            names.add(file.parts[0])
        elif file.suffix == ".py":
            names.add(file.stem)
    return names


@pytest.mark.parametrize(
    ("tests", "file"), [(False, "requirements.txt"), (True, "requirements-test.txt")]
)
def test_every_import_is_required(tests, file):
    files = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] in OWN]
    files = [path for path in files if (path.relative_to(ROOT).parts[0] == "tests") == tests]
    assert len(files) > 40
    used = set().union(*(imported(path) for path in files))
    foreign = used - OWN - OPTIONAL - sys.stdlib_module_names
    missing = foreign - set().union(*(provided(name) for name in required(file)))
    assert not missing, f"{file} lacks {sorted(missing)}"


def test_every_requirement_has_a_lowest_version():
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            assert re.match(r"-r requirements(-app)?\.txt$|[\w-]+>=\d[\d.]*", line), line
