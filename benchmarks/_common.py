"""What all benchmarks share: each form of a case in a process of its own, turns between them, JSON lines and a table.

A script has ``prepare(settings) -> Callable[[], None]``, which builds what is measured and returns one repeat of it.
Its cases run in fresh processes, so that peak memory is the case's own. The forms of a case (ours, straightforward)
take turns repeat by repeat, so that whatever else the machine does falls on both.
"""

import argparse
import functools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
Settings = dict[str, Any]


def run(script: str, args: argparse.Namespace, cases: Sequence[Settings]) -> list[dict[str, Any]]:
    """Measure ``cases`` of ``benchmarks.<script>``; print one JSON line for each form, then a table."""
    results = []
    for case in cases:
        for result in measure(script, forms(args, case), args.repeats, args.warm_up):
            results.append(result)
            emit(result, args.output)
    print("\n" + table(results))
    return results


def emit(result: dict[str, Any], output: str) -> None:
    """Print a result as a JSON line; with ``output``, append it to that file, too."""
    line = json.dumps(result)
    print(line, flush=True)
    if output:
        with open(output, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def forms(args: argparse.Namespace, case: Settings) -> list[Settings]:
    """Return the settings of each form of ``case``."""
    names = ["ours", "straightforward"] if args.baseline else ["ours"]
    common = {"device": args.device, "threads": args.threads or os.cpu_count(), **case}
    return [{**common, "form": name} for name in names]


def measure(
    script: str, forms: Sequence[Settings], repeats: int, warm_up: int = 1
) -> list[dict[str, Any]]:
    """Return the result of each form of one case; they are all alive at once and take turns."""
    workers = [Worker(script, settings) for settings in forms]
    try:
        for _ in range(warm_up):  # allocation, caches, compilation
            for worker in workers:
                worker.turn()
        times = [[] for _ in workers]
        for _ in range(repeats):
            for worker, taken in zip(workers, times, strict=True):
                taken.append(worker.turn())
        ends = [worker.finish() for worker in workers]
    finally:
        for worker in workers:
            worker.process.kill()
    return [_result(script, *parts) for parts in zip(forms, times, ends, strict=True)]


def _result(script: str, settings: Settings, times: list[dict], end: dict) -> dict[str, Any]:
    seconds = [turn["seconds"] for turn in times]
    images = settings.get("num_images")
    return {
        "name": script,
        "settings": settings,
        "median": round(1000 * statistics.median(seconds), 2),
        "unit": "ms",
        "repeats": [round(1000 * s, 2) for s in seconds],
        "cpu_ms": round(1000 * statistics.median(turn["cpu_seconds"] for turn in times), 2),
        **({"images_per_s": round(images / statistics.median(seconds), 3)} if images else {}),
        **end,
        **machine(),
    }


class Worker:
    """One form of a case in its own process."""

    def __init__(self, script: str, settings: Settings) -> None:
        command = [sys.executable, "-m", f"benchmarks.{script}", "--worker", json.dumps(settings)]
        threads = str(settings["threads"])
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        )  # fmt: skip

    def turn(self) -> dict[str, float]:
        """Run one repeat."""
        return self._ask("turn")

    def finish(self) -> dict[str, float]:
        """End the process; return its peak memory."""
        return self._ask("finish")

    def _ask(self, word: str) -> dict[str, float]:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        status = self.process.wait()
        raise SystemExit(
            2
            if status == 2
            else f"a benchmark process ended with status {status}; its error is above"
        )


def serve(prepare: Callable[[Settings], Callable[[], None]], settings: Settings) -> None:
    """Be a worker: build, then answer each line on stdin with one repeat's time, or with the peak memory."""
    import torch

    before = _peak_rss()
    repeat = prepare(settings)
    on_cuda = settings["device"] == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    for line in sys.stdin:
        if line.strip() == "finish":
            answer = {
                "peak_memory_mb": round(_peak_rss() - before),
                "peak_rss_mb": round(_peak_rss()),
            }
            if on_cuda:
                answer["peak_memory_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
        else:
            answer = _timed(repeat, torch.cuda.synchronize if on_cuda else lambda: None)
        print(json.dumps(answer), flush=True)


def _timed(repeat: Callable[[], None], wait: Callable[[], None]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    repeat()
    wait()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


def _peak_rss() -> float:
    """Return this process's peak resident memory so far in MiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 1024
    )


@functools.cache
def machine() -> dict[str, Any]:
    """Return what the numbers depend on beside the code."""
    import torch

    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 2),  # over one minute, at the first result
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table: a row per result, and how many times the straightforward form's time and memory."""
    varying = [
        key
        for key in results[0]["settings"]
        if len({str(r["settings"].get(key)) for r in results}) > 1
    ]
    varying = [key for key in varying if key != "form"]
    header = [
        *varying,
        "form",
        "median ms",
        "CPU ms",
        "images/s",
        "peak MB",
        "speed-up",
        "share of memory",
    ]
    rows = []
    for result in results:
        plain = _plain_of(result, results)
        ours = plain is not None and result["settings"]["form"] == "ours"
        rows.append([
            *(str(result["settings"].get(key)) for key in varying),
            result["settings"]["form"],
            f"{result['median']:.1f}",
            f"{result['cpu_ms']:.1f}",
            f"{result['images_per_s']:.2f}" if "images_per_s" in result else "",
            str(result["peak_memory_mb"]),
            f"{plain['median'] / result['median']:.2f}x" if ours else "",
            f"{result['peak_memory_mb'] / max(plain['peak_memory_mb'], 1):.2f}" if ours else "",
        ])  # fmt: skip
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]
    )


def _plain_of(result: dict[str, Any], results: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the straightforward form's result of the same case, or None."""
    wanted = {**result["settings"], "form": "straightforward"}
    return next((r for r in results if r["settings"] == wanted), None)
