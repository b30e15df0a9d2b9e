"""Another package under a name of the project ends the import in one clear line."""

import subprocess
import sys

import pytest

from core.files import PROJECT


def run_script(folder, text):
    """Run a script in a folder of its own, in isolation from this process's path."""
    script = folder / "script.py"
    script.write_text(text)
    command = [sys.executable, "-I", str(script)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)


def check_line(done, name, file):
    """Check that the script ended in one line, without a chain of errors."""
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: the package '{name}' is {file}, not that of IntCLIP. Put the folder of "
        f"IntCLIP first on Python's path, sys.path.insert(0, '{PROJECT}'), and import predict "
        f"before everything that imports another '{name}'"
    )


@pytest.mark.parametrize("name", ["datasets", "core", "tools"])
@pytest.mark.parametrize("is_imported", [True, False])
def test_another_package_of_the_same_name_is_named(tmp_path, name, is_imported):
    other = tmp_path / "site" / name / "__init__.py"
    other.parent.mkdir(parents=True)
    other.touch()
    first = f"import sys; sys.path.insert(0, {str(other.parents[1])!r})\n"
    if is_imported:
        place = f"import {name}; sys.path.insert(0, {str(PROJECT)!r})\n"
    else:
        place = f"sys.path.append({str(PROJECT)!r})\n"
    done = run_script(tmp_path, f"{first}{place}from predict import IntentPredictor\n")
    check_line(done, name, other)


def test_a_package_without_a_file_is_named(tmp_path):
    (tmp_path / "site" / "datasets").mkdir(parents=True)
    text = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\nimport datasets\n"
        f"sys.path.insert(0, {str(PROJECT)!r})\nimport predict\n"
    )
    check_line(run_script(tmp_path, text), "datasets", "one without a file")


@pytest.mark.slow
def test_a_script_elsewhere_imports_the_predictor(tmp_path):
    text = (
        f"import sys; sys.path.insert(0, {str(PROJECT)!r})\nfrom predict import IntentPredictor\n"
    )
    done = run_script(tmp_path, f"{text}print(IntentPredictor.__name__)\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "IntentPredictor\n", "")
