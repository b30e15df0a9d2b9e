"""``train.py --list``: all components with a description, also those of a user's own."""

import re
import subprocess
import sys

import pytest

import train
from core.errors import UserError
from core.files import PROJECT
from datasets import DATASET_REGISTRY
from engine.listing import KINDS, first_comment, first_sentence, format_rows
from losses import LOSS_REGISTRY

OWN = '''
from datasets import DATASET_REGISTRY, IntentDataset
from losses import LOSS_REGISTRY
from torch import nn


@DATASET_REGISTRY.register()
class Photos(IntentDataset):
    """My photographs of
    the sea. More words."""


@LOSS_REGISTRY.register()
class Focal(nn.CrossEntropyLoss):
    pass
'''


@pytest.fixture
def in_own_folder(tmp_path, monkeypatch, capsys):
    """Return a function: arguments of train.py to its output, beside a module of one's own."""
    (tmp_path / "photos_of_mine.py").write_text(OWN)
    (tmp_path / "mine.yaml").write_text("IMPORTS: photos_of_mine\nDATASET: {NAME: Photoss}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for registry in (DATASET_REGISTRY, LOSS_REGISTRY):
        monkeypatch.setattr(registry, "_obj_map", dict(registry._obj_map))

    def go(*argv):
        train.main(list(argv))
        return capsys.readouterr().out

    yield go
    sys.modules.pop("photos_of_mine", None)


def test_every_kind_is_listed_and_every_component_described(capsys):
    train.main(["--list"])
    out = capsys.readouterr().out
    titles = [line.partition(",")[0] for line in out.splitlines() if line and line[0] != " "]
    assert list(dict.fromkeys(titles)) == list(KINDS)
    for name in ("IntCLIP", "Intentonomy", "ViT-B/16", "AsymmetricPairLoss", "shrunk", "mAP"):
        assert f"\n  {name} " in out, name


@pytest.mark.parametrize("kind", KINDS)
def test_all_shipped_components_have_one_line(kind):
    for rows in KINDS[kind]().values():
        assert rows
        for name, text in rows.items():
            # Other tests register trainers and losses without words.
            assert text and "\n" not in text and "``" not in text, name


def test_metrics_of_one_count_have_texts_of_their_own():
    (rows,) = KINDS["metrics"]().values()
    assert len({rows[f"{name}_top3"] for name in ("precision", "recall", "f1")}) == 3


def test_all_shipped_files_to_choose_from_are_listed():
    listed = [name for rows in KINDS["configs"]().values() for name in rows]
    assert "single_label.yaml" in listed
    shipped = [*PROJECT.glob("configs/trainers/*/*")]
    for folder in ("datasets", "base"):
        shipped += PROJECT.glob(f"configs/{folder}/*")
    assert len(listed) == len(shipped) > 40


def test_components_of_ones_own_appear_from_the_command_line(in_own_folder):
    out = in_own_folder("--list", "datasets", "IMPORTS", "photos_of_mine")
    assert "  Photos       My photographs of the sea. [photos_of_mine.py]\n" in out


def test_components_of_ones_own_appear_from_yaml(in_own_folder):
    # DATASET.NAME is misspelt in the file; to find the right name is what the list is for.
    out = in_own_folder("--config-file", "mine.yaml", "--list", "losses")
    assert re.search(r"^  Focal +\(no docstring\) \[photos_of_mine\.py\]$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["loses"], r"^--list is 'loses'; accepted: backbones, .*Did you mean 'losses'\?$"),
        (["IMPORTS", "photos_of_min"], r"^IMPORTS names 'photos_of_min'.*'photos_of_mine'"),
        (["losses", "IMPORTS"], r"'IMPORTS' has no value"),
    ],
)
def test_a_wrong_kind_or_module_is_one_line(in_own_folder, words, fault):
    with pytest.raises(UserError, match=fault) as caught:
        in_own_folder("--list", *words)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_reader_that_ends_early_is_no_error():
    command = f"'{sys.executable}' '{PROJECT / 'train.py'}' --list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_sentences_and_rows(tmp_path):
    assert first_sentence("FI (You et al., 2016): many\nphotos. Where: here.") == (
        "FI (You et al., 2016): many photos."
    )
    assert first_sentence("A title\n\nMore.") == "A title"
    file = tmp_path / "a.yaml"
    file.write_text("# Own photographs,\n# all of them. Not these.\n#\n# Else.\nSEED: 1  # x\n")
    assert first_comment(file) == "Own photographs, all of them."
    rows = {"a": "short", "long": "one two three four five six seven"}
    assert format_rows("title", rows, width=28).splitlines() == [
        "title",
        "  a     short",
        "  long  one two three ...",
    ]
