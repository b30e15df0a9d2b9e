"""Check a data set before training: labels, image files, duplicates, annotators, class texts.

    python -m tools.check_data --dataset-config-file configs/datasets/intentonomy.yaml --root DATA

The summary is printed; check_data.json and the page check_data.html go to --output-dir. All
original image files are decoded; --no-pixels checks the annotation files alone. With --config-file
the class texts are measured in the prompts of that trainer. KEY VALUE pairs set keys; TEST.NO_TEST
True allows val and test to be empty.

The exit status is 1 with faults: images are missing or unreadable, splits share images, a split is
empty, a class has no positive in train. It is 0 with warnings alone, and 2 for a mistake in the
call or in the annotation files.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm
from yacs.config import CfgNode

from core.config import get_section, section_of
from core.config_merge import setup_cfg
from core.cpu import usable_cores
from core.errors import UserError
from datasets import Hierarchy, IntentDataset, build_annotations
from datasets.base import SPLITS
from datasets.checks.as_json import to_json
from datasets.checks.files import MIN_SIDE, FileCheck, check_files
from datasets.checks.findings import FEW_IMAGES, Finding
from datasets.checks.pictures import read_pictures
from datasets.checks.result import DataCheck, check_data
from datasets.checks.splits import SplitView, places_of, split_views
from datasets.checks.texts import TextCheck, check_texts
from evaluation.result_files import write_metrics
from models.clip.tokens import clip_tokenizer
from models.text.class_text import STRATEGIES, class_texts
from models.text.prompts import class_tokens
from reports.data_tables import classes_table, correlations_table, splits_table
from reports.plain_tables import to_text
from tools import command

MAX_PRINTED = 60  # classes that the terminal shows
MAX_NAMED = 5  # items of a finding that the terminal shows
START_AND_END = 2  # tokens
TRAINER = "IntCLIP"  # whose prompts count where no trainer is configured


def check(args: argparse.Namespace) -> int:
    """Check the data set of the command line; return the exit status."""
    for value, flag, least in (
        (args.workers, "--workers", 1),
        (args.min_side, "--min-side", 1),
        (args.per_class, "--per-class", 0),
        (args.seed, "--seed", 0),
    ):
        command.check_least(value, flag, least)
    cfg = configure(args)
    dataset = read_labels(cfg)
    views = split_views(dataset, cfg.DATASET.ROOT)
    files = None
    if not args.no_pixels:
        files = read_files(views, workers=args.workers, min_side=args.min_side)
    name = Path(args.dataset_config_file).stem or cfg.DATASET.NAME
    result = check_data(
        name,
        cfg.DATASET.ROOT,
        dataset,
        views,
        files=files,
        texts=measure_texts(cfg, dataset.hierarchy, dataset.classnames),
        needed=needed_splits(cfg, dataset),
        few_images=few_images(cfg),
    )
    print_summary(result)
    folder = args.output_dir or Path("output") / "check_data" / name
    write_files(folder, args, cfg, result)
    return 1 if result.faults else 0


def configure(args: argparse.Namespace) -> CfgNode:
    """Return the configuration of the command line.

    Raises:
        UserError: the configuration has faults, or names no data set.
    """
    flags = {}
    if args.root is not None:
        flags["DATASET.ROOT"] = (args.root, "--root")
    files = [file for file in (args.dataset_config_file, args.config_file) if file]
    cfg = setup_cfg(files, flags=flags, opts=args.opts)
    if not cfg.DATASET.NAME:
        raise UserError(
            "no data set is named: give --dataset-config-file, such as "
            "configs/datasets/intentonomy.yaml, or DATASET.NAME"
        )
    return cfg


def read_labels(cfg: CfgNode) -> IntentDataset:
    """Return the data set, whose images may be missing.

    An empty split is a finding here and no error, so that all findings come together.

    Raises:
        UserError: an annotation file is missing or broken.
    """
    try:
        dataset = build_annotations(cfg, splits=SPLITS[1:])
    except UserError:
        lenient = cfg.clone()
        lenient.defrost()
        lenient.TEST.NO_TEST = True
        dataset = build_annotations(lenient, splits=SPLITS[1:])
    dataset.open_test()  # nothing is trained here
    return dataset


def needed_splits(cfg: CfgNode, dataset: IntentDataset) -> Sequence[str]:
    """Return the splits that a training with evaluation reads."""
    if cfg.TEST.NO_TEST:
        return SPLITS[:1]
    return SPLITS if dataset.has_test else SPLITS[:2]


def few_images(cfg: CfgNode) -> int:
    """Return the number of training images below which a class is named: at most the shots."""
    shots = cfg.DATASET.NUM_SHOTS
    return min(FEW_IMAGES, shots) if shots > 0 else FEW_IMAGES


def read_files(views: Sequence[SplitView], *, workers: int, min_side: int) -> FileCheck:
    """Read every image file of all splits once, with a progress bar."""
    places = places_of(views)
    pictures = read_pictures(list(places), workers)
    bar = tqdm(pictures, total=len(places), unit="image", disable=None)
    return check_files(places, bar, min_side=min_side)


# Class texts --------------------------------------------------------------------------------------


def measure_texts(cfg: CfgNode, hierarchy: Hierarchy, classnames: Sequence[str]) -> TextCheck:
    """Return the lengths of the class texts in the prompts of the configured trainer."""
    texts = {}
    for form in STRATEGIES:
        texts[form] = class_texts(
            form, names=hierarchy.names, paths=hierarchy.paths, sentences=hierarchy.sentences
        )
    section = get_section(cfg, section_of("TRAINER", cfg.TRAINER.NAME or TRAINER))
    has_template = "TEMPLATES" in section
    tokenizer = clip_tokenizer()
    return check_texts(
        texts,
        classnames,
        encode=tokenizer.encode if has_template else class_tokens,
        decode=tokenizer.decode,
        around=START_AND_END + max(tokens_around(section)),
    )


def tokens_around(section: CfgNode) -> list[int]:
    """Return how many tokens the prompts of a trainer have beside the class text.

    Args:
        section: options of the trainer. One without prompts has the class text alone.
    """
    encode = clip_tokenizer().encode
    if "TEMPLATES" in section:
        return [len(encode(template.replace("{}", " "))) for template in section.TEMPLATES]
    counts = [0]
    for sign, short in (("POSITIVE", "POS"), ("NEGATIVE", "NEG")):
        words = section.get(f"{sign}_PROMPT_INIT", "")
        if words:
            counts.append(len(encode(words.replace("_", " "))))
        else:
            counts.append(section.get(f"N_CTX_{short}", 0))
    return counts


# Output -------------------------------------------------------------------------------------------


def print_summary(result: DataCheck) -> None:
    """Print counts, shares, their shift, and the findings."""
    print(f"{result.name} in {result.root}\n")
    print(to_text(splits_table(result)))
    if len(result.classnames) <= MAX_PRINTED:
        print(f"\n{to_text(classes_table(result, words=False))}")
    if result.shifts:
        print(f"\n{to_text(correlations_table(result))}")
    print()
    for finding in result.findings:
        print_finding(finding)
    if not result.findings:
        print("no fault and no warning")


def print_finding(finding: Finding) -> None:
    """Print a finding with its first items."""
    print(f"{'fault' if finding.is_fault else 'warning'}: {finding.text}")
    for item in finding.items[:MAX_NAMED]:
        print(f"    {item}")
    if len(finding.items) > MAX_NAMED:
        print(f"    and {len(finding.items) - MAX_NAMED:,} more")


def write_files(folder: Path, args: argparse.Namespace, cfg: CfgNode, result: DataCheck) -> None:
    """Write the JSON file and the page."""
    # Here, because matplotlib takes a second to import, which mistakes in the call do not need.
    from reports.data_report import write_data_report

    json_file = args.json or folder / "check_data.json"
    write_metrics(json_file, to_json(result))
    facts = {
        "data set": cfg.DATASET.NAME,
        "folder": result.root,
        "prompts of the trainer": cfg.TRAINER.NAME or TRAINER,
        "image files": "not read (--no-pixels)" if result.files is None else "all decoded",
    }
    page = folder / "check_data.html"
    write_data_report(page, result, seed=args.seed, per_class=args.per_class, facts=facts)
    print(f"\nwritten: {page} and {json_file}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = command.make_parser("tools.check_data", __doc__)
    parser.add_argument("--dataset-config-file", default="", help="YAML file of the data set")
    parser.add_argument("--config-file", default="", help="YAML file of a trainer")
    parser.add_argument("--root", help="folder of the data set (DATASET.ROOT)")
    parser.add_argument(
        "--output-dir", type=Path, help="folder of the results (output/check_data/<data set>)"
    )
    parser.add_argument("--json", type=Path, help="JSON file to write (in --output-dir)")
    parser.add_argument(
        "--no-pixels", action="store_true", help="do not read image files, which may be missing"
    )
    parser.add_argument(
        "--workers", type=int, default=usable_cores(), help="processes (the usable cores)"
    )
    parser.add_argument(
        "--min-side",
        type=int,
        default=MIN_SIDE,
        help=f"report images with a shorter side below it, in pixels ({MIN_SIDE})",
    )
    parser.add_argument(
        "--per-class", type=int, default=4, help="pictures per class on the contact sheet (4)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the contact sheet (0)")
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE", help="override the configuration")
    args = parser.parse_intermixed_args(argv)
    return command.run(lambda: check(args))


if __name__ == "__main__":
    sys.exit(main())
