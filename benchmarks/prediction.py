"""Measure predicting picture files beside evaluating them.

    python -m benchmarks.prediction --images 1217

Pictures are drawn, and a run of one epoch is trained on some of them. Then two forms take turns on
the files of the test split (Intentonomy's has 1,217 images). "evaluation" is what the run does with
them after training: read, predict, metrics. "prediction" is what predict.py does: read, predict,
write all probabilities as CSV. Start-up counts for neither.

The table gives the medians of time and CPU time, images per second, and the CPU time of prediction
as a share of the evaluation's.
"""

import argparse
import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import _command, _common
from benchmarks.methods.runs import NO_EXTRAS
from core.cli import parse_args
from core.config_merge import resolve_args
from engine.base_choice import build_trainer
from inference.output import CsvWriter
from predict import IntentPredictor
from tools.scenes.make import make_scenes
from train import main as train

NUM_TEST = 1217
FORMS = ("evaluation", "prediction")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or run as one of the measuring processes."""
    args = parse(argv)
    if _common.is_worker(args, prepare):
        return
    with tempfile.TemporaryDirectory() as folder:
        root, run = Path(folder, "data"), Path(folder, "run")
        make_scenes(root, num_train=64, num_val=64, num_test=args.images, size=args.size)
        training = arguments(args.trainer, root, run, args.workers)
        with contextlib.redirect_stdout(io.StringIO()):
            train([*training, "OPTIM.MAX_EPOCH", "1"])
        common = {
            "arguments": training,
            "root": str(root),
            "run": str(run),
            "workers": args.workers,
            "num_images": args.images,
            "device": args.device,
            "threads": args.threads or torch.get_num_threads(),
        }
        forms = [{**common, "form": form} for form in FORMS]
        results = _common.measure("prediction", forms, args.repeats, args.warm_up)
    for result in results:
        _common.emit(result, args.output)
    print("\n" + table(results))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags."""
    parser = _command.Parser(__doc__, repeats=5, has_baseline=False)
    parser.add_argument("--images", type=_command.at_least(1), default=NUM_TEST)
    parser.add_argument("--size", type=_command.at_least(16), default=96, help="side of a picture")
    parser.add_argument("--trainer", default="IntCLIP", help="whose run is measured (IntCLIP)")
    parser.add_argument("--workers", type=_command.at_least(0), default=0, help="reading processes")
    return parser.parse(argv)


def arguments(trainer: str, root: Path, run: Path, workers: int) -> list[str]:
    """Return the command line of the run after ``train.py``."""
    return [
        *("--root", str(root)),
        *("--seed", "1"),
        *("--trainer", trainer),
        *("--dataset-config-file", "configs/datasets/scenes.yaml"),
        *("--config-file", f"configs/trainers/{trainer}/scenes.yaml"),
        *("--output-dir", str(run)),
        *("DATALOADER.NUM_WORKERS", str(workers)),
        *NO_EXTRAS,
    ]


def prepare(settings: dict[str, Any]) -> Callable[[], object]:
    """Return a function that evaluates or predicts all test pictures once."""
    torch.set_num_threads(settings["threads"])
    if settings["form"] == "evaluation":
        return prepare_evaluation(settings)
    return prepare_prediction(settings)


def prepare_evaluation(settings: dict[str, Any]) -> Callable[[], object]:
    """Return the evaluation of the test split with the rule that val gives."""
    run = settings["run"]
    cfg, _ = resolve_args(parse_args(["--eval-only", "--model-dir", run, *settings["arguments"]]))
    trainer = build_trainer(cfg)
    trainer.load_model(run)
    rule = trainer.evaluate_split("val").rule
    return lambda: trainer.evaluate_split("test", rule)


def prepare_prediction(settings: dict[str, Any]) -> Callable[[], object]:
    """Return the prediction of the files of the test split, in its order, as CSV."""
    predictor = IntentPredictor.from_run(settings["run"], device=settings["device"])
    root = Path(settings["root"])
    content = json.loads((root / "annotations" / "intentonomy_test2020.json").read_text())
    paths = [root / image["filename"] for image in content["images"]]

    def predict() -> None:
        writer = CsvWriter(io.StringIO(), top=1, classes=predictor.classes)
        for result in predictor.stream(paths, workers=settings["workers"]):
            writer.write(result)
        writer.close()

    return predict


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table; the last column compares the CPU time with the evaluation's."""
    lines = ["| form | median ms | CPU ms | images/s | CPU share |", "| --- | " + "---: | " * 4]
    for result in results:
        share = result["cpu_ms"] / results[0]["cpu_ms"]
        lines.append(
            f"| {result['settings']['form']} | {result['median']:.0f} | {result['cpu_ms']:.0f} | "
            f"{result['images_per_s']:.1f} | {share:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    _command.start(main)
