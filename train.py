"""Train and evaluate: parse, configure, seed, build, run."""

import argparse
import os
import sys

from yacs.config import CfgNode

from core import distributed
from core.cli import check_run, parse_args
from core.config_merge import resolve_args
from core.config_print import describe_config
from core.errors import UserError
from core.logging import close_logging, print_text, setup_logging
from engine.listing import list_components


def main(argv: list[str] | None = None) -> None:
    """Run one experiment.

    Args:
        argv: command line without the program; None: the arguments of this process.

    Raises:
        UserError: the user made a mistake in the command line, the configuration or the data.
    """
    args = parse_args(argv)
    if args.base:  # the modules below read the variable when they are imported
        os.environ["INTCLIP_BASE"] = args.base
    if args.list is not None:
        return print_text(list_components(args))
    cfg, sources = resolve_args(args)
    if args.print_config is not None:
        return print_text(describe_config(cfg, sources, args.print_config))
    check_run(args)
    with distributed.session(use_cuda=cfg.USE_CUDA, timeout_minutes=cfg.TRAIN.TIMEOUT):
        run_experiment(args, cfg, argv)


def run_experiment(args: argparse.Namespace, cfg: CfgNode, argv: list[str] | None = None) -> None:
    """Build the trainer, then train or evaluate; all processes of a run call this."""
    from engine.base_choice import TRAINER_REGISTRY, build_trainer, describe_base
    from engine.dry_run import dry_run
    from engine.run import check_output_folder, find_trainer, log_start

    trainer_class = find_trainer(cfg, TRAINER_REGISTRY)
    if args.dry_run:
        return dry_run(args, cfg, trainer_class)
    check_output_folder(cfg)
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
            print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    finally:
        close_logging()
    return 0


if __name__ == "__main__":
    sys.exit(run())
