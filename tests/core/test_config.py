"""Configuration: merging, faults reported together, Dassl's tree."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yacs.config import CfgNode

import core.config
from core.cli import key_flags, parse_args
from core.config import Key, declare, declared_keys, extend_cfg, get_cfg_default
from core.config_merge import flatten, setup_cfg
from core.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs" / "trainers"


def test_defaults_accept_themselves():
    opts = [text for key, value in flatten(get_cfg_default()) for text in (key, str(value))]
    cfg = setup_cfg([], opts=opts)
    assert dict(flatten(cfg)) == dict(flatten(get_cfg_default()))
    assert cfg.is_frozen()


def test_every_key_is_declared_once_with_a_meaning():
    assert len(declared_keys()) > 100
    for name, key in declared_keys().items():
        assert name == key.full_name
        assert key.help and key.owner, name


def test_a_key_that_another_module_declared_is_refused():
    with pytest.raises(KeyError, match=r"OPTIM\.LR of tests\.core\.test_config.*engine\.optim"):
        declare("OPTIM", Key("LR", 1.0, "mine"))
    with pytest.raises(TypeError, match="a default must be"):
        declare("MINE", Key("NOTHING", None, "no type"))


def test_order_of_precedence(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("OPTIM: {LR: 1e-3, MAX_EPOCH: 3}\nSEED: 5\n")
    second.write_text("OPTIM: {LR: 4e-4}\n")
    cfg = setup_cfg(
        [str(first), str(second)], flags={"SEED": ("0", "--seed")}, opts=["OPTIM.MAX_EPOCH", "9"]
    )
    assert (cfg.OPTIM.LR, cfg.OPTIM.MAX_EPOCH, cfg.SEED) == (4e-4, 9, 0)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["OPTIM.LR=0.1"], "'OPTIM.LR=0.1' has '=' in place of a space; write OPTIM.LR 0.1 ("),
        (["SEED", "1", "OPTIM.LR=0.1"], "write OPTIM.LR 0.1 ("),
        (["OPTIM.LR=0.1", "SEED", "1"], "write OPTIM.LR 0.1 ("),
        (["OPTIM.LR=", "0.1"], "write OPTIM.LR 0.1 ("),
        (["DATASET.CLASSES=[in love, joy]"], "write DATASET.CLASSES '[in love, joy]' ("),
    ],
)
def test_a_key_with_an_equals_sign_says_to_write_a_space(words, advice):
    with pytest.raises(UserError) as caught:
        setup_cfg([], opts=words)
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_keys_with_an_equals_sign_are_two_faults():
    with pytest.raises(UserError, match="2 faults"):
        setup_cfg([], opts=["OPTIM.LR=0.1", "SEED=3"])


def test_a_value_may_have_an_equals_sign():
    assert setup_cfg([], opts=["DATASET.COUNTS", "[train=5]"]).DATASET.COUNTS == ("train=5",)


def test_all_faults_are_reported_together_with_their_source(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("OPTIM: {LRR: 1, NAME: sdg, MAX_EPOCH: 0, LR: much}\nINPUT: {SIZE: [224]}\n")
    with pytest.raises(UserError) as caught:
        setup_cfg([str(file)], opts=["SEEED", "1", "USE_CUDA", "maybe"])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("7 faults")
    for part in (
        "Did you mean 'OPTIM.LR'",
        "Did you mean 'sgd'",
        "at least 1",
        "a number",
        "2 values",
        "'SEED'",
        "True or",
    ):
        assert part in str(caught.value), part
    assert sum(str(file) in line for line in lines) == 5
    assert sum("the command line" in line for line in lines) == 2


@pytest.mark.parametrize("text", ["OPTIM: [", "just text", "- a\n- b"])
def test_a_file_that_is_no_mapping_is_one_line(tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"bad\.yaml"):
        setup_cfg([str(file)])


@given(st.text(min_size=1, max_size=30), st.text(max_size=20))
@example("LOSS.*.", "")
def test_no_text_ends_in_anything_but_a_user_error(name, value):
    try:
        setup_cfg([], opts=[name, value])
    except UserError as error:
        assert name in str(error)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_learning_rate_is_a_number_of_at_least_zero(value):
    if value >= 0:
        assert (
            value == setup_cfg([], opts=["OPTIM.LR", repr(value).replace("inf", "1e999")]).OPTIM.LR
        )
    else:
        with pytest.raises(UserError):
            setup_cfg([], opts=["OPTIM.LR", repr(value).replace("inf", "1e999")])


def test_extending_a_tree_keeps_what_is_there():
    cfg = CfgNode({"OPTIM": CfgNode({"LR": 7.0}), "MINE": 1})
    extend_cfg(cfg)
    assert (cfg.OPTIM.LR, cfg.MINE, cfg.TRAINER.INTCLIP.N_CTX_POS) == (7.0, 1, 16)


def test_seed_zero_is_a_seed_and_aliases_work():
    words = ["--seed", "0", "--output_dir", "o", "--n_ctx_pos", "4", "--input_size", "288"]
    args = parse_args(["--trainer", "IntCLIP", *words])
    cfg = setup_cfg([], flags=key_flags(args))
    assert (cfg.SEED, cfg.OUTPUT_DIR, cfg.TRAINER.INTCLIP.N_CTX_POS, cfg.INPUT.SIZE) == (
        0,
        "o",
        4,
        (288, 288),
    )


def test_an_unknown_flag_is_one_line():
    with pytest.raises(UserError, match="--traner Did you mean '--trainer'"):
        parse_args(["--traner", "IntCLIP", "--seed", "1"])
    with pytest.raises(UserError, match="'--seed' stands behind"):
        parse_args(["OPTIM.LR", "1", "--seed", "1"])


@pytest.mark.parametrize(
    "file", sorted(CONFIGS.rglob("*.yaml")), ids=lambda file: f"{file.parent.name}-{file.stem}"
)
def test_shipped_files_are_valid(file):
    cfg = setup_cfg(["configs/datasets/intentonomy.yaml", str(file)])
    assert file.parent.name == cfg.TRAINER.NAME
    assert cfg.MODEL.BACKBONE.NAME or cfg.MODEL.BACKBONE.PATH


def test_flags_of_a_method_set_the_keys_of_the_trainer_in_use(tmp_path):
    file = tmp_path / "method.yaml"
    file.write_text("TRAINER: {NAME: DualCoOp}\n")
    cfg = setup_cfg(
        [str(file)], flags=key_flags(parse_args(["--n-ctx-pos", "4", "--loss-w", "0.5"]))
    )
    assert (cfg.TRAINER.DUALCOOP.N_CTX_POS, cfg.LOSS.ASYMMETRICPAIRLOSS.WEIGHT) == (4, 0.5)
    assert cfg.TRAINER.INTCLIP.N_CTX_POS == 16
    cfg = setup_cfg(
        [str(file)], flags=key_flags(parse_args(["--trainer", "IntCLIP", "--n-ctx-pos", "4"]))
    )
    assert (cfg.TRAINER.INTCLIP.N_CTX_POS, cfg.TRAINER.DUALCOOP.N_CTX_POS) == (4, 16)


def test_a_flag_that_the_trainer_does_not_have_is_an_error_that_names_its_flags():
    for trainer, flag, expected in [
        ("LinearProbe", "--csc", "the trainer LinearProbe has no option CSC; its flags: none"),
        ("ZeroshotCLIP", "--loss-w", "without a loss"),
        ("ZeroshotCLIP", "--n-ctx-pos", "its flags: --logit-scale"),
    ]:
        with pytest.raises(UserError, match=f"{flag} sets nothing: .*{expected}"):
            setup_cfg([], flags=key_flags(parse_args(["--trainer", trainer, flag, "1"])))
    flags = key_flags(parse_args(["--trainer", "LinearProbe", "--gamma-neg", "1"]))
    with pytest.raises(
        UserError, match=r"BinarySigmoidLoss .*no option GAMMA_NEG; its flags: --loss-w"
    ):
        setup_cfg([], flags=flags)


@pytest.mark.parametrize(
    ("elements", "accepted", "refused", "expected"),
    [
        (int, "[10, 20]", "[10, 2.5]", "a list of whole numbers"),
        (float, "[10, 2.5]", "[a, b]", "a list of numbers"),
        (None, "[a, b]", "[10, 20]", "a list of texts"),
    ],
)
def test_the_elements_of_an_empty_list_have_the_declared_type(
    monkeypatch, elements, accepted, refused, expected
):
    monkeypatch.setattr(core.config, "_declared", dict(declared_keys()))
    declare("OPTIM", Key("MILESTONES", (), "epochs", elements=elements))
    cfg = setup_cfg([], opts=["OPTIM.MILESTONES", accepted])
    assert len(cfg.OPTIM.MILESTONES) == 2 and isinstance(cfg.OPTIM.MILESTONES, tuple)
    with pytest.raises(UserError, match=f"MILESTONES is .*; accepted: {expected}"):
        setup_cfg([], opts=["OPTIM.MILESTONES", refused])


def test_elements_of_another_type_cannot_be_declared():
    with pytest.raises(TypeError, match=r"OPTIM\.STEPS: elements must be int, float or str"):
        declare("OPTIM", Key("STEPS", (), "epochs", elements=bool))


@pytest.mark.parametrize("flag", ["--csc", "--gamma-neg"])
def test_a_flag_of_the_trainer_needs_a_trainer(flag):
    message = rf"needs TRAINER\.NAME or --trainer \(set in {flag}\)"
    with pytest.raises(UserError, match=message):
        setup_cfg([], flags=key_flags(parse_args([flag, "1"])))


def test_options_of_losses_are_accepted_under_their_earlier_names():
    opts = ["TRAINER.INTCLIP.ASL_GAMMA_NEG", "3.5", "TRAINER.LINEARPROBE.LOSS_WEIGHT", "0.5"]
    cfg = setup_cfg([], opts=opts)
    assert cfg.LOSS.ASYMMETRICPAIRLOSS.GAMMA_NEG == 3.5
    assert cfg.LOSS.BINARYSIGMOIDLOSS.WEIGHT == 0.5
    opts = ["TRAINER.INTCLIP.LOSS_WEIGHT", "2", "TRAINER.INTCLIP.LOSS", "BinaryPairLoss"]
    cfg = setup_cfg([], opts=[*opts, "TRAINER.INTCLIP.ASL_CLIP", "0.1"])
    assert cfg.LOSS.BINARYPAIRLOSS.WEIGHT == 2.0
    assert cfg.LOSS.ASYMMETRICPAIRLOSS.CLIP == 0.1  # no effect, and the log of the run says so


def test_a_file_builds_on_others_and_faults_name_the_file_they_stand_in(tmp_path):
    (tmp_path / "sub").mkdir()
    base, other, top = (tmp_path / name for name in ("base.yaml", "other.yaml", "sub/top.yaml"))
    base.write_text("OPTIM: {LR: 1.0, MAX_EPOCH: 3}\nSEED: 1\n")
    other.write_text("_BASE_: base.yaml\nOPTIM: {LR: 2.0}\n")
    top.write_text("_BASE_: [../base.yaml, ../other.yaml]\nSEED: 2\n")
    cfg = setup_cfg([str(top)])
    assert (cfg.OPTIM.LR, cfg.OPTIM.MAX_EPOCH, cfg.SEED) == (2.0, 3, 2)
    base.write_text("_BASE_: sub/top.yaml\nOPTIM: {LRR: 1.0}\n")
    with pytest.raises(UserError) as caught:
        setup_cfg([str(top)])
    assert "leads back" in str(caught.value)
    assert re.search(
        r"OPTIM\.LRR.*Did you mean 'OPTIM\.LR'.*set in .*base\.yaml", str(caught.value)
    )
    top.write_text("_BASE_: 5\n")
    with pytest.raises(UserError, match=r"_BASE_ is 5; expected a path or a list of paths"):
        setup_cfg([str(top)])
    top.write_text("_BASE_: ../bose.yaml\n")
    with pytest.raises(UserError, match=r"bose\.yaml' does not exist.*base\.yaml"):
        setup_cfg([str(top)])


def test_shipped_files_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert setup_cfg(["configs/trainers/IntCLIP/rn101.yaml"]).TRAINER.NAME == "IntCLIP"


def test_published_recipe():
    cfg = setup_cfg(["configs/trainers/IntCLIP/rn101.yaml"])
    optim = cfg.OPTIM
    assert (optim.LR, optim.MOMENTUM, optim.WEIGHT_DECAY, optim.MAX_EPOCH) == (4e-4, 0.9, 5e-4, 60)
    assert (optim.WARMUP_EPOCH, optim.WARMUP_TYPE, optim.WARMUP_CONS_LR) == (1, "constant", 1e-5)
    assert (
        cfg.DATALOADER.TRAIN_X.BATCH_SIZE,
        optim.SEMANTIC_LR_MULT,
        optim.AGGREGATION_LR_MULT,
    ) == (64, 0.1, 0.1)


@pytest.mark.parametrize(
    ("text", "value"), [("on", "on"), ("off", "off"), ("'on'", "on"), ("torch", "torch")]
)
def test_yaml_words_that_are_booleans_there(tmp_path, text, value):
    file = tmp_path / "speed.yaml"
    file.write_text(f"SPEED:\n  TF32: {text}\nDATASET:\n  PREPARED: off\n")
    cfg = setup_cfg([str(file)])
    assert value == cfg.SPEED.TF32 and cfg.DATASET.PREPARED in ("off", "False")


@pytest.mark.parametrize("file", ["IntCLIP/scenes.yaml", "DualCoOp/rn101.yaml"])
def test_yacs_own_merge_reads_the_same_from_a_file_with_bases(file):
    cfg = get_cfg_default()
    cfg.merge_from_file(str(CONFIGS / file))
    assert dict(flatten(cfg)) == dict(flatten(setup_cfg([str(CONFIGS / file)])))


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        ("MINE", Key("SHARE", 1.5, "share", high=1.0), "1.5 is not accepted; accepted: a number"),
        ("MINE", Key("KIND", "c", "kind", choices=("a", "b")), "'c' is not accepted; accepted: a"),
        ("MINE", Key("PAIR", (1, 2, 3), "pair", length=2), "accepted: 2 values"),
        ("MINE", Key("LIST", ("a", "c"), "kinds", choices=("a", "b")), "accepted: a, b"),
        ("MINE", Key("alpha", 1.0, "weight"), "words in capitals: MINE.ALPHA"),
        ("Mine", Key("ALPHA", 1.0, "weight"), "words in capitals: MINE.ALPHA"),
        ("MINE", Key("MY OPTION", 1.0, "weight"), "words in capitals"),
    ],
)
def test_a_key_with_a_wrong_name_or_default_cannot_be_declared(section, key, message):
    with pytest.raises(ValueError, match=message):
        declare(section, key)


def test_a_key_that_is_given_twice_cannot_be_declared(monkeypatch):
    monkeypatch.setattr(core.config, "_declared", dict(declared_keys()))
    with pytest.raises(KeyError, match=r"MINE\.ALPHA is declared twice"):
        declare("MINE", Key("ALPHA", 1.0, "weight"), Key("ALPHA", 2.0, "another"))


def test_an_empty_default_stands_for_nothing_set(monkeypatch):
    monkeypatch.setattr(core.config, "_declared", dict(declared_keys()))
    declare("MINE", Key("KIND", "", "kind", choices=("a", "b")), Key("PAIR", (), "pair", length=2))


def test_rule_and_selecting_metric_are_reported_with_all_other_mistakes(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("TEST: {RULE: shrunken, SELECT_METRIC: mAPP, BOOTSTRAP: 1}\n")
    with pytest.raises(UserError) as caught:
        setup_cfg([str(file)], opts=["OPTIM.LRR", "1"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 5 and "4 faults" in lines[0]
    for key in ("TEST.RULE is 'shrunken'", "TEST.SELECT_METRIC is 'mAPP'", "TEST.BOOTSTRAP is 1"):
        assert any(key in line and line.endswith(f"(set in {file})") for line in lines), key


def test_a_metric_of_which_smaller_is_better_cannot_select():
    with pytest.raises(UserError, match=r"The smaller 'ece' is, the better.*set in the command"):
        setup_cfg([], opts=["TEST.SELECT_METRIC", "ece"])
    names = ["macro_f1/easy", "mAP/super", "mean@0.5", ""]
    for name in names:  # whether the group exists is known when the data set is read
        assert name == setup_cfg([], opts=["TEST.SELECT_METRIC", name]).TEST.SELECT_METRIC


@pytest.mark.parametrize(
    ("trainer", "loss", "takes", "has"),
    [
        ("LINEARPROBE", "AsymmetricPairLoss", "pairs of logits", "single logits"),
        ("INTCLIP", "BinarySigmoidLoss", "single logits", "pairs of logits"),
    ],
)
def test_a_loss_over_logits_of_the_other_kind_is_known(trainer, loss, takes, has):
    with pytest.raises(UserError) as caught:
        setup_cfg([], opts=[f"TRAINER.{trainer}.LOSS", loss])
    assert f"The loss '{loss}' takes {takes} (B, " in str(caught.value)
    assert f"but this trainer has {has} (B, " in str(caught.value)
    assert "IMPORTS" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    ["TRAINER.NAME", "TRAINER.INTCLIP.LOSS", "TEST.EVALUATOR", "TEST.RULE", "TEST.SELECT_METRIC"],
)
def test_a_name_that_nobody_registered_may_need_its_module(key):
    with pytest.raises(UserError, match=r"A name of your own needs its module in IMPORTS\."):
        setup_cfg([], opts=[key, "Zyx"])
