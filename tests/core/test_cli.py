"""Flags that print something in place of a run."""

import pytest

from core.cli import check_run, parse_args
from core.errors import UserError


@pytest.mark.parametrize(
    ("words", "section", "opts"),
    [
        (["--print-config"], "", []),
        (["--print-config", "OPTIM"], "OPTIM", []),
        (["--print-config", "OPTIM.LR"], "OPTIM.LR", []),
        (["--print-config", "OPTIM.LR", "1"], "", ["OPTIM.LR", "1"]),
        (["--print-config", "OPTIM", "OPTIM.LR", "1"], "OPTIM", ["OPTIM.LR", "1"]),
        (["--print-config", "--seed", "1", "OPTIM.LR", "1"], "", ["OPTIM.LR", "1"]),
        (["--print-config=OPTIM", "--seed", "1"], "OPTIM", []),
    ],
)
def test_the_first_key_is_not_taken_for_a_section(words, section, opts):
    args = parse_args(words)
    assert (args.print_config, args.opts, args.list) == (section, opts, None)


def test_a_key_without_a_value_stays_a_fault():
    # The word is not beside the pairs, so the pair is incomplete.
    args = parse_args(["--print-config", "OPTIM", "--seed", "1", "OPTIM.LR"])
    assert (args.print_config, args.opts) == ("OPTIM", ["OPTIM.LR"])


def test_a_kind_is_not_taken_for_a_key():
    assert parse_args(["--list", "IMPORTS", "mine"]).opts == ["IMPORTS", "mine"]
    args = parse_args(["--list", "losses", "IMPORTS"])
    assert (args.list, args.opts) == ("losses", ["IMPORTS"])


def test_without_these_flags_nothing_is_printed():
    args = parse_args(["--seed", "1"])
    assert (args.list, args.print_config, args.dry_run) == (None, None, False)


@pytest.mark.parametrize(
    "words",
    [["--list", "--dry-run"], ["--print-config", "--list"], ["--dry-run", "--print-config"]],
)
def test_one_of_them_at_a_time(words):
    with pytest.raises(UserError, match="not allowed with argument"):
        parse_args(words)


@pytest.mark.parametrize("flag", ["--eval-only", "--no-train"])
def test_a_dry_run_is_of_a_training(flag):
    with pytest.raises(UserError, match="--dry-run does not go with --eval-only or --no-train"):
        check_run(parse_args(["--dry-run", flag]))


@pytest.mark.parametrize("words", [["--model-dir", "out"], ["--load-epoch", "0"]])
@pytest.mark.parametrize("others", [[], ["--dry-run"], ["--no-train"]])
def test_flags_of_an_evaluation_are_not_ignored_without_it(words, others):
    with pytest.raises(UserError, match=f"{words[0]} has no effect without --eval-only"):
        check_run(parse_args([*words, *others]))


def test_flags_of_an_evaluation_go_with_it():
    check_run(parse_args(["--eval-only", "--model-dir", "out", "--load-epoch", "0"]))
