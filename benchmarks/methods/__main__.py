"""Command line of the comparison; scripts/benchmark.sh calls it."""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

from benchmarks.methods.compare import compare
from benchmarks.methods.plan import read_plan
from benchmarks.methods.runs import Runner
from core.errors import UserError
from tools.scenes.make import make_scenes


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's settings."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark.sh", description=__doc__.split(";")[0])
    parser.add_argument("--plan", type=Path, default=Path("configs/benchmarks/scenes.yaml"))
    parser.add_argument("--seeds", type=int, default=5, help="seeds per split")
    parser.add_argument(
        "--splits", type=int, default=3, help="splits of the data; split 1 is also the sweep's"
    )
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="METHOD", help="some methods of the plan"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("output/benchmark"),
        help="runs, sweep.json, table, picture",
    )
    parser.add_argument("--data", type=Path, default=Path("data/scenes"))
    args = parser.parse_args(argv)
    for name in ("seeds", "splits", "jobs"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} is {getattr(args, name)}; accepted: 1 or more")
    return args


def main(argv: list[str] | None = None) -> None:
    """Make the data, sweep on val, run on test, write the page."""
    args = parse_args(argv)
    started = time.time()
    plan = read_plan(args.plan).select(args.only)
    splits, seeds = range(1, args.splits + 1), range(1, args.seeds + 1)
    roots = {split: args.data / f"split{split}" for split in splits}
    for split, root in roots.items():
        make_scenes(root, seed=split)
    runner = Runner(plan, args.output, roots, args.jobs)
    page = compare(runner, splits, seeds)
    command = shlex.join(
        ["bash", "scripts/benchmark.sh", *(sys.argv[1:] if argv is None else argv)]
    )
    page.write(args.output, command=command, minutes=(time.time() - started) / 60)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
