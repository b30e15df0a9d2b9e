"""Print the test results of several runs as one table.

python -m tools.compare_runs output/scenes/*/seed1
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError
from evaluation import format_table
from tools import command


def read_results(folder: Path) -> dict[str, float]:
    """Return the metrics of a finished run's last split: test, or val without test.

    Raises:
        UserError: the folder has no readable ``metrics.json``.
    """
    path = folder / "metrics.json"
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{folder} has no metrics.json; expected the output folder of a finished run"
        ) from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}") from None
    for name in ("test", "val"):
        if isinstance(splits, dict) and name in splits:
            return splits[name]
    raise UserError(f"{path} is not the result of a run; expected JSON with val or test")


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders without their common parts.

    ``out/A/seed1`` and ``out/B/seed1`` become ``A`` and ``B``.
    """
    if len(folders) == 1:
        return [str(folders[0])]
    parts = [folder.absolute().parts for folder in folders]
    shortest = min(map(len, parts))
    num_first = _count_common(parts, range(shortest))
    num_last = _count_common(parts, range(-1, num_first - shortest, -1))
    names = []
    for part in parts:
        name = part[num_first : len(part) - num_last]
        names.append("/".join(name) or ".")
    return names


def _count_common(parts: Sequence[tuple[str, ...]], positions: range) -> int:
    """Return the number of leading ``positions`` at which all paths have the same part."""
    for count, position in enumerate(positions):
        if len({part[position] for part in parts}) > 1:
            return count
    return len(positions)


def print_table(folders: Sequence[Path]) -> int:
    """Print the table of the runs; return the exit status."""
    results = {}
    for name, folder in zip(short_names(folders), folders, strict=True):
        results[name] = read_results(folder)
    print(format_table(results, rows="run"))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.compare_runs", __doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="output folders of finished runs")
    args = parser.parse_args(argv)
    return command.run(lambda: print_table(args.folders))


if __name__ == "__main__":
    sys.exit(main())
