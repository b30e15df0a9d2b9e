"""Single runs: each is one ordinary training command, kept by its settings, so that nothing is ever run twice."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from benchmarks.methods.plan import Method, Options, Plan, as_arguments
from core.errors import UserError


@dataclass(frozen=True)
class Run:
    """One method with one setting on one split with one seed; ``final`` runs look at test, others at val alone."""

    method: Method
    setting: tuple[tuple[str, object], ...]
    split: int
    seed: int
    final: bool

    def options(self, plan: Plan) -> Options:
        """Return all overrides: what is common, the method's, the setting's."""
        stage = {"TEST.SPLIT": "test" if self.final else "val"}
        return plan.common | self.method.options | dict(self.setting) | stage


class Runner:
    """Run what has no result yet, several at a time, under ``folder``; data of split k lie at ``roots[k]``."""

    def __init__(self, plan: Plan, folder: Path, roots: dict[int, Path], num_jobs: int) -> None:
        self.plan, self.folder, self.roots, self.num_jobs = plan, folder, roots, num_jobs

    def results(self, runs: Iterable[Run], desc: str) -> dict[Run, dict]:
        """Return the content of each run's ``metrics.json``, with its ``seconds``."""
        runs = list(dict.fromkeys(runs))
        missing = [run for run in runs if not (self.path(run) / "seconds.json").is_file()]
        failures = self._execute(missing, desc) if missing else []
        if failures:
            shown = "\n".join(failures[:5])
            raise UserError(
                f"{len(failures)} of {len(missing)} runs failed (the others are kept):\n{shown}"
            )
        return {run: self._read(run) for run in runs}

    def path(self, run: Run) -> Path:
        """Return the run's output folder: readable, and different whenever a setting or the backbone differs."""
        config = Path(self.config_file(run.method))
        text = json.dumps(
            [self.arguments(run), config.read_text(), self._backbone_digest], sort_keys=True
        )
        digest = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
        kind = "final" if run.final else "sweep"
        return (
            self.folder
            / "runs"
            / run.method.name
            / f"{kind}-split{run.split}-seed{run.seed}-{digest}"
        )

    def config_file(self, method: Method) -> str:
        """Return the method's YAML file."""
        return method.config or f"configs/trainers/{method.trainer}/scenes.yaml"

    def arguments(self, run: Run, output_dir: str = "") -> list[str]:
        """Return the command line after ``train.py``."""
        return [
            *(
                "--root",
                str(self.roots[run.split]),
                "--seed",
                str(run.seed),
                "--trainer",
                run.method.trainer,
            ),
            *(
                "--dataset-config-file",
                self.plan.dataset_config,
                "--config-file",
                self.config_file(run.method),
            ),
            *(("--output-dir", output_dir) if output_dir else ()),
            *as_arguments(run.options(self.plan)),
        ]

    @cached_property
    def _backbone_digest(self) -> str:
        path = Path(self.plan.common.get("MODEL.BACKBONE.PATH", ""))
        return (
            hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else ""
        )

    def _execute(self, runs: list[Run], desc: str) -> list[str]:
        failures = []
        context = get_context("spawn")
        with ProcessPoolExecutor(
            self.num_jobs, mp_context=context, initializer=_one_thread
        ) as pool:
            jobs = {}
            for run in runs:
                folder = str(self.path(run))
                jobs[pool.submit(execute, self.arguments(run, folder), folder)] = run
            for job in tqdm(as_completed(jobs), total=len(jobs), desc=desc, disable=None):
                if job.exception() is not None:
                    failures.append(
                        f"{self.path(jobs[job])}: {str(job.exception()).splitlines()[0]}"
                    )
        return failures

    def _read(self, run: Run) -> dict:
        folder = self.path(run)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return metrics | json.loads((folder / "seconds.json").read_text(encoding="utf-8"))


def execute(arguments: list[str], folder: str) -> None:
    """Train in this process, with what it prints in ``folder/stdout.txt``; ``seconds.json`` marks a finished run."""
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
            raise RuntimeError(str(error)) from None  # plain text crosses the process boundary
    done = Path(folder, "seconds.json")
    done.write_text(json.dumps({"seconds": round(time.time() - started, 2)}), encoding="utf-8")


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = (
        "1"  # as many runs as cores: more threads would only wait for each other
    )
