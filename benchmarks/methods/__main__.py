"""Compare methods on generated scenes.

Each method chooses its setting on val of split 1, among the same number of settings. Then every
method trains with every seed on every split and is evaluated on test. table.md gives means,
standard deviations, 95 % bootstrap intervals and paired differences; table.svg shows every run;
facts.md says whether the pictures behave like real ones, where the plan names methods for that.
Finished runs are kept and not repeated. scripts/benchmark.sh calls this module.
"""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

from benchmarks.facts.find import read_roles, write_facts
from benchmarks.methods.against import compare_with, read_table
from benchmarks.methods.compare import compare
from benchmarks.methods.plan import read_plan
from benchmarks.methods.runs import Runner
from core.errors import UserError
from tools.scenes.make import make_scenes

FIRST_SEED = 10  # the world was designed on pictures of smaller seeds


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the flags.

    Raises:
        UserError: a number is below 1.
    """
    parser = argparse.ArgumentParser(
        prog="scripts/benchmark.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="--output of an earlier call, to see what a change of the code has changed",
    )
    parser.add_argument("--data", type=Path, default=Path("data/scenes"))
    args = parser.parse_args(argv)
    for name in ("seeds", "splits", "jobs"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} is {getattr(args, name)}; accepted: 1 or more")
    return args


def main(argv: list[str] | None = None) -> None:
    """Make the data, sweep on val, run on test, write table and picture."""
    args = parse_args(argv)
    started = time.time()
    plan = read_plan(args.plan)
    roles = read_roles(plan)
    plan = plan.select(args.only)
    if args.against:
        read_table(args.against)  # a wrong folder is told before the runs, not after them
    splits, seeds = range(1, args.splits + 1), range(1, args.seeds + 1)
    roots = {split: args.data / plan.world / f"split{split}" for split in splits}
    for split, root in roots.items():
        make_scenes(root, world=plan.world, seed=FIRST_SEED + split)
    runner = Runner(plan, args.output, roots, args.jobs)
    page = compare(runner, splits, seeds)
    words = sys.argv[1:] if argv is None else argv
    command = shlex.join(["bash", "scripts/benchmark.sh", *words])
    page.write(args.output, command=command, minutes=(time.time() - started) / 60)
    if args.against:
        print(compare_with(page, args.against))
    if roles is not None:
        write_facts(runner, page, roles)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
