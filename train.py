"""Train and evaluate: parse, configure, seed, build, run."""

import argparse
import os
import sys

from yacs.config import CfgNode

from core import distributed
from core.cli import parse_args
from core.config_merge import setup_from_args
from core.errors import UserError
from core.logging import close_logging, setup_logging


def main(argv: list[str] | None = None) -> None:
    """Run one experiment.

    Args:
        argv: command line without the program; None: the arguments of this process.

    Raises:
        UserError: the user made a mistake in the command line, the configuration or the data.
    """
    args = parse_args(argv)
    if args.base:
        # setup_cfg imports the trainers, which read the variable.
        os.environ["INTCLIP_BASE"] = args.base
    cfg = setup_from_args(args)
    if args.eval_only and not args.model_dir:
        raise UserError("--eval-only needs --model-dir, the output folder of the run to evaluate")
    with distributed.session(use_cuda=cfg.USE_CUDA, timeout_minutes=cfg.TRAIN.TIMEOUT):
        run_experiment(args, cfg, argv)


def run_experiment(args: argparse.Namespace, cfg: CfgNode, argv: list[str] | None = None) -> None:
    """Build the trainer, then train or evaluate; all processes of a run call this."""
    from engine.base_choice import TRAINER_REGISTRY, build_trainer, describe_base
    from engine.run import find_trainer, log_start

    trainer_class = find_trainer(cfg, TRAINER_REGISTRY)
    setup_logging(cfg.OUTPUT_DIR)
    log_start(args, cfg, describe_base(), trainer_class)
    trainer = build_trainer(cfg)  # seeds from cfg.SEED before anything random
    trainer.argv = argv  # for the run card
    if args.eval_only:
        trainer.load_model(args.model_dir, epoch=args.load_epoch)
        trainer.test()
    elif not args.no_train:
        trainer.train()


def run() -> int:
    """Run :func:`main` and return the exit status; print a user's mistake as one message."""
    try:
        main()
    except UserError as error:
        if distributed.first_to_report(str(error)):
            print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    except distributed.PeerError:  # the other process reports the reason
        return 1
    except KeyboardInterrupt:
        if distributed.is_main():
            print(
                "interrupted; run the same command again to resume after the last finished epoch",
                file=sys.stderr,
            )
        return 130
    finally:
        close_logging()
    return 0


if __name__ == "__main__":
    sys.exit(run())
