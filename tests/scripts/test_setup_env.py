"""The functions of setup_env.sh: versions of Python, lowest versions of the requirements."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bash(command, **env):
    """Run a command after setup_env.sh, with nothing but ``env`` in the environment."""
    return subprocess.run(
        ["bash", "-c", f"source scripts/setup_env.sh && {command}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", **env},
    )


def interpreter(folder, version, name="python3"):
    """Write a program that says it is Python ``version``."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_a_supported_python_is_taken(tmp_path, version):
    python = interpreter(tmp_path, version)
    assert bash("find_python", PYTHON=str(python)).stdout == f"{python}\n"


@pytest.mark.parametrize("version", ["2.7", "3.9", "3.14", "4.0", ""])
def test_another_python_is_refused_in_one_line(tmp_path, version):
    python = interpreter(tmp_path, version)
    result = bash(f"make_env {tmp_path}/new", PYTHON=str(python))
    assert result.returncode == 2 and not (tmp_path / "new").exists()
    assert result.stderr == (
        f"error: IntCLIP needs Python 3.10 to 3.13, {python} is {version or 'missing'}; "
        "set PYTHON=/path/to/python3\n"
    )


def test_the_next_python_is_tried_when_the_first_is_too_new(tmp_path):
    interpreter(tmp_path, "3.14", "python3")
    interpreter(tmp_path, "3.13", "python3.13")
    assert bash("find_python", PATH=f"{tmp_path}:/usr/bin:/bin").stdout == "python3.13\n"


def test_an_environment_of_an_unsupported_python_is_refused(tmp_path):
    (tmp_path / "bin").mkdir()
    interpreter(tmp_path / "bin", "3.9", "python")
    result = bash(f"make_env {tmp_path}")
    assert result.returncode == 2
    assert f"{tmp_path} has 3.9; delete {tmp_path}" in result.stderr


def test_a_python_that_is_not_used_is_said_to_be_ignored(tmp_path):
    (tmp_path / "bin").mkdir()
    interpreter(tmp_path / "bin", "3.11", "python")
    result = bash(f"make_env {tmp_path}", PYTHON=str(interpreter(tmp_path, "3.12")))
    assert result.returncode == 0
    assert result.stderr == f"note: PYTHON is ignored, {tmp_path} exists and has Python 3.11\n"


def test_every_requirement_is_pinned_to_its_lowest_version():
    pins = bash("lowest_versions").stdout.splitlines()
    lines = []
    for name in ("requirements.txt", "requirements-test.txt", "requirements-export.txt"):
        lines += (ROOT / name).read_text().splitlines()
    admitted = [line for line in lines if line != "-r requirements.txt"]
    assert pins == [line.replace(">=", "==") for line in admitted]
