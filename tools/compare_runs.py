"""Print the test results of several runs as one table.

python -m tools.compare_runs output/scenes/*/seed1
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError
from evaluation import format_table


def read_results(folder: Path) -> dict[str, float]:
    """Return the last split's metrics of a finished run.

    Raises:
        UserError: the folder has no readable ``metrics.json``.
    """
    path = folder / "metrics.json"
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))
        return next(splits[name] for name in ("test", "val") if name in splits)
    except FileNotFoundError:
        raise UserError(
            f"{folder} has no metrics.json; expected the output folder of a finished run"
        ) from None
    except (ValueError, StopIteration):
        raise UserError(f"{path} is no result of a run; expected JSON with val and test") from None


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders without what all of them share: ``out/A/seed1``, ``out/B/seed1`` -> ``A``, ``B``."""
    names = [str(folder) for folder in folders]
    if len(names) < 2:
        return names
    parts = [Path(name).parts for name in names]
    num_head = len(Path(os.path.commonpath(names)).parts)
    tails = [part[num_head:] for part in parts]
    while all(len(tail) > 1 for tail in tails) and len({tail[-1] for tail in tails}) == 1:
        tails = [tail[:-1] for tail in tails]
    return ["/".join(tail) or "." for tail in tails]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="output folders of finished runs")
    args = parser.parse_args(argv)
    try:
        results = {
            name: read_results(folder)
            for name, folder in zip(short_names(args.folders), args.folders, strict=True)
        }
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(format_table(results, rows="run"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
