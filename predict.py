"""Predict the intents of images with a finished run, or with CLIP and classes of your own.

    python predict.py photos/ --run output/my
    python predict.py photo.jpg --classes "joy, calm, fear"

In Python: ``from predict import IntentPredictor``.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

from tqdm import tqdm

import inference  # isort: skip  # noqa: F401  first: it checks whose the other packages are
from core import distributed
from core.errors import UserError, did_you_mean
from inference.explanation import Explanation, check_maps
from inference.files import SUFFIXES, describe_skipped, find_images
from inference.images import silence_pillow
from inference.output import FORMATS, Writer, check_columns
from inference.predictor import IntentPredictor
from inference.results import Prediction, Unreadable, check_level
from inference.shared import Result, shared_stream
from tools import command

if TYPE_CHECKING:
    from inference.explain_folder import ExplanationFolder

__all__ = ["Explanation", "IntentPredictor", "Prediction", "Unreadable", "main"]

# smallest accepted numbers, by flag
LEAST = {"top": 1, "batch_size": 1, "workers": 0, "explain_top": 1, "explain_width": 900}
WIDEST = 8000  # pixels of a picture of maps; it needs memory with the square of its width


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``predict.py``."""
    parser = command.Parser(
        prog="predict.py", description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument(
        "images",
        nargs="+",
        help="image files, folders, patterns such as 'photos/**/*.jpg', or - for a list of paths "
        "on standard input; -- comes before names that begin with a dash",
    )
    add_model_flags(parser)
    _add_output_flags(parser)
    _add_explanation_flags(parser)
    _add_speed_flags(parser)
    return parser


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose the model; :func:`load_predictor` reads them."""
    model = parser.add_argument_group("model (one of the first three)")
    model.add_argument(
        "--run",
        "--model-dir",
        default="",
        metavar="FOLDER",
        help="output folder of a finished run (with torchrun, which takes --run as a flag of its "
        "own, write --model-dir)",
    )
    model.add_argument(
        "--classes",
        default="",
        metavar="NAMES",
        help="plain CLIP on these: 'joy, calm, fear'; or with ; between texts that have commas",
    )
    model.add_argument(
        "--hierarchy",
        default="",
        metavar="FILE",
        help="plain CLIP on the classes of a YAML file, or of a shipped one, such as intentonomy",
    )
    model.add_argument(
        "--epoch", type=int, metavar="N", help="epoch of the run (the one that it evaluated)"
    )
    model.add_argument(
        "--config-file",
        default="",
        metavar="FILE",
        help="backbone of plain CLIP (configs/trainers/ZeroshotCLIP/vit_b16.yaml)",
    )
    model.add_argument(
        "--set",
        nargs=2,
        action="append",
        default=[],
        metavar=("KEY", "VALUE"),
        help="override a key of the configuration, such as MODEL.BACKBONE.PATH FILE; may be "
        "repeated",
    )
    model.add_argument(
        "--rule", help="rule.json, threshold, or name of a rule; it marks intents (the run's own)"
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    out = parser.add_argument_group("output")
    out.add_argument("--format", choices=FORMATS, default="table", help="(table)")
    out.add_argument("--output", metavar="FILE", help="file to write (standard output)")
    out.add_argument(
        "--top", type=int, default=5, metavar="N", help="intents per image; csv has all (5)"
    )
    out.add_argument(
        "--group", choices=("super", "mid"), default="", help="group the table by the hierarchy"
    )


def _add_explanation_flags(parser: argparse.ArgumentParser) -> None:
    maps = parser.add_argument_group("explanation")
    maps.add_argument(
        "--explain",
        default="",
        metavar="DIR",
        help="write a picture per image there: where it matches its intents (docs/explain.md)",
    )
    maps.add_argument("--explain-top", type=int, metavar="N", help="intents in each picture (3)")
    maps.add_argument(
        "--explain-width", type=int, metavar="PX", help="width of a picture in pixels (1600)"
    )


def _add_speed_flags(parser: argparse.ArgumentParser) -> None:
    speed = parser.add_argument_group("speed")
    speed.add_argument("--batch-size", type=int, metavar="N", help="images at a time (the run's)")
    speed.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that read images (the run's, as far as there are cores)",
    )
    speed.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto)")


def check_args(args: argparse.Namespace) -> None:
    """Raise :class:`UserError` for flags that miss, exclude each other or would be ignored."""
    check_model_args(args)
    if args.output is not None:
        check_output(args.output)
    if args.explain:
        check_explain(args.explain, args.images)
    if args.explain_width is not None and args.explain_width > WIDEST:
        raise UserError(f"--explain-width is {args.explain_width}; expected at most {WIDEST}")
    if args.group and args.format != "table":
        raise UserError(f"--group needs --format table; the format is '{args.format}'")
    for name, least in LEAST.items():
        value = getattr(args, name)
        if value is not None:
            flag = f"--{name.replace('_', '-')}"
            command.check_least(value, flag, least)
            if name.startswith("explain") and not args.explain:
                raise UserError(f"{flag} needs --explain DIR")


def check_output(path: str) -> None:
    """Raise :class:`UserError`, before anything is predicted, where no file can be written."""
    if not path:
        raise UserError("--output is empty; expected the name of a file")
    if os.path.isdir(path):
        raise UserError(f"--output {path} is a folder; expected the name of a file")
    if path.lower().endswith(SUFFIXES):
        raise UserError(
            f"--output {path} has the name of an image; expected one such as result.csv"
        )
    folder = os.path.dirname(path) or os.curdir
    if not os.path.isdir(folder):
        above, name = os.path.split(folder)
        siblings = []
        if os.path.isdir(above or os.curdir):
            siblings = [one.name for one in os.scandir(above or os.curdir) if one.is_dir()]
        hint = did_you_mean(name, siblings)
        raise UserError(f"--output {path}: there is no folder {folder}; make it first.{hint}")


def check_explain(folder: str, images: Sequence[str]) -> None:
    """Raise :class:`UserError` unless the folder can have maps and has none of the images."""
    above = folder
    while above and not os.path.lexists(above):
        above = os.path.dirname(above.rstrip(os.sep))
    if not os.path.isdir(above or os.curdir):
        raise UserError(f"--explain {folder}: {above} is a file; expected a folder")
    if not os.access(above or os.curdir, os.W_OK | os.X_OK):
        raise UserError(f"--explain {folder} cannot be written: Permission denied")
    for word in images:
        if os.path.isdir(word) and os.path.isdir(folder) and os.path.samefile(word, folder):
            own = os.path.join(folder, "maps")
            raise UserError(
                f"--explain {folder} is the folder of the images; give another one, such as {own}"
            )


def check_model_args(args: argparse.Namespace) -> None:
    """Raise :class:`UserError` for flags of the model that miss or exclude each other."""
    if sum(map(bool, (args.run, args.classes, args.hierarchy))) != 1:
        raise UserError("give one of --run FOLDER, --classes 'joy, calm' and --hierarchy FILE")
    if args.epoch is not None and not args.run:
        raise UserError("--epoch needs --run: plain CLIP has no epochs")
    if args.config_file and args.run:
        raise UserError("--config-file needs --classes or --hierarchy; for a run see --set")
    if any(key == "TEST.RULE" for key, _ in args.set):
        raise UserError("--set TEST.RULE has no effect on predictions; give --rule")


def load_predictor(args: argparse.Namespace) -> IntentPredictor:
    """Return the predictor of the command line.

    Raises:
        UserError: the model cannot be loaded.
    """
    common = {
        "rule": args.rule,
        "device": args.device,
        "batch_size": args.batch_size,
        "options": [word for pair in args.set for word in pair],
    }
    if args.run:
        return IntentPredictor.from_run(args.run, epoch=args.epoch, **common)
    return IntentPredictor.from_classes(
        args.classes, hierarchy=args.hierarchy, config_file=args.config_file, **common
    )


def predict(args: argparse.Namespace) -> int:
    """Predict and write; return the exit status: 1 if an image could not be read."""
    check_args(args)
    silence_pillow()
    with distributed.session(use_cuda=args.device != "cpu"):
        skipped: Counter[str] = Counter()
        empty: list[str] = []
        paths = named_images(args, skipped, empty)
        predictor = load_predictor(args)
        if args.group:
            check_level(args.group, predictor.classes)
        if args.format == "csv":
            check_columns(predictor.classes)
        if args.explain:
            check_maps(predictor.trainer)
        # the other processes have no results to write
        output = args.output if distributed.is_main() else os.devnull
        is_data = args.format != "table"
        with open_output(output or "", is_data=is_data) as stream, ExitStack() as stack:
            settings = {"top": args.top, "classes": predictor.classes, "level": args.group}
            writer = FORMATS[args.format](stream, **settings)
            folder = open_explanations(args, predictor, stack)
            explain = folder.draw if folder else None
            results = shared_stream(predictor, paths, workers=args.workers, explain=explain)
            has_bar = bool(args.output) and distributed.is_main()
            failures = write_all(results, writer, has_bar=has_bar, folder=folder)
    if skipped:
        print(describe_skipped(skipped), file=sys.stderr)
    status = report_unreadable(failures)
    words = "word that names" if len(empty) == 1 else "words that name"
    return max(status, command.report_failures(empty, f"{words} no image"))


def named_images(
    args: argparse.Namespace, skipped: Counter[str], empty: list[str]
) -> Iterator[str]:
    """Return the paths of the images of the command line; only the main process needs them."""
    if not distributed.is_main():
        return iter(())
    listed = getattr(sys.stdin, "buffer", None)
    return find_images(args.images, listed, skipped, left_out=args.explain, empty=empty)


def open_explanations(
    args: argparse.Namespace, predictor: IntentPredictor, stack: ExitStack
) -> "ExplanationFolder | None":
    """Return the open folder of the explanations, or None; ``stack`` closes its files."""
    if not args.explain:
        return None
    # Here, because matplotlib takes a second to import, which predictions alone do not need.
    from inference.explain_folder import ExplanationFolder

    given = {"top": args.explain_top, "width": args.explain_width}
    given = {name: value for name, value in given.items() if value is not None}
    return stack.enter_context(ExplanationFolder(args.explain, predictor, **given))


def write_all(
    results: Iterable[Result],
    writer: Writer,
    *,
    has_bar: bool,
    folder: "ExplanationFolder | None" = None,
) -> list[str]:
    """Write the predictions while they come; return a line for each unreadable image.

    Args:
        results: of :func:`inference.shared.shared_stream`, in the order of the images.
        writer: of the predictions.
        has_bar: whether a bar shows the progress.
        folder: of the explanations, or None.
    """
    failures = []
    is_empty = True
    # None: a bar on a terminal only, where the predictions themselves do not appear
    try:
        for result, explained in tqdm(results, unit=" images", disable=None if has_bar else True):
            is_empty = False
            for outcome in (result, explained):
                if isinstance(outcome, Unreadable):
                    failures.append(outcome.reason)
            if isinstance(result, Prediction):
                writer.write(result)
            if isinstance(explained, dict):
                folder.write(explained)
            writer.stream.flush()  # a command that is killed keeps what it has predicted
    except KeyboardInterrupt:
        writer.close()
        report_unreadable(failures)
        raise
    writer.close()
    if is_empty and distributed.is_main():
        print("no image was named: the list on standard input is empty", file=sys.stderr)
    return failures


def report_unreadable(failures: list[str]) -> int:
    """Print the images that could not be read; return the exit status: 1 if there are any."""
    images = "image" if len(failures) == 1 else "images"
    return command.report_failures(failures, f"{images} that could not be read")


@contextmanager
def open_output(path: str, *, is_data: bool) -> Iterator[IO[str]]:
    """Open a file for the predictions; without a path, yield standard output.

    Args:
        path: file to write; empty: standard output.
        is_data: for programs, in UTF-8 everywhere; else for people, as the terminal shows text.
    """
    if path:
        with _create(path) as stream:
            yield stream
        return
    if is_data:
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    else:
        sys.stdout.reconfigure(errors="backslashreplace")
    yield sys.stdout


def _create(path: str) -> IO[str]:
    try:
        return open(path, "w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise UserError(f"--output {path} cannot be written: {error.strerror}") from None


def predict_together(args: argparse.Namespace) -> int:
    """Call :func:`predict`; of the processes of a launch only one reports a mistake."""
    try:
        return predict(args)
    except distributed.PeerError:  # the other process reports the reason
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except UserError as error:
        if distributed.first_to_report(str(error)):
            raise
        return 2


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = build_parser().parse_args(argv)
    return command.run(lambda: predict_together(args))


if __name__ == "__main__":
    sys.exit(main())
