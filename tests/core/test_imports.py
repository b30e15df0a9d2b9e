"""Modules of a user's own: where they are found, and what a mistake in them ends in."""

import sys

import pytest

import core.config
from core.config_merge import setup_cfg
from core.errors import UserError
from losses import LOSS_REGISTRY

OWN_LOSS = """
from torch import nn

from core.config import Key
from losses import FROM_ARGUMENT, LOSS_REGISTRY, declare_options


@LOSS_REGISTRY.register()
class OwnLoss(nn.Module):
    reduction = "sum"

    def __init__(self, *, gamma: float = 2.0) -> None:
        super().__init__()


declare_options(OwnLoss, Key("GAMMA", FROM_ARGUMENT, "exponent", low=0.0, high=5.0))
"""
OWN_DATA = """
from core.config import Key, declare

declare("DATASET.OWNDATA", Key("FILE", "own.csv", "table"))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with two modules; what they declare and register is forgotten afterwards."""
    (tmp_path / "own_loss.py").write_text(OWN_LOSS)
    (tmp_path / "own_data.py").write_text(OWN_DATA)
    work = tmp_path / "elsewhere"
    work.mkdir()
    core.config.declared_keys()
    monkeypatch.setattr(core.config, "_declared", dict(core.config._declared))
    monkeypatch.setattr(LOSS_REGISTRY, "_obj_map", dict(LOSS_REGISTRY._obj_map))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("own_"):
            del sys.modules[name]


def one_line(*opts, files=()):
    """Return the error of a configuration, which must be one line."""
    with pytest.raises(UserError) as caught:
        setup_cfg([str(file) for file in files], opts=opts)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "value", ["own_loss", "./own_loss.py", "own_loss.py", "['own_loss']", "own_data, own_loss.py"]
)
def test_a_name_a_path_and_a_list_are_accepted_on_the_command_line(value):
    cfg = setup_cfg([], opts=["IMPORTS", value, "LOSS.OWNLOSS.GAMMA", "1.5"])
    assert cfg.LOSS.OWNLOSS.GAMMA == 1.5


@pytest.mark.parametrize(
    "value", ["own_loss", "./own_loss.py", "[own_loss]", "[own_data, own_loss]"]
)
def test_a_name_a_path_and_a_list_are_accepted_in_yaml(folder, value):
    file = folder / "own.yaml"
    file.write_text(f"IMPORTS: {value}\nLOSS: {{OWNLOSS: {{GAMMA: 1}}}}\n")
    assert setup_cfg([str(file)]).LOSS.OWNLOSS.GAMMA == 1.0


def test_a_module_is_found_beside_the_yaml_file_that_names_it(folder, monkeypatch):
    (folder / "base.yaml").write_text("IMPORTS: own_loss\n")
    (folder / "elsewhere" / "top.yaml").write_text("_BASE_: ../base.yaml\n")
    monkeypatch.chdir(folder / "elsewhere")
    cfg = setup_cfg(["top.yaml"], opts=["LOSS.OWNLOSS.GAMMA", "3"])
    assert cfg.LOSS.OWNLOSS.GAMMA == 3.0


def test_the_lists_of_several_files_and_of_the_command_line_add_up(folder):
    (folder / "data.yaml").write_text("IMPORTS: own_data\nDATASET: {OWNDATA: {FILE: a.csv}}\n")
    (folder / "loss.yaml").write_text("IMPORTS: own_loss\nLOSS: {OWNLOSS: {GAMMA: 1}}\n")
    (folder / "own_third.py").write_text("")
    cfg = setup_cfg(["data.yaml", "loss.yaml"], opts=["IMPORTS", "own_third"])
    assert (cfg.DATASET.OWNDATA.FILE, cfg.LOSS.OWNLOSS.GAMMA) == ("a.csv", 1.0)
    assert cfg.IMPORTS == ("own_data", "own_loss", "own_third")


