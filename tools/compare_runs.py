"""Compare finished runs: mean over seeds, paired tests, decision rules, classes.

python -m tools.compare_runs output/DualCoOp/seed* output/IntCLIP/seed* --output-dir comparison
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from core.config import declared_keys, get_cfg_default
from core.errors import UserError, not_registered
from core.files import write_text
from evaluation.comparison import (
    SECOND_RULE,
    Comparison,
    RunFolder,
    common_split,
    compare,
    group_runs,
    move_first,
    read_run,
)
from evaluation.published import PublishedRow, published_rows, read_published
from evaluation.rules import HEADLINE_RULE, RULE_REGISTRY
from evaluation.uncertainty.significance import SWAPS
from reports.comparison_tables import (
    TERMINAL_COLUMNS,
    all_tables,
    count_resolved,
    published_reasons,
    published_table,
)
from reports.plain_tables import to_markdown, to_text
from reports.tables import Table, slug, to_csv, to_latex, write_table
from tools import command

# A resumed run may change it, but it decides which weights are evaluated.
PART_OF_SETTING = ("TEST.FINAL_MODEL",)

FORMATS: dict[str, Callable[[Table], str]] = {
    "markdown": to_markdown,
    "latex": to_latex,
    "csv": to_csv,
}


def ignored_keys() -> set[str]:
    """Return the keys that do not tell settings apart: paths, speed, output."""
    get_cfg_default()
    ignored = set()
    for name, key in declared_keys().items():
        if key.may_change and name not in PART_OF_SETTING:
            ignored.add(name)
    return ignored


def make_comparison(args: argparse.Namespace) -> Comparison:
    """Read the runs and compare them as the command line says."""
    runs = [read_run(folder) for folder in args.folders]
    check_rule(args.rule, runs)
    settings = move_first(group_runs(runs, ignored=ignored_keys()), args.baseline)
    return compare(
        settings,
        split=common_split(runs),
        second_rule=args.rule,
        swaps=args.swaps,
        seed=args.seed,
        numbers_only=args.numbers_only,
    )


def check_rule(name: str, runs: Sequence[RunFolder]) -> None:
    """Check that the second decision rule can be set beside the headline's.

    A rule of one's own is in a module under ``IMPORTS`` of the runs.

    Raises:
        UserError: there is no such rule, it is the headline's, or it needs the labels of train and
            no run has it in ``rule.json``.
    """
    if name not in RULE_REGISTRY.registered_names():
        # Here, because it imports the trainers, which a rule of this project does not need.
        from inference.open_run import import_own

        for run in runs:
            import_own(run.card, run.path)
    others = [rule for rule in RULE_REGISTRY.registered_names() if rule != HEADLINE_RULE]
    if name == HEADLINE_RULE:
        raise UserError(
            f"--rule is '{name}', the rule of the headline, which the other rule is set beside; "
            f"accepted: {', '.join(sorted(others))}"
        )
    if name not in others:
        raise UserError(not_registered("--rule", name, others))
    if RULE_REGISTRY.get(name).needs_train and all(run.rule.get("name") != name for run in runs):
        without = sorted(rule for rule in others if not RULE_REGISTRY.get(rule).needs_train)
        raise UserError(
            f"--rule is '{name}', which needs the labels of train: output folders do not hold "
            f"them, and no run has this rule in rule.json; accepted: {', '.join(without)}"
        )


def check_output(folder: Path | None) -> None:
    """Raise :class:`UserError` if the files would be written among those of a run."""
    if folder is not None and (folder / "metrics.json").is_file():
        raise UserError(
            f"--output-dir {folder} has the results of a run, whose tables would be overwritten; "
            "give another folder"
        )


def find_published(path: str, comparison: Comparison) -> list[PublishedRow]:
    """Return the rows of the given file, or the shipped ones of the comparison's data set."""
    if path:
        return read_published(path)
    if comparison.split != "test":
        return []
    return published_rows(comparison.dataset, comparison.num_images)


def print_text(
    comparison: Comparison, tables: Sequence[Table], published: Sequence[PublishedRow]
) -> None:
    """Print the tables for a terminal; classes as their number only."""
    for number, table in enumerate(tables):
        if table.name.startswith("classes_"):
            continue
        if number:
            print(f"\n{table.caption}")
        if table.name == "published":
            print_published(comparison, published)
            continue
        print(to_text(table))
    for pair in comparison.pairs:
        print(f"\n{pair.other} against {pair.baseline}: {count_resolved(pair.classes)}")
    if comparison.notes:
        print()
    for note in comparison.notes:
        print(f"note: {note}")


def print_published(comparison: Comparison, published: Sequence[PublishedRow]) -> None:
    """Print the published rows with numbered warnings, which keeps the lines short."""
    print(to_text(published_table(comparison, published, TERMINAL_COLUMNS)))
    reasons = published_reasons(comparison, published)
    for number, reason in enumerate(reasons, start=1):
        print(f"{number}: {reason}")


def write_files(
    folder: Path,
    comparison: Comparison,
    tables: Sequence[Table],
    published: Sequence[PublishedRow],
) -> None:
    """Write ``comparison.html``, ``comparison.md``, and each table as CSV and LaTeX."""
    # Here, because matplotlib takes a second to import, which the tables in a terminal do not need.
    from reports.comparison import comparison_title, write_comparison

    label = slug(comparison_title(comparison))
    for table in tables:
        write_table(folder / "tables", table, label)
    parts = [to_markdown(table) for table in tables]
    if comparison.notes:
        parts.append("\n".join(f"- {note}" for note in comparison.notes) + "\n")
    write_text(folder / "comparison.md", "\n".join(parts))
    write_comparison(folder / "comparison.html", comparison, published)


def run(args: argparse.Namespace) -> int:
    """Compare, print and write; return the exit status."""
    command.check_least(args.swaps, "--swaps", 100)
    command.check_least(args.seed, "--seed", 0)
    check_output(args.output_dir)
    comparison = make_comparison(args)
    published = find_published(args.published, comparison)
    tables = all_tables(comparison, published)
    if args.format == "text":
        print_text(comparison, tables, published)
    else:
        print("\n".join(FORMATS[args.format](table) for table in tables), end="")
    if args.output_dir is not None:
        write_files(args.output_dir, comparison, tables, published)
        print(f"written: {args.output_dir / 'comparison.html'}", file=sys.stderr)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.compare_runs", __doc__)
    parser.add_argument(
        "folders", nargs="+", type=Path, help="output folders of finished runs, or log.txt files"
    )
    parser.add_argument("--output-dir", type=Path, help="write Markdown, LaTeX, CSV and HTML there")
    parser.add_argument(
        "--format", default="text", choices=("text", *FORMATS), help="form of the printed tables"
    )
    parser.add_argument("--baseline", default="", help="setting that others are compared with")
    parser.add_argument("--rule", default=SECOND_RULE, help="decision rule beside 'global'")
    parser.add_argument("--published", default="", help="YAML file of published rows")
    parser.add_argument("--numbers-only", action="store_true", help="no tests: metrics.json alone")
    parser.add_argument("--swaps", type=int, default=SWAPS, help="swaps of the paired tests")
    parser.add_argument("--seed", type=int, default=0, help="seed of the swaps")
    args = parser.parse_args(argv)
    return command.run(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
