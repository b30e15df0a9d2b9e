"""Download the images that a data set lists by their addresses and that are missing.

    python -m tools.download {intentonomy,webemo,findingemo,list} --root DIR [--width 640]

Lists and images lie below DIR:
  intentonomy  annotations/intentonomy_{train,val,test}2020.json; images at their file names
  webemo       WEBEmo/{train25,test25}.txt; images at images/<digest of the address>.jpg
  findingemo   data/dataset_urls_exploded.json, or --file; images at images/<rel_path>
  list         --file with rows url[,relative path], in a text or CSV file; your own data

Run the command again after an interruption. DIR/download_manifest.jsonl records all images, and
DIR/download_missing.csv lists those that could not be had; then the exit status is 1.
"""

import argparse
import csv
import sys
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from datasets.download.client import Limits
from datasets.download.run import download, valid_urls
from datasets.download.sources import SOURCES, Item, read_items
from datasets.download.workers import Settings
from tools import command


def show(results: Iterable, total: int, word: str) -> Iterable:
    """Return the results behind a progress bar."""
    return tqdm(results, total=total, desc=word, unit="image", disable=total == 0)


def print_list(items: Iterable[Item], width: int) -> None:
    """Print the file name and the first address of every image as CSV."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("name", "url"))
    for item in items:
        urls, _ = valid_urls(item, width)
        writer.writerow((item.name, *urls[:1]))


def run(args: argparse.Namespace) -> int:
    """Download or list; return the exit status."""
    for value, flag, least in (
        (args.width, "--width", 0),
        (args.workers, "--workers", 1),
        (args.per_host, "--per-host", 1),
        (args.max_mb, "--max-mb", 1),
    ):
        command.check_least(value, flag, least)
    items = read_items(args.source, args.root, splits=args.split, file=args.file)
    if args.list_only:
        print_list(items, args.width)
        return 0
    settings = Settings(
        width=args.width,
        workers=args.workers,
        per_host=args.per_host,
        limits=Limits(max_bytes=args.max_mb * 1_000_000),
    )
    report = download(items, args.root, settings, progress=show)
    print(report.summary())
    return 1 if report.missing else 0


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.download", __doc__)
    parser.add_argument("source", help=f"data set: {', '.join(SOURCES)}")
    parser.add_argument("--root", required=True, type=Path, help="folder of the data set")
    parser.add_argument(
        "--width",
        type=int,
        default=0,
        help="width in pixels for hosts that resize (Unsplash); 0 for the original (0)",
    )
    parser.add_argument("--workers", type=int, default=8, help="downloads at a time (8)")
    parser.add_argument("--per-host", type=int, default=4, help="of these, to one host (4)")
    parser.add_argument("--max-mb", type=int, default=64, help="largest image in MB (64)")
    parser.add_argument("--split", nargs="+", default=[], help="splits to download (all)")
    parser.add_argument("--file", type=Path, help="the list, for findingemo and list")
    parser.add_argument(
        "--list-only", action="store_true", help="print names and addresses, download nothing"
    )
    args = parser.parse_args(argv)
    return command.run(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
