"""Single runs: ordinary training commands whose results are kept, so that none is repeated."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from benchmarks.methods.plan import Method, Options, Plan, as_arguments
from core.errors import UserError

DONE = "seconds.json"  # written last, so it marks a finished run
MAX_SHOWN = 5  # failures in an error message
# The page has intervals over seeds and splits; those of a single run would double its time.
NO_EXTRAS = ("TEST.BOOTSTRAP", "0", "TEST.COSTS", "False", "TEST.REPORT", "False")


@dataclass(frozen=True)
class Run:
    """One method with one setting on one split with one seed.

    Attributes:
        method: the method.
        setting: the chosen setting as pairs of key and value.
        split: number of the split.
        seed: the seed.
        final: evaluate on test; otherwise on val only.
    """

    method: Method
    setting: tuple[tuple[str, object], ...]
    split: int
    seed: int
    final: bool

    def options(self, plan: Plan) -> Options:
        """Return the whole configuration: common, the method's, the setting's."""
        stage = {"TEST.SPLIT": "test" if self.final else "val"}
        return plan.common | self.method.options | dict(self.setting) | stage


class Runner:
    """Execute runs that have no result yet, several at a time.

    Args:
        plan: the plan.
        folder: of all runs and results.
        roots: folder of the data of each split.
        num_jobs: runs at a time.
    """

    def __init__(self, plan: Plan, folder: Path, roots: Mapping[int, Path], num_jobs: int) -> None:
        self.plan = plan
        self.folder = folder
        self.roots = roots
        self.num_jobs = num_jobs
        self._digests: dict[str, str] = {}  # of backbone files

    def results(self, runs: Iterable[Run], desc: str) -> dict[Run, dict]:
        """Return the content of each run's ``metrics.json``, with its ``seconds``.

        Args:
            runs: equal ones run once.
            desc: label of the progress bar.

        Raises:
            UserError: runs failed; the results of the others are kept.
        """
        runs = list(dict.fromkeys(runs))
        missing = [run for run in runs if not (self.path(run) / DONE).is_file()]
        commands = {}
        for run in missing:
            folder = str(self.path(run))
            commands[folder] = [*self.arguments(run, folder), *NO_EXTRAS]
        failures = self._execute(commands, desc) if commands else []
        if failures:
            shown = "\n".join(failures[:MAX_SHOWN])
            raise UserError(
                f"{len(failures)} of {len(missing)} runs failed (the others are kept):\n{shown}"
            )
        return {run: self._read(run) for run in runs}

    def path(self, run: Run) -> Path:
        """Return the output folder of a run; every setting and backbone has a different one."""
        config = Path(self.config_file(run.method)).read_text()
        content = [self.arguments(run), config, self._backbone_digest(run)]
        text = json.dumps(content, sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
        kind = "final" if run.final else "sweep"
        name = f"{kind}-split{run.split}-seed{run.seed}-{digest}"
        return self.folder / "runs" / run.method.name / name

    def config_file(self, method: Method) -> str:
        """Return the YAML file of a method."""
        return method.config or f"configs/trainers/{method.trainer}/scenes.yaml"

    def arguments(self, run: Run, output_dir: str = "") -> list[str]:
        """Return the command line after ``train.py``."""
        flags = {
            "--root": str(self.roots[run.split]),
            "--seed": str(run.seed),
            "--trainer": run.method.trainer,
            "--dataset-config-file": self.plan.dataset_config,
            "--config-file": self.config_file(run.method),
        }
        if output_dir:
            flags["--output-dir"] = output_dir
        arguments = []
        for pair in flags.items():
            arguments += pair
        return arguments + as_arguments(run.options(self.plan))

    def predictions(self, runs: Iterable[Run]) -> dict[Run, dict[str, Path]]:
        """Return the predictions files of finished runs, by split: ``val`` and ``test``.

        Each run predicts both splits once more, from its checkpoint.

        Raises:
            UserError: a prediction failed.
        """
        files, missing = {}, {}
        for run in dict.fromkeys(runs):
            files[run] = {}
            for split in ("val", "test"):
                folder = self.path(run) / f"predictions_{split}"
                files[run][split] = folder / "predictions.csv"
                if not (folder / DONE).is_file():
                    missing[str(folder)] = self._predict_arguments(run, split, str(folder))
        failures = self._execute(missing, "predict") if missing else []
        if failures:
            raise UserError(f"{len(failures)} predictions failed: {failures[0]}")
        return files

    def _predict_arguments(self, run: Run, split: str, folder: str) -> list[str]:
        arguments = self.arguments(run, folder)
        if run.method.learns:
            arguments = ["--eval-only", "--model-dir", str(self.path(run)), *arguments]
        # the last value of a key counts
        return [*arguments, "TEST.SPLIT", split, "TEST.PREDICTIONS", "True", *NO_EXTRAS]

    def _backbone_digest(self, run: Run) -> str:
        path = str(run.options(self.plan).get("MODEL.BACKBONE.PATH", ""))
        if path not in self._digests:
            content = Path(path).read_bytes() if Path(path).is_file() else b""
            self._digests[path] = hashlib.blake2b(content, digest_size=8).hexdigest()
        return self._digests[path]

    def _execute(self, commands: Mapping[str, list[str]], desc: str) -> list[str]:
        """Execute commands by output folder, each in a process; return a line for each failure."""
        failures = []
        context = get_context("spawn")
        with ProcessPoolExecutor(
            self.num_jobs, mp_context=context, initializer=_one_thread
        ) as pool:
            folders = {}
            for folder, arguments in commands.items():
                folders[pool.submit(execute, arguments, folder)] = folder
            for job in tqdm(as_completed(folders), total=len(folders), desc=desc, disable=None):
                error = job.exception()
                if error is not None:
                    failures.append(f"{folders[job]}: {str(error).splitlines()[0]}")
        return failures

    def _read(self, run: Run) -> dict:
        folder = self.path(run)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return metrics | json.loads((folder / DONE).read_text(encoding="utf-8"))


def execute(arguments: list[str], folder: str) -> None:
    """Train in this process; the text that it prints goes to ``folder/stdout.txt``.

    Args:
        arguments: command line after ``train.py``.
        folder: output folder, which is created.

    Raises:
        RuntimeError: the message of a :class:`UserError`, whose text crosses process boundaries.
    """
    import torch

    torch.set_num_threads(1)
    from core.logging import close_logging
    from train import main

    Path(folder).mkdir(parents=True, exist_ok=True)
    started = time.time()
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(Path(folder, "stdout.txt").open("w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(out))
        stack.callback(close_logging)
        try:
            main(arguments)
        except UserError as error:
            raise RuntimeError(str(error)) from None
    seconds = {"seconds": round(time.time() - started, 2)}
    Path(folder, DONE).write_text(json.dumps(seconds), encoding="utf-8")


def _one_thread() -> None:
    # There are as many runs as cores; more threads would only wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"