def test_a_misspelt_option_gets_the_nearest_match():
    error = one_line("IMPORTS", "own_loss", "LOSS.OWNLOSS.GAMA", "1")
    assert "unknown key 'LOSS.OWNLOSS.GAMA'. Did you mean 'LOSS.OWNLOSS.GAMMA'?" in error


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("[soft]", "accepted: a number."),
        ("soft", "accepted: a number."),
        ("-1", "accepted: a number at least 0 and at most 5."),
        ("5.1", "accepted: a number at least 0 and at most 5."),
    ],
)
def test_a_wrong_value_names_the_file_and_what_is_accepted(folder, value, accepted):
    file = folder / "own.yaml"
    file.write_text(f"IMPORTS: own_loss\nLOSS: {{OWNLOSS: {{GAMMA: {value}}}}}\n")
    error = one_line(files=[file])
    assert error.startswith("LOSS.OWNLOSS.GAMMA is ")
    assert accepted in error and error.endswith(f"(set in {file})")


def test_a_syntax_error_is_one_line_for_a_name_and_for_a_path(folder):
    (folder / "own_broken.py").write_text("\ndef x(:\n")
    for name in ("own_broken", "own_broken.py"):
        error = one_line("IMPORTS", name)
        assert "SyntaxError: invalid syntax (own_broken.py, line 2)" in error


def test_a_module_that_is_not_there_gets_the_nearest_match():
    assert "there is no such module" in one_line("IMPORTS", "own_los")
    assert "Did you mean 'own_loss'?" in one_line("IMPORTS", "own_los")
    assert "there is no such file" in one_line("IMPORTS", "./own_los.py")


def test_a_missing_package_of_a_module_is_named(folder):
    (folder / "own_needy.py").write_text("import not_installed_anywhere\n")
    assert "No module named 'not_installed_anywhere'" in one_line("IMPORTS", "own_needy")


def test_a_file_with_the_name_of_another_module_is_refused(folder):
    (folder / "losses.py").write_text(OWN_LOSS)
    for name in ("losses", "./losses.py"):
        assert "rename the file" in one_line("IMPORTS", name)


def test_a_key_that_two_modules_declare_is_one_line_that_names_both(folder):
    (folder / "own_copy.py").write_text(OWN_DATA)
    error = one_line("IMPORTS", "[own_data, own_copy]")
    assert "key DATASET.OWNDATA.FILE of own_copy is already declared by own_data" in error


def test_options_without_an_argument_of_the_constructor_are_one_line(folder):
    wrong = OWN_LOSS.replace('Key("GAMMA"', 'Key("ALPHA"')
    (folder / "own_wrong.py").write_text(wrong)
    error = one_line("IMPORTS", "own_wrong")
    assert "OwnLoss has no keyword argument alpha with a default" in error


def test_an_error_while_importing_names_file_and_line(folder):
    (folder / "own_error.py").write_text("from core.files import read_json\n\nread_json(1 / 0)\n")
    (folder / "own_deep.py").write_text("import json\n\njson.loads('no JSON')\n")
    for name in ("own_error", "own_error.py"):
        assert f"ZeroDivisionError: division by zero ({folder}/own_error.py:3)" in one_line(
            "IMPORTS", name
        )
    assert f"({folder}/own_deep.py:3)" in one_line("IMPORTS", "own_deep")


@pytest.mark.parametrize("code", ["3", "'bye'", ""])
def test_a_module_that_ends_the_program_is_one_line(folder, code):
    (folder / "own_exit.py").write_text(f"import sys\nsys.exit({code})\n")
    error = one_line("IMPORTS", "own_exit")
    assert f"it ends the program (sys.exit({code})) ({folder}/own_exit.py:2)" in error


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ('Key("gamma", FROM_ARGUMENT', "key LOSS.OWNLOSS.gamma: names and sections are words in"),
        ('Key("GAMMA", FROM_ARGUMENT, "", high=1.0), Key("GAMMA", FROM_ARGUMENT', "default 2.0 is"),
        ('Key("GAMMA", FROM_ARGUMENT, ""), Key("GAMMA", FROM_ARGUMENT', "GAMMA is declared twice"),
    ],
)
def test_an_option_that_could_never_be_used_is_refused_where_it_is_declared(folder, key, message):
    wrong = OWN_LOSS.replace('Key("GAMMA", FROM_ARGUMENT', key)
    assert wrong != OWN_LOSS
    (folder / "own_wrong.py").write_text(wrong)
    assert message in one_line("IMPORTS", "own_wrong")
