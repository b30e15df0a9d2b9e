"""Train a small CLIP from random weights, on drawn scenes and their captions.

    python -m tools.scenes.pretrain scenes_rn

The recipes are in tools/scenes/pretraining/recipes.py: the world, the architecture and the length
of each training. The state is saved beside the output; after an interruption, the same command
continues from it.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from core.errors import UserError
from core.files import write_text
from models.clip.configs import read_arch
from tools import command
from tools.scenes.pretraining.pool import draw_pool
from tools.scenes.pretraining.recipes import RECIPES, Recipe
from tools.scenes.pretraining.report import card_tables, describe
from tools.scenes.pretraining.run import Run, arch_file

HELD_OUT_SEED = 1_000_003  # added to the seed for pictures that training never sees
CHANGES = ("steps", "word_steps", "batch_size", "pool", "lr", "word_weight", "intent_rate", "bf16")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the settings of the command line."""
    parser = command.make_parser("tools.scenes.pretrain", __doc__)
    parser.add_argument("recipe", choices=RECIPES, help="which CLIP to make")
    parser.add_argument(
        "--output", type=Path, help="checkpoint to write (assets/RECIPE.safetensors)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of all random numbers (1)")
    parser.add_argument(
        "--held-out", type=int, default=3000, help="pictures for the figures at the end (3000)"
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cuda where there is one",
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch decides (0)")
    changes = parser.add_argument_group("changes of the recipe")
    changes.add_argument("--steps", type=int, help="optimiser steps")
    changes.add_argument("--word-steps", type=int, help="of them, steps that learn words alone")
    changes.add_argument("--batch-size", type=int, help="pictures per step")
    changes.add_argument("--pool", type=int, help="pictures to draw, 28 kB of memory each")
    changes.add_argument("--lr", type=float, help="learning rate")
    changes.add_argument("--word-weight", type=float, help="of the words beside the contrast")
    changes.add_argument("--intent-rate", type=float, help="share of captions with an intent")
    changes.add_argument(
        "--bf16", action=argparse.BooleanOptionalAction, help="autocast to bfloat16"
    )
    return parser.parse_args(argv)


def read_recipe(args: argparse.Namespace) -> Recipe:
    """Return the recipe with the changes of the command line.

    Raises:
        UserError: a number makes no sense.
    """
    given = {name: getattr(args, name) for name in CHANGES if getattr(args, name) is not None}
    recipe = replace(RECIPES[args.recipe], **given)
    for name in ("steps", "batch_size"):
        command.check_least(getattr(recipe, name), f"--{name.replace('_', '-')}", 1)
    command.check_least(recipe.word_steps, "--word-steps", 0)
    if recipe.pool < recipe.batch_size:
        raise UserError(
            f"--pool is {recipe.pool}; expected at least the --batch-size, {recipe.batch_size}"
        )
    if not 0 <= recipe.intent_rate <= 1:
        raise UserError(f"--intent-rate is {recipe.intent_rate}; expected 0 to 1")
    return recipe


def pretrain(args: argparse.Namespace) -> int:
    """Draw, train, export and report; return the exit status."""
    recipe = read_recipe(args)
    command.check_least(args.seed, "--seed", 0)
    command.check_least(args.threads, "--threads", 0)
    command.check_least(args.held_out, "--held-out", 1)
    if args.threads:
        torch.set_num_threads(args.threads)
    output = args.output or Path(f"assets/{args.recipe}.safetensors")
    run = Run(recipe, args.seed, output, torch.device(args.device))
    size = read_arch(arch_file(recipe.arch))["vision_cfg"]["image_size"]
    run.resume()
    started = time.time()
    pool = draw_pool(run.world, recipe.pool, size, args.seed, "draw")
    drawing = time.time() - started
    run.train(pool)
    run.export(output)
    held_out = draw_pool(run.world, args.held_out, size, args.seed + HELD_OUT_SEED, "held out")
    figures = describe(output, run.world, held_out)
    card = {"settings": run.settings, "minutes": round((run.seconds + drawing) / 60, 1), **figures}
    write_text(f"{output}.json", json.dumps(card, indent=2) + "\n")
    run.state_path.unlink(missing_ok=True)
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")
    print(card_tables(figures))
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = parse_args(argv)
    return command.run(lambda: pretrain(args))


if __name__ == "__main__":
    sys.exit(main())
