"""The command line of CoOp and Dassl, with DualCoOp's underscore spellings as aliases."""

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from core.errors import UserError, did_you_mean

# flag -> (key, aliases, meaning). TRAINER.* and LOSS.* stand for the sections of the configured
# trainer and of its loss. A flag that is not given sets nothing, so that --seed 0 is a seed.
_KEY_FLAGS = {
    "--root": ("DATASET.ROOT", ["--datadir"], "folder of the data set"),
    "--output-dir": ("OUTPUT_DIR", ["--output_dir"], "folder of log, checkpoints and metrics"),
    "--resume": ("RESUME", [], "output folder of an interrupted run to continue"),
    "--seed": ("SEED", [], "seed; 0 is a seed, -1 is random"),
    "--trainer": ("TRAINER.NAME", [], "registered name of the trainer"),
    "--backbone": ("MODEL.BACKBONE.NAME", [], "CLIP backbone"),
    "--num-shots": ("DATASET.NUM_SHOTS", ["--num_shots"], "training images per class"),
    "--portion": ("DATASET.PORTION", ["-p"], "share of the training images"),
    "--partial-portion": (
        "DATASET.PORTION_KNOWN",
        ["--partial_portion", "-pp"],
        "share of the training labels that is known",
    ),
    "--mask-file": ("DATASET.MASK_FILE", ["--mask_file"], "mask of the known training labels"),
    "--num-train-cls": ("TRAIN.NUM_CLASSES", ["--num_train_cls"], "classes of a training step"),
    "--lr": ("OPTIM.LR", [], "learning rate"),
    "--max-epochs": ("OPTIM.MAX_EPOCH", ["--max_epochs"], "epochs"),
    "--train-batch-size": (
        "DATALOADER.TRAIN_X.BATCH_SIZE",
        ["--train_batch_size"],
        "images per training step, of all processes together",
    ),
    "--print-freq": ("TRAIN.PRINT_FREQ", ["--print_freq"], "batches between two log lines"),
    "--loss-w": ("LOSS.*.WEIGHT", ["--loss_w"], "factor of the loss"),
    "--csc": ("TRAINER.*.CSC", [], "class-specific contexts: True or False"),
    "--n-ctx-pos": ("TRAINER.*.N_CTX_POS", ["--n_ctx_pos"], "tokens of the positive prompt"),
    "--n-ctx-neg": ("TRAINER.*.N_CTX_NEG", ["--n_ctx_neg"], "tokens of the negative prompt"),
    "--positive-prompt": (
        "TRAINER.*.POSITIVE_PROMPT_INIT",
        ["--positive_prompt"],
        "words of the positive prompt",
    ),
    "--negative-prompt": (
        "TRAINER.*.NEGATIVE_PROMPT_INIT",
        ["--negative_prompt"],
        "words of the negative prompt",
    ),
    "--logit-scale": ("TRAINER.*.LOGIT_SCALE", ["--logit_scale"], "scale of the cosine"),
    "--gamma-neg": ("LOSS.*.GAMMA_NEG", ["--gamma_neg"], "focusing of negatives"),
    "--gamma-pos": ("LOSS.*.GAMMA_POS", ["--gamma_pos"], "focusing of positives"),
}
BASES = ("auto", "builtin", "dassl")  # of the trainers; engine.base_choice takes one
_LIST_FLAGS = {
    "--transforms": ("INPUT.TRANSFORMS", "training augmentation"),
    "--source-domains": ("DATASET.SOURCE_DOMAINS", "Dassl's; unused"),
    "--target-domains": ("DATASET.TARGET_DOMAINS", "Dassl's; unused"),
}


_KEY = re.compile(r"[A-Z]+(\.[A-Z][A-Z0-9_]*)+", re.ASCII)  # of the configuration


def flag_hints(message: str, flags: Iterable[str]) -> str:
    """Return the nearest flag for each unknown flag that argparse's ``message`` names.

    A key of the configuration that stands alone is named where it needs a flag.
    """
    flags = list(flags)
    hints = ""
    if "--set" in flags and any(map(_KEY.fullmatch, message.split())):
        hints += " A key of the configuration needs --set KEY VALUE."
    for word in message.split():
        flag = word.split("=")[0].rstrip(":")
        if flag.startswith("--") and flag not in flags:
            hints += did_you_mean(flag, flags)
    return hints


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(message + flag_hints(message, self._option_string_actions))


