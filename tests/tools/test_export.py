"""The command line of the export: what it prints, refuses and uploads."""

import importlib.machinery
import sys
import types

import pytest

from inference.export import packages
from tools import export


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Replace the export itself by a folder with one file."""
    made = tmp_path / "model"

    def fake(run, format, output, **options):
        made.mkdir()
        (made / "README.md").write_text("card")
        return made

    monkeypatch.setattr(export, "export", fake)
    return made


@pytest.fixture
def hub(monkeypatch):
    """Install a fake client of Hugging Face, which remembers its calls."""
    client = types.ModuleType("huggingface_hub")
    client.__spec__ = importlib.machinery.ModuleSpec("huggingface_hub", None)
    client.calls = []

    def create_repo(repo_id, **options):
        client.calls.append(("create_repo", repo_id, options))

    def upload_folder(**options):
        client.calls.append(("upload_folder", options))
        return "https://hub/user/name/commit/1"

    client.create_repo, client.upload_folder = create_repo, upload_folder
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    return client


def test_the_files_are_listed(folder, capsys):
    assert export.main(["run", "--format", "onnx"]) == 0
    assert capsys.readouterr().out == f"{folder / 'README.md'}  4 bytes\n"


def test_push_creates_the_repository_and_uploads_the_folder(folder, hub, capsys):
    assert export.main(["run", "--format", "onnx", "--push", "user/name", "--private"]) == 0
    assert hub.calls == [
        ("create_repo", "user/name", {"private": True, "exist_ok": True}),
        ("upload_folder", {"repo_id": "user/name", "folder_path": folder}),
    ]
    assert capsys.readouterr().out.endswith("https://hub/user/name/commit/1\n")


def test_nothing_is_uploaded_without_push(folder, hub):
    assert export.main(["run", "--format", "onnx"]) == 0
    assert hub.calls == []


def test_a_missing_client_is_one_line_before_the_export(folder, monkeypatch, capsys):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert export.main(["run", "--format", "onnx", "--push", "user/name"]) == 2
    assert capsys.readouterr().err == (
        "error: --push needs the client huggingface_hub; install: pip install huggingface_hub\n"
    )
    assert not folder.exists()


def test_a_refused_upload_is_one_line_and_keeps_the_folder(folder, hub, capsys):
    def refuse(**options):
        raise RuntimeError("401: log in first\ntrace")

    hub.upload_folder = refuse
    assert export.main(["run", "--format", "onnx", "--push", "user/name"]) == 2
    error = capsys.readouterr().err
    assert error == (
        f"error: the folder {folder} is complete, but it cannot be uploaded to user/name: "
        "401: log in first\n"
    )
    assert (folder / "README.md").is_file()


@pytest.mark.parametrize("repo_id", ["a/b/c", "user/", "user name", "/name"])
def test_a_wrong_name_of_a_repository_is_refused(repo_id, folder, hub, capsys):
    assert export.main(["run", "--format", "onnx", "--push", repo_id]) == 2
    assert f"--push is '{repo_id}'; expected a repository" in capsys.readouterr().err
    assert not folder.exists() and hub.calls == []


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--format", "onnx", "--private"], "--private needs --push REPO_ID"),
        (["--format", "onnx", "--with-backbone"], "--with-backbone is for safetensors"),
        (["--format", "safetensors", "--license", "My Licence"], "--license is 'My Licence'"),
        (["--format", "safetensors"], "does not exist; expected the output folder"),
    ],
)
def test_a_mistake_is_one_line(flags, line, tmp_path, capsys):
    assert export.main([str(tmp_path / "gone"), *flags]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
