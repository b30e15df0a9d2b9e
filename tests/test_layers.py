"""A file imports only from lower layers, and the packages of layer 1 not from each other."""

from pathlib import Path

import pytest

from tests.imports import imported

LAYER = {
    "core": 0,
    "datasets": 1,
    "models": 1,
    "losses": 1,
    "evaluation": 1,
    "reports": 2,
    "engine": 3,
    "trainers": 4,
    "inference": 5,
}
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("package", LAYER)
def test_imports_go_downwards(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        for name in set(imported(path)) & LAYER.keys() - {package}:
            assert LAYER[name] < LAYER[package], f"{path.name} imports {name}"


def test_no_import_of_the_package_that_our_datasets_hides():
    import datasets

    assert Path(datasets.__file__).is_relative_to(ROOT)
    for path in (p for package in LAYER for p in (ROOT / package).rglob("*.py")):
        assert "load_dataset" not in path.read_text(), path