def flags_of(section: str, options: Iterable[str]) -> list[str]:
    """Return the flags that set options of the configured trainer or of its loss.

    Args:
        section: ``TRAINER.*`` or ``LOSS.*``.
        options: option names within the section.
    """
    keys = {f"{section}.{option}" for option in options}
    return [flag for flag, (key, *_) in _KEY_FLAGS.items() if key in keys]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``train.py``; it stores the value of a flag under the flag's key."""
    parser = _Parser(
        description="Train and evaluate a multi-label CLIP method.", allow_abbrev=False
    )
    parser.add_argument(
        "--dataset-config-file",
        "--dataset_config_file",
        default="",
        help="YAML file of the data set",
    )
    parser.add_argument(
        "--config-file", "--config_file", default="", help="YAML file of trainer and schedule"
    )
    for flag, (key, aliases, text) in _KEY_FLAGS.items():
        parser.add_argument(flag, *aliases, dest=key, default=None, help=f"{text} ({key})")
    for flag, (key, text) in _LIST_FLAGS.items():
        parser.add_argument(flag, dest=key, default=None, nargs="+", help=f"{text} ({key})")
    parser.add_argument(
        "--input-size",
        "--input_size",
        type=int,
        default=None,
        help="pixels of a square (INPUT.SIZE)",
    )
    parser.add_argument("--base", choices=BASES, default=None, help="base of the trainers")
    parser.add_argument(
        "--eval-only", "-e", action="store_true", help="evaluate --model-dir, train nothing"
    )
    parser.add_argument("--model-dir", default="", help="output folder of the run to evaluate")
    parser.add_argument(
        "--load-epoch", type=int, default=None, help="epoch to evaluate (default: the best)"
    )
    parser.add_argument("--no-train", action="store_true", help="build everything, train nothing")
    _add_reports(parser)
    parser.add_argument(
        "opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs that override the configuration"
    )
    return parser


def _add_reports(parser: argparse.ArgumentParser) -> None:
    """Add the flags that print something in place of a run; one of them at a time."""
    reports = parser.add_mutually_exclusive_group()
    reports.add_argument(
        "--list",
        nargs="?",
        const="",
        metavar="KIND",
        help="print all trainers, datasets, configs, backbones, losses, rules, metrics and "
        "evaluators, or those of one kind; needs no other flag",
    )
    reports.add_argument(
        "--print-config",
        nargs="?",
        const="",
        metavar="SECTION",
        help="print the configuration, or one section or key of it, as YAML, with the place where "
        "each value was set",
    )
    reports.add_argument(
        "--dry-run",
        action="store_true",
        help="check and build everything, show the data, run a few steps, estimate time and "
        "memory; trains nothing and writes nothing",
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line, by default the arguments of this process.

    Raises:
        UserError: a flag is unknown, lacks its value, follows the KEY VALUE pairs, or
            does not go with another one.
    """
    parser = build_parser()
    argv = sys.argv[1:] if argv is None else list(argv)
    args = parser.parse_args(argv)
    _give_back_first_key(args, argv)
    # argparse leaves everything after the first word that is not a flag to the KEY VALUE pairs.
    for word in args.opts[::2]:
        flag = word.split("=")[0]
        if flag.startswith("--") and flag in parser._option_string_actions:
            raise UserError(
                f"flag '{flag}' stands behind KEY VALUE pairs or an unknown flag; flags come first"
            )
        if flag.startswith("--"):
            raise UserError(
                f"unknown flag '{flag}'.{did_you_mean(flag, parser._option_string_actions)}"
            )
    return args


def check_run(args: argparse.Namespace) -> None:
    """Check that the flags of a run fit together.

    Raises:
        UserError: ``--eval-only`` lacks the folder to evaluate, or stands beside ``--dry-run``; or
            ``--model-dir`` or ``--load-epoch`` stands without it.
    """
    if args.dry_run and (args.eval_only or args.no_train):
        raise UserError("--dry-run does not go with --eval-only or --no-train; give one of them")
    if args.eval_only and not args.model_dir:
        raise UserError("--eval-only needs --model-dir, the output folder of the run to evaluate")
    for flag, given in (("--model-dir", args.model_dir), ("--load-epoch", args.load_epoch)):
        if given not in ("", None) and not args.eval_only:
            raise UserError(
                f"{flag} has no effect without --eval-only; add --eval-only, or give --resume to "
                "continue a run"
            )


def _give_back_first_key(args: argparse.Namespace, argv: list[str]) -> None:
    """Return to the KEY VALUE pairs their first key, if a report took it for its own word.

    In ``--print-config OPTIM.LR 1e-3`` argparse takes ``OPTIM.LR`` for the section. One word is
    then left over, so the pairs do not come out even.
    """
    if len(args.opts) % 2 == 0:
        return
    before = argv[: -len(args.opts)][-2:]
    for flag, name in (("--list", "list"), ("--print-config", "print_config")):
        word = getattr(args, name)
        # Keys are in capitals, kinds are not.
        if word and before == [flag, word] and word.isupper():
            args.opts.insert(0, word)
            setattr(args, name, "")


def key_flags(args: argparse.Namespace) -> dict[str, tuple[Any, str]]:
    """Return ``{KEY: (value, flag)}`` of the flags that were given."""
    given = vars(args)
    flags = {}
    for flag, (key, *_) in (_KEY_FLAGS | _LIST_FLAGS).items():
        if given[key] is not None:
            flags[key] = (given[key], flag)
    if args.input_size is not None:
        flags["INPUT.SIZE"] = ((args.input_size, args.input_size), "--input-size")
    return flags
