"""The printed configuration: it reads back as an equal one and names the source of each value."""

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

import train
from core.cli import key_flags, parse_args
from core.config_merge import flatten, resolve_cfg, setup_cfg
from core.config_print import describe_config, format_value
from core.errors import UserError

RN101 = "configs/trainers/IntCLIP/rn101.yaml"


def printed(capsys, *argv):
    train.main([*argv])
    return capsys.readouterr().out


def source_of(text, leaf):
    """Return the comments of the lines of a key's last part."""
    lines = [line for line in text.splitlines() if line.strip().startswith(f"{leaf}:")]
    return [line.rpartition("  # ")[2] for line in lines]


def test_the_printed_yaml_gives_an_equal_configuration(tmp_path, capsys):
    argv = ["--dataset-config-file", "configs/datasets/scenes.yaml", "--config-file", RN101]
    argv += ["--seed", "3", "--csc", "False", "--print-config", "OPTIM.LR", "1e-5"]
    argv += ["OPTIM.STEPSIZE", "(3, 5)", "DATASET.ROOT", "a # 'b': \"c\"\n ü", "LOSS.*.EPS", "1e-9"]
    text = printed(capsys, *argv)
    saved = tmp_path / "saved.yaml"
    saved.write_text(text, encoding="utf-8")
    args = parse_args([word for word in argv if word != "--print-config"])
    files = [args.dataset_config_file, args.config_file]
    expected = setup_cfg(files, flags=key_flags(args), opts=args.opts)
    assert dict(flatten(setup_cfg([str(saved)]))) == dict(flatten(expected))
    # Plain YAML has the same values; it only knows no tuples.
    plain = dict(flatten(yaml.safe_load(text)))
    for name, value in flatten(expected):
        assert plain[name] == (list(value) if isinstance(value, tuple) else value), name


@given(st.text(), st.floats(min_value=0, allow_infinity=False))
@example("\x85", 0.0)
def test_any_text_and_number_is_one_line_of_yaml(text, number):
    for value in (text, number, (text, text), ()):
        line = format_value(value)
        assert len(line.splitlines()) == 1
        read = yaml.safe_load(f"A:\n  B: {line}  # comment\n")["A"]["B"]
        assert read == (list(value) if isinstance(value, tuple) else value)


def test_every_value_names_where_it_was_set(capsys):
    text = printed(
        capsys, "--config-file", RN101, "--seed", "3", "--print-config", "OPTIM.MAX_EPOCH", "7"
    )
    for leaf, source in [
        ("SEED", "--seed"),
        ("MAX_EPOCH", "the command line"),
        ("SEMANTIC_LR_MULT", RN101),
        ("WARMUP_EPOCH", "configs/base/published_schedule.yaml"),  # through _BASE_
        ("CLIP_GRAD_NORM", "default"),
    ]:
        assert source_of(text, leaf) == [source], leaf
    assert source_of(text, "NAME") == [  # data set, backbone, optimiser, trainer
        "default",
        "configs/base/rn101.yaml",
        "configs/base/published_schedule.yaml",
        RN101,
    ]


def test_sources_are_short_from_another_folder_too(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(f"_BASE_: {RN101}\nSEED: 4\n")
    text = printed(capsys, "--config-file", "mine.yaml", "--print-config")
    assert source_of(text, "SEED") == ["mine.yaml"]
    assert source_of(text, "MAX_EPOCH") == ["configs/base/published_schedule.yaml"]


def test_the_lists_of_imports_name_all_their_sources(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    file = tmp_path / "own.yaml"
    file.write_text("IMPORTS: json\n")
    cfg, sources = resolve_cfg([str(file)], opts=["IMPORTS", "string"])
    assert cfg.IMPORTS == ("json", "string")
    assert sources["IMPORTS"] == f"{file}, the command line"


def test_a_section_or_a_key_alone_is_valid_yaml(capsys):
    text = printed(capsys, "--print-config", "TRAINER.INTCLIP", "TRAINER.INTCLIP.CSC", "False")
    tree = yaml.safe_load(text)
    assert list(tree) == ["TRAINER"] and list(tree["TRAINER"]) == ["INTCLIP"]
    assert tree["TRAINER"]["INTCLIP"]["CSC"] is False
    assert yaml.safe_load(printed(capsys, "--print-config", "OPTIM.LR")) == {"OPTIM": {"LR": 3e-4}}
    dataloader = yaml.safe_load(printed(capsys, "--print-config", "DATALOADER"))["DATALOADER"]
    assert dataloader["TRAIN_X"]["BATCH_SIZE"] == 32


@pytest.mark.parametrize(
    ("section", "nearest"),
    [("TRAINER.INTCLP", "TRAINER.INTCLIP"), ("optim", "OPTIM"), ("OPTIM.LRR", "OPTIM.LR")],
)
def test_a_wrong_section_is_one_line_with_the_nearest_name(section, nearest):
    cfg, sources = resolve_cfg([])
    with pytest.raises(UserError, match=rf"--print-config is '{section}'.*'{nearest}'\?") as caught:
        describe_config(cfg, sources, section)
    assert "\n" not in str(caught.value)


def test_faults_of_the_configuration_come_first(capsys):
    with pytest.raises(UserError, match=r"OPTIM\.LRR.*Did you mean 'OPTIM\.LR'"):
        train.main(["--print-config", "OPTIM", "OPTIM.LRR", "1"])
    assert capsys.readouterr().out == ""
